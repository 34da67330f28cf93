"""Make the TLS context that web-config.yml asks for."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mmied.errors import ConfigError

Version = Literal["TLS12", "TLS13"]

VERSIONS: dict[Version, ssl.TLSVersion] = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}

# Go's name of each client_auth_type that OpenSSL has as well
CLIENT_AUTH_TYPES = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}

# Go's names, and OpenSSL's. Those of TLS 1.3 (None) are always on, in Go as well
CIPHER_SUITES = {
    "TLS_AES_128_GCM_SHA256": None,
    "TLS_AES_256_GCM_SHA384": None,
    "TLS_CHACHA20_POLY1305_SHA256": None,
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsConfig:
    """The `tls_server_config` of a web-config.yml. `client_ca` is PEM text, `client_ca_file` a file of it."""

    cert_file: Path
    key_file: Path
    client_auth_type: str = "NoClientCert"  # of CLIENT_AUTH_TYPES
    client_ca_file: Path | None = None
    client_ca: str | None = None
    min_version: Version = "TLS12"
    max_version: Version = "TLS13"
    cipher_suites: tuple[str, ...] = ()  # of CIPHER_SUITES; none: OpenSSL's choice
    prefer_server_cipher_suites: bool = True


def make_context(tls: TlsConfig) -> ssl.SSLContext:
    """Return a server's context. Raises ConfigError, a sentence for each file that cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    mistakes = [*_load_certificate(context, tls), *_load_client_ca(context, tls)]
    if mistakes:
        raise ConfigError(mistakes)
    context.minimum_version = VERSIONS[tls.min_version]
    context.maximum_version = VERSIONS[tls.max_version]
    context.verify_mode = CLIENT_AUTH_TYPES[tls.client_auth_type]
    ciphers = [cipher for cipher in (CIPHER_SUITES[name] for name in tls.cipher_suites) if cipher]
    if ciphers:
        context.set_ciphers(":".join(ciphers))
    if not tls.prefer_server_cipher_suites:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    return context


def _load_certificate(context: ssl.SSLContext, tls: TlsConfig) -> list[str]:
    mistakes = [*_unreadable("cert_file", tls.cert_file), *_unreadable("key_file", tls.key_file)]
    if mistakes:
        return mistakes
    try:
        context.load_cert_chain(tls.cert_file, tls.key_file, password=lambda: "")  # else OpenSSL asks the terminal
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            return [f"key_file: {tls.key_file} is not the key of the certificate {tls.cert_file}"]
        if b"ENCRYPTED" in tls.key_file.read_bytes():
            return [f"key_file: {tls.key_file} is encrypted, and nobody is there to type a passphrase. Decrypt it"]
        return [f"cert_file: {tls.cert_file} and {tls.key_file} are not a PEM certificate and its key ({error})"]
    return []


def _load_client_ca(context: ssl.SSLContext, tls: TlsConfig) -> list[str]:
    if tls.client_ca_file:
        unreadable = _unreadable("client_ca_file", tls.client_ca_file)
        if unreadable:
            return unreadable
    if tls.client_ca_file or tls.client_ca:
        try:
            context.load_verify_locations(cafile=tls.client_ca_file, cadata=tls.client_ca)
        except ssl.SSLError:
            where = f"client_ca_file: {tls.client_ca_file}" if tls.client_ca_file else "client_ca"
            return [f"{where} holds no PEM certificate"]
    return []


def _unreadable(key: str, path: Path) -> list[str]:
    try:
        path.read_bytes()
    except OSError as error:
        return [f"{key}: cannot read {path}: {error.strerror}"]
    return []
