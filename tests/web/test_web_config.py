"""web-config.yml is taken as Prometheus exporters take it, or refused with everything that is wrong."""

from pathlib import Path
from textwrap import dedent

import pytest

from mmied.errors import EXIT_CONFIG, ConfigError
from mmied.web.web_config import WebConfig, load_web_config

HASH = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"


@pytest.fixture
def load(tmp_path: Path):
    def write_and_load(text: str) -> WebConfig:
        path = tmp_path / "web-config.yml"
        path.write_text(dedent(text))
        return load_web_config(path)

    return write_and_load


@pytest.fixture
def mistakes_of(load, tmp_path: Path):
    """Load a text that has mistakes, and return them without the folder."""

    def complain(text: str) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            load(text)
        return [mistake.removeprefix(f"{tmp_path}/") for mistake in caught.value.mistakes]

    return complain


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "tls_server_config: {}\n", "basic_auth_users:\n"])
def test_an_empty_file_asks_for_nothing(load, text):
    assert load(text) == WebConfig(tls=None, users={}, headers={})


@pytest.mark.parametrize("prefix", ["$2a$10$", "$2b$12$", "$2y$04$", "$2x$31$"])
def test_users_have_bcrypt_hashes_of_any_maker(load, prefix):
    hashed = prefix + HASH[7:]

    assert load(f"basic_auth_users:\n  alice: {hashed}\n").users == {"alice": hashed}


def test_a_user_may_have_a_number_for_a_name(load):
    assert load(f"basic_auth_users:\n  007: {HASH}\n").users == {"007": HASH}


def test_the_headers_of_the_toolkit_are_taken(load):
    web_config = load(
        """\
        http_server_config:
          http2: false
          headers:
            Strict-Transport-Security: max-age=31536000
            X-Frame-Options: deny
            Content-Security-Policy: ""
        """
    )

    assert web_config.headers == {"Strict-Transport-Security": "max-age=31536000", "X-Frame-Options": "deny"}


def test_all_mistakes_are_told_at_once_each_with_its_line(mistakes_of):
    mistakes = mistakes_of(
        """\
        tls_server_confg:
          cert_file: server.crt
        basic_auth_users:
          alice: secret
          "a:b": $2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG
        http_server_config:
          http2: true
          headers:
            Server: none
            X-Frame-Options: allow
        """
    )

    assert mistakes == [
        "web-config.yml:1: tls_server_confg is not a key of a web-config file. Did you mean tls_server_config?",
        "web-config.yml:4: basic_auth_users.alice is not a bcrypt hash, as `htpasswd -nB` makes them",
        "web-config.yml:5: basic_auth_users.a:b is not a name that a client can send",
        "web-config.yml:7: http_server_config.http2 is not supported by mmied: it speaks HTTP/1.1. "
        "Say false, or leave it out",
        "web-config.yml:9: http_server_config.headers.Server is not a key of a web-config file. Known are "
        "Content-Security-Policy, Strict-Transport-Security, X-Content-Type-Options, X-Frame-Options, "
        "X-XSS-Protection",
        "web-config.yml:10: http_server_config.headers.X-Frame-Options is 'allow'. Known are deny and sameorigin",
    ]


def test_a_mistake_does_not_print_the_password(mistakes_of):
    assert "hunter2" not in "".join(mistakes_of("basic_auth_users:\n  alice: hunter2\n"))


@pytest.mark.parametrize(
    "hashed",
    ["", "$1$abc$def", HASH[:-1], HASH + "x", HASH.replace("$10$", "$03$"), HASH.replace("zou", "zox"), "[1, 2]"],
)
def test_what_is_not_a_bcrypt_hash_is_refused(mistakes_of, hashed):
    assert "is not a bcrypt hash" in mistakes_of(f"basic_auth_users:\n  alice: {hashed}\n")[0]


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ("tls_server_config", "cert: PEM"),
        ("tls_server_config", "key: PEM"),
        ("tls_server_config", "client_allowed_sans: [a]"),
        ("tls_server_config", "curve_preferences: [X25519]"),
        ("tls_server_config", "min_version: TLS10"),
        ("tls_server_config", "client_auth_type: RequireAnyClientCert"),
        ("http_server_config", "http2: true"),
    ],
)
def test_what_the_toolkit_knows_and_we_cannot_honour_is_not_ignored(mistakes_of, section, key):
    name = key.partition(":")[0]

    told = [mistake for mistake in mistakes_of(f"{section}:\n  {key}\n") if "not supported by mmied" in mistake]

    assert len(told) == 1
    assert told[0].startswith(f"web-config.yml:2: {section}.{name} is")


def test_a_rate_limit_is_not_ignored(mistakes_of):
    assert "put a reverse proxy in front" in mistakes_of("rate_limit:\n  interval: 1s\n  burst: 5\n")[0]


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("just words\n", "web-config.yml: the file is not a mapping of keys to values"),
        ("basic_auth_users: [alice]\n", "web-config.yml:1: basic_auth_users is not a mapping of keys to values"),
        (
            f"basic_auth_users:\n  alice: {HASH}\n  alice: {HASH}\n",
            "web-config.yml:2: basic_auth_users.alice stands again on line 3",
        ),
        (
            "http_server_config: {headers: {X-XSS-Protection: [1]}}\n",
            "web-config.yml:1: http_server_config.headers.X-XSS-Protection is not a text",
        ),
        (
            'http_server_config: {headers: {X-XSS-Protection: "0\\r\\nSet-Cookie: a=b"}}\n',
            "web-config.yml:1: http_server_config.headers.X-XSS-Protection has characters that no header may have",
        ),
        (
            "http_server_config: {http2: maybe}\n",
            "web-config.yml:1: http_server_config.http2 is neither true nor false",
        ),
    ],
)
def test_a_file_of_another_shape_is_refused(mistakes_of, text, mistake):
    assert mistakes_of(text) == [mistake]


@pytest.mark.parametrize("text", ["a: [1\n", "a: b: c\n", "\x00"])
def test_what_is_not_yaml_is_refused(mistakes_of, text):
    assert "is not YAML" in mistakes_of(text)[0]


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "web-config.yml").write_bytes(b"\xff\xfe\xff")

    with pytest.raises(ConfigError, match="is not YAML"):
        load_web_config(tmp_path / "web-config.yml")


def test_a_file_that_is_not_there_is_a_mistake_in_the_configuration(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.yml: cannot be read: No such file") as caught:
        load_web_config(tmp_path / "nowhere.yml")

    assert caught.value.exit_status == EXIT_CONFIG
