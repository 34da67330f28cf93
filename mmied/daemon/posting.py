"""Post JSON to an address, whatever the server there does."""

import base64
import json
import urllib.error
import urllib.request
from email.message import Message as Headers
from typing import IO
from urllib.parse import unquote, urlsplit, urlunsplit

from mmied import __version__
from mmied.errors import NotSent

TIMEOUT_SECONDS = 10.0  # for each step of talking to a server


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A target that sends us elsewhere is not one that was configured: it would learn what is meant for another."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Headers, newurl: str
    ) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirects)


def post(address: str, body: object) -> None:
    """Post JSON. What the server says beyond its status is not read: it may be of any size, or never end.

    Raises NotSent, with a sentence that names the host and shows nothing else of the address.
    """
    parts = urlsplit(address)
    headers = {"Content-Type": "application/json", "User-Agent": f"mmied/{__version__}"}
    if parts.username is not None:
        user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = "Basic " + base64.b64encode(user.encode()).decode()
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    where = parts.hostname or "the target"
    try:
        request = urllib.request.Request(bare, json.dumps(body).encode(), headers, method="POST")
        with _OPENER.open(request, timeout=TIMEOUT_SECONDS):
            return
    except urllib.error.HTTPError as error:
        error.close()
        raise NotSent(f"{where} answered with status {error.code}.") from error
    except urllib.error.URLError as error:
        raise NotSent(f"{where} cannot be reached: {error.reason}.") from error
    except TimeoutError as error:
        raise NotSent(f"{where} gave no answer within {TIMEOUT_SECONDS:.0f} s.") from error
    except (OSError, ValueError) as error:  # a connection that is cut, an address that is none
        raise NotSent(f"{where} cannot be reached: {type(error).__name__}.") from error
