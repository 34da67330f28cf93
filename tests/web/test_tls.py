"""TLS as web-config.yml asks for it, with real certificates, handshakes and clients that hang in them."""

import contextlib
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from certificates import make_certificate

from mmied.errors import ConfigError
from mmied.web.server import HttpServer
from mmied.web.tls import CIPHER_SUITES, make_context
from mmied.web.web_config import WebConfig, load_web_config


async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["scheme"].encode()})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_certificate(tmp_path, "server")
    return tmp_path


@pytest.fixture
def load(folder: Path):
    """Load a web config of TLS with the server's certificate, and these lines more or instead."""

    def write_and_load(**settings: str) -> WebConfig:
        settings = {"cert_file": "server.crt", "key_file": "server.key"} | settings
        lines = [f"  {key}: {value}\n" for key, value in settings.items()]
        (folder / "web-config.yml").write_text("tls_server_config:\n" + "".join(lines))
        return load_web_config(folder / "web-config.yml")

    return write_and_load


@contextlib.contextmanager
def serving(web_config: WebConfig | None) -> Iterator[HttpServer]:
    server = HttpServer(app, "127.0.0.1", 0, web_config)
    server.start()
    try:
        yield server
    finally:
        assert server.stop(5)


def client_context(trusted: Path, certificate: Path | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=trusted)
    if certificate:
        context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    return context


def get(server: HttpServer, context: ssl.SSLContext) -> httpx.Response:
    return httpx.get(server.url, verify=context, timeout=5)


def served_certificate(server: HttpServer) -> str:
    return ssl.get_server_certificate(("127.0.0.1", server.port), timeout=5)


def test_a_request_over_tls_is_answered(load, folder):
    with serving(load()) as server:
        response = get(server, client_context(folder / "server.crt"))

        assert server.url.startswith("https://127.0.0.1:")
        assert response.text == "https"


def test_plain_http_is_not_answered_where_tls_is_on(load):
    with serving(load()) as server, pytest.raises(httpx.RemoteProtocolError):
        httpx.get(server.url.replace("https", "http"), timeout=5)


def test_a_client_that_opens_tls_and_says_nothing_holds_nobody_up(load, folder):
    with serving(load()) as server, contextlib.ExitStack() as stack:
        for _ in range(50):
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=5))
        half = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=5))
        half.sendall(b"\x16\x03\x01\x02\x00\x01\x00")  # a ClientHello's first bytes

        assert get(server, client_context(folder / "server.crt")).status_code == 200


def test_silent_handshakes_do_not_hold_the_stop_up(load):
    with serving(load()) as server, socket.create_connection(("127.0.0.1", server.port), timeout=5):
        assert server.stop(4)


def test_only_clients_with_a_certificate_of_the_ca_are_answered(load, folder):
    ours, stranger = make_certificate(folder, "ours"), make_certificate(folder, "stranger")
    web_config = load(client_auth_type="RequireAndVerifyClientCert", client_ca_file="ours.crt")
    with serving(web_config) as server:
        assert get(server, client_context(folder / "server.crt", ours)).status_code == 200
        for certificate in (None, stranger):
            with pytest.raises((httpx.ReadError, httpx.ConnectError, httpx.RemoteProtocolError)):
                get(server, client_context(folder / "server.crt", certificate))


def test_a_certificate_that_may_be_given_is_verified_when_it_is(load, folder):
    ours, stranger = make_certificate(folder, "ours"), make_certificate(folder, "stranger")
    with serving(load(client_auth_type="VerifyClientCertIfGiven", client_ca_file="ours.crt")) as server:
        for certificate in (None, ours):
            assert get(server, client_context(folder / "server.crt", certificate)).status_code == 200
        with pytest.raises((httpx.ReadError, httpx.ConnectError, httpx.RemoteProtocolError)):
            get(server, client_context(folder / "server.crt", stranger))


def test_a_client_ca_may_stand_in_the_file_itself(load, folder):
    ours = make_certificate(folder, "ours")
    pem = "|\n" + "".join(f"    {line}\n" for line in ours.read_text().splitlines())

    web_config = load(client_auth_type="RequireAndVerifyClientCert", client_ca=pem)

    with serving(web_config) as server:
        assert get(server, client_context(folder / "server.crt", ours)).status_code == 200


@pytest.mark.parametrize(("setting", "offered"), [("min_version: TLS13", "1.2"), ("max_version: TLS12", "1.3")])
def test_versions_outside_the_bounds_are_refused(load, folder, setting, offered):
    key, _, version = setting.partition(": ")
    context = client_context(folder / "server.crt")
    context.minimum_version = context.maximum_version = {
        "1.2": ssl.TLSVersion.TLSv1_2,
        "1.3": ssl.TLSVersion.TLSv1_3,
    }[offered]

    with serving(load(**{key: version})) as server, pytest.raises(httpx.ConnectError):
        get(server, context)


def test_the_cipher_suites_that_are_named_are_those_offered(load):
    context = make_context(load(cipher_suites="[TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]").tls)

    names = {cipher["name"] for cipher in context.get_ciphers() if cipher["protocol"] != "TLSv1.3"}
    assert names == {"ECDHE-ECDSA-AES128-GCM-SHA256"}


@pytest.mark.parametrize("suite", [suite for suite, name in CIPHER_SUITES.items() if name])
def test_openssl_knows_every_cipher_suite_of_gos(load, suite):
    context = make_context(load(cipher_suites=f"[{suite}]").tls)

    assert CIPHER_SUITES[suite] in {cipher["name"] for cipher in context.get_ciphers()}


@pytest.mark.parametrize(("wanted", "expected"), [("true", True), ("false", False)])
def test_whose_preference_counts_can_be_chosen(load, wanted, expected):
    context = make_context(load(prefer_server_cipher_suites=wanted).tls)

    assert bool(context.options & ssl.OP_CIPHER_SERVER_PREFERENCE) is expected


def test_a_renewed_certificate_is_served_after_a_reload_and_connections_stay(load, folder):
    with serving(load()) as server:
        first = served_certificate(server)
        with httpx.Client(base_url=server.url, verify=client_context(folder / "server.crt")) as client:
            client.get("/")
            make_certificate(folder, "server")
            server.reload(load())

            assert served_certificate(server) == (folder / "server.crt").read_text() != first
            assert client.get("/").status_code == 200


def test_a_reload_can_switch_tls_on_and_off(load, folder):
    with serving(None) as server:
        port = server.port
        assert httpx.get(server.url).text == "http"

        server.reload(load())
        assert get(server, client_context(folder / "server.crt")).text == "https"

        server.reload(None)
        assert httpx.get(server.url).text == "http"
        assert server.port == port


def test_a_bad_certificate_at_a_reload_leaves_the_good_one(load, folder):
    with serving(load()) as server:
        tls = load().tls
        (folder / "server.key").write_text("junk")

        with pytest.raises(ConfigError):
            server.reload(WebConfig(tls=tls))

        assert get(server, client_context(folder / "server.crt")).status_code == 200


@pytest.mark.parametrize(
    ("settings", "mistake"),
    [
        ({"cert_file": "gone.crt"}, "cert_file: cannot read FOLDER/gone.crt: No such file or directory"),
        ({"key_file": "gone.key"}, "key_file: cannot read FOLDER/gone.key: No such file or directory"),
        ({"cert_file": "other.crt"}, "FOLDER/server.key is not the key of the certificate FOLDER/other.crt"),
        ({"cert_file": "locked.crt", "key_file": "locked.key"}, "FOLDER/locked.key is encrypted"),
        ({"cert_file": "junk"}, "FOLDER/junk and FOLDER/server.key are not a PEM certificate and its key"),
        ({"key_file": '""'}, "tls_server_config needs both cert_file and key_file"),
        ({"min_version": "TLS13", "max_version": "TLS12"}, "min_version is above max_version"),
        ({"min_version": "SSL3"}, "min_version is 'SSL3', which is not supported by mmied. Take one of TLS12, TLS13"),
        ({"cipher_suites": "[RC4]"}, "cipher_suites has 'RC4', which is none of"),
        ({"cipher_suites": "RC4"}, "cipher_suites is not a list"),
        ({"client_ca_file": "other.crt"}, "is of no use without client_auth_type"),
        ({"client_auth_type": "RequireAndVerifyClientCert"}, "client_auth_type needs client_ca_file"),
        (
            {"client_auth_type": "RequireAndVerifyClientCert", "client_ca_file": "junk"},
            "client_ca_file: FOLDER/junk holds no PEM certificate",
        ),
        (
            {"client_auth_type": "RequireAndVerifyClientCert", "client_ca_file": "gone.crt"},
            "client_ca_file: cannot read FOLDER/gone.crt",
        ),
        (
            {"client_auth_type": "RequireAndVerifyClientCert", "client_ca": "junk"},
            "tls_server_config.client_ca holds no PEM certificate",
        ),
        (
            {"client_auth_type": "RequireAndVerifyClientCert", "client_ca": "junk", "client_ca_file": "other.crt"},
            "client_ca and client_ca_file exclude each other",
        ),
    ],
)
def test_what_cannot_be_served_is_told_with_its_file(load, folder, settings, mistake):
    make_certificate(folder, "other")
    make_certificate(folder, "locked", passphrase=b"secret")
    (folder / "junk").write_text("junk")

    with pytest.raises(ConfigError) as caught:
        load(**settings)

    assert mistake.replace("FOLDER", str(folder)) in caught.value.mistakes[0]


def test_mistakes_in_files_and_in_keys_are_told_together(load, folder):
    with pytest.raises(ConfigError) as caught:
        load(cert_file="gone.crt", key_file="gone.key", min_version="TLS10", cert_fil="x")

    assert len(caught.value.mistakes) == 4
