"""Read web-config.yml, in which Prometheus exporters say who may connect.

The format is that of https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md. What it
knows and we cannot honour is refused, since a restriction that is silently dropped is worse than none.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml

from mmied.errors import ConfigError
from mmied.web.tls import CIPHER_SUITES, CLIENT_AUTH_TYPES, VERSIONS, TlsConfig, make_context

C = TypeVar("C", bound=str)

HEADERS: Mapping[str, tuple[str, ...]] = {  # and their values, where those are few
    "Content-Security-Policy": (),
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
}

KEYS: Mapping[tuple[str, ...], tuple[str, ...]] = {
    (): ("tls_server_config", "http_server_config", "basic_auth_users", "rate_limit"),
    ("tls_server_config",): (
        *("cert_file", "key_file", "cert", "key"),
        *("client_auth_type", "client_ca_file", "client_ca", "client_allowed_sans"),
        *("min_version", "max_version", "cipher_suites", "prefer_server_cipher_suites", "curve_preferences"),
    ),
    ("http_server_config",): ("http2", "headers"),
    ("http_server_config", "headers"): tuple(HEADERS),
}

NOT_SUPPORTED: Mapping[tuple[str, ...], str] = {
    ("rate_limit",): "put a reverse proxy in front that limits the rate",
    ("tls_server_config", "cert"): "write it to a file and name that under cert_file",
    ("tls_server_config", "key"): "write it to a file and name that under key_file",
    ("tls_server_config", "client_allowed_sans"): "use a client CA of its own for those who may connect",
    ("tls_server_config", "curve_preferences"): "leave it out: OpenSSL chooses",
}

# The salt's 22nd character carries two bits of it, and four that bcrypt wants to be zero
BCRYPT = re.compile(r"\$2[abxy]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebConfig:
    """Who may connect: TLS or None, the bcrypt hash of each user's password, and headers to put on responses."""

    tls: TlsConfig | None = None
    users: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


def load_web_config(path: Path) -> WebConfig:
    """Read the file at `path`; the files that it names are relative to its folder.

    Raises ConfigError with all the mistakes, those in certificate and key included.
    """
    file = _File(path)
    root = file.section(file.root, ())
    tls = _read_tls(file, root.get("tls_server_config"))
    users = _read_users(file, root.get("basic_auth_users"))
    headers = _read_headers(file, root.get("http_server_config"))
    if tls:
        try:
            make_context(tls)
        except ConfigError as error:
            file.mistakes += [f"{path}: tls_server_config.{mistake}" for mistake in error.mistakes]
    if file.mistakes:
        raise ConfigError(file.mistakes)
    return WebConfig(tls=tls, users=users, headers=headers)


class _File:
    """The file while it is read: its content, the line of each key, and the mistakes found so far."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: dict[tuple[str, ...], int] = {}
        self.mistakes: list[str] = []
        try:
            tree = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        except OSError as error:
            raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ConfigError([f"{path}: is not YAML: {' '.join(str(error).split())}"]) from error
        self.root = None if tree is None else self._plain(tree, ())

    def complain(self, key: tuple[str, ...], sentence: str) -> None:
        line = self.lines.get(key)
        where = f"{self.path}:{line}" if line else str(self.path)
        self.mistakes.append(f"{where}: {'.'.join(key) or 'the file'} {sentence}")

    def section(self, value: Any, key: tuple[str, ...]) -> dict[str, Any]:
        """Return the mapping at `key` without the keys that we do not take; complain of those."""
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.complain(key, "is not a mapping of keys to values")
            return {}
        known = KEYS.get(key)
        taken = {}
        for name, content in value.items():
            if (*key, name) in NOT_SUPPORTED:
                self.complain((*key, name), f"is not supported by mmied: {NOT_SUPPORTED[*key, name]}")
            elif known and name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"Did you mean {near[0]}?" if near else f"Known are {', '.join(known)}"
                self.complain((*key, name), f"is not a key of a web-config file. {hint}")
            else:
                taken[name] = content
        return taken

    def text(self, section: dict[str, Any], key: tuple[str, ...]) -> str:
        """Return the text under the last part of `key`, "" where it is absent; complain of anything else."""
        value = section.get(key[-1])
        if value is not None and not isinstance(value, str):
            self.complain(key, "is not a text")
        return value if isinstance(value, str) else ""

    def flag(self, section: dict[str, Any], key: tuple[str, ...]) -> bool:
        """Return the boolean under the last part of `key`, True where it is absent."""
        value = section.get(key[-1], True)
        if not isinstance(value, bool):
            self.complain(key, "is neither true nor false")
        return value is True

    def choice(self, section: dict[str, Any], key: tuple[str, ...], known: Mapping[C, Any], default: C) -> C:
        """Return which of `known` stands under the last part of `key`."""
        value = self.text(section, key)
        for name in known:
            if value == name:
                return name
        if value:
            self.complain(key, f"is {value!r}, which is not supported by mmied. Take one of {', '.join(known)}")
        return default

    def _plain(self, node: yaml.Node, key: tuple[str, ...]) -> Any:
        """Return mappings, lists, texts, booleans and None. Numbers stay texts: a user may be called 007."""
        if isinstance(node, yaml.MappingNode):
            mapping: dict[str, Any] = {}
            for name_node, value_node in node.value:
                inner = (*key, str(name_node.value))
                if inner[-1] in mapping:
                    self.complain(inner, f"stands again on line {name_node.start_mark.line + 1}")
                self.lines.setdefault(inner, name_node.start_mark.line + 1)
                mapping[inner[-1]] = self._plain(value_node, inner)
            return mapping
        if isinstance(node, yaml.SequenceNode):
            return [self._plain(item, key) for item in node.value]
        if node.tag == "tag:yaml.org,2002:null":
            return None
        if node.tag == "tag:yaml.org,2002:bool":
            return node.value.lower() in ("true", "yes", "on")
        return node.value


def _read_tls(file: _File, value: Any) -> TlsConfig | None:
    key = ("tls_server_config",)
    section = file.section(value, key)
    if not section:
        return None
    cert_file, key_file = file.text(section, (*key, "cert_file")), file.text(section, (*key, "key_file"))
    if not (cert_file and key_file):
        file.complain(key, "needs both cert_file and key_file")
    policy = file.choice(section, (*key, "client_auth_type"), CLIENT_AUTH_TYPES, "NoClientCert")
    ca_file, ca = file.text(section, (*key, "client_ca_file")), file.text(section, (*key, "client_ca"))
    if ca_file and ca:
        file.complain((*key, "client_ca"), "and client_ca_file exclude each other")
    if (ca_file or ca) and policy == "NoClientCert":
        file.complain(key, "has a client CA, which is of no use without client_auth_type: RequireAndVerifyClientCert")
    if not (ca_file or ca) and policy != "NoClientCert":
        file.complain((*key, "client_auth_type"), "needs client_ca_file, to know whose certificates to take")
    lowest = file.choice(section, (*key, "min_version"), VERSIONS, "TLS12")
    highest = file.choice(section, (*key, "max_version"), VERSIONS, "TLS13")
    if lowest == "TLS13" and highest == "TLS12":
        file.complain((*key, "min_version"), "is above max_version")
    suites = _read_cipher_suites(file, section)
    prefer = file.flag(section, (*key, "prefer_server_cipher_suites"))
    if not (cert_file and key_file):
        return None
    folder = file.path.parent
    return TlsConfig(
        cert_file=folder / cert_file,
        key_file=folder / key_file,
        client_auth_type=policy,
        client_ca_file=folder / ca_file if ca_file else None,
        client_ca=ca or None,
        min_version=lowest,
        max_version=highest,
        cipher_suites=suites,
        prefer_server_cipher_suites=prefer,
    )


def _read_cipher_suites(file: _File, section: dict[str, Any]) -> tuple[str, ...]:
    key = ("tls_server_config", "cipher_suites")
    suites = section.get("cipher_suites") or []
    if not isinstance(suites, list):
        file.complain(key, "is not a list")
        return ()
    for suite in suites:
        if suite not in CIPHER_SUITES:
            file.complain(key, f"has {suite!r}, which is none of {', '.join(CIPHER_SUITES)}")
    return tuple(suite for suite in suites if suite in CIPHER_SUITES)


def _read_users(file: _File, value: Any) -> dict[str, str]:
    key = ("basic_auth_users",)
    users = file.section(value, key)
    for user, hashed in users.items():
        if not isinstance(hashed, str) or not BCRYPT.fullmatch(hashed):
            file.complain((*key, user), "is not a bcrypt hash, as `htpasswd -nB` makes them")
        if not user or ":" in user:  # which ends the name in the header
            file.complain((*key, user), "is not a name that a client can send")
    return users


def _read_headers(file: _File, value: Any) -> dict[str, str]:
    key = ("http_server_config",)
    section = file.section(value, key)
    if "http2" in section and file.flag(section, (*key, "http2")):
        file.complain((*key, "http2"), "is not supported by mmied: it speaks HTTP/1.1. Say false, or leave it out")
    headers = file.section(section.get("headers"), (*key, "headers"))
    texts = {name: file.text(headers, (*key, "headers", name)) for name in headers}
    for name, text in texts.items():
        if text and HEADERS[name] and text not in HEADERS[name]:
            file.complain((*key, "headers", name), f"is {text!r}. Known are {' and '.join(HEADERS[name])}")
        if not text.isascii() or not text.isprintable():
            file.complain((*key, "headers", name), "has characters that no header may have")
    return {name: text for name, text in texts.items() if text}  # an empty one is one that is not set
