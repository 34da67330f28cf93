"""Check whether the port that is to be served is free, or mmied's already."""

import http.client
import socket
import ssl

from mmied.commands.doctor.finding import Finding, failed, ok

TIMEOUT_SECONDS = 3.0
ANY_HOST = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}


def check_port(host: str, port: int) -> Finding:
    """Knock at `host`:`port`; where nobody answers, try whether it can be listened on."""
    place = f"{host}:{port}"
    if port == 0:
        return ok("port", "any that is free")
    try:
        family, _, _, _, address = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as listening:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
        return ok("port", f"{place} is free")
    except PermissionError:
        return failed("port", f"{place} may be served by root alone", "Choose a port above 1023 as `http.listen`.")
    except OSError as error:
        if is_mmied(ANY_HOST.get(host, host), port):
            return ok("port", f"mmied serves {place}")
        return failed(
            "port",
            f"{place} cannot be listened on: {error.strerror}",
            f"See `ss --listening --tcp --processes 'sport = {port}'`, or choose another `http.listen`.",
        )


def is_mmied(host: str, port: int) -> bool:
    """Tell whether it is mmied that answers, with or without TLS and password."""
    unchecked = ssl.create_default_context()
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE  # who it is matters not: nothing is said
    for connection in (
        http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS),
        http.client.HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=unchecked),
    ):
        try:
            connection.request("GET", "/-/healthy")
            answer = connection.getresponse()
            realm = answer.headers.get("WWW-Authenticate", "")
            if answer.read(64) == b"healthy\n" or 'realm="mmied"' in realm:
                return True
        except (OSError, http.client.HTTPException):
            continue
        finally:
            connection.close()
    return False
