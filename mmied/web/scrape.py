"""Answer Prometheus: all metrics in the format that it asks for."""

import gzip
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

GZIP_FROM_BYTES = 4096  # below, compressing costs more than the loopback or one packet more
GZIP_LEVEL = 1  # metrics shrink sixfold; at level 9 sevenfold, for five times the CPU time


OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PLAIN = "text/plain; version=0.0.4; charset=utf-8"


class Expose(Protocol):
    """Gives all metrics in one of Prometheus' two text formats."""

    def __call__(self, *, openmetrics: bool) -> bytes: ...


def scrape(expose: Expose, request: Request) -> Response:
    """Return all metrics as text or OpenMetrics, compressed when that is asked for and worth it."""
    openmetrics = _takes_openmetrics(request.headers.get("accept", ""))
    body = expose(openmetrics=openmetrics)
    headers = {"Content-Type": OPENMETRICS if openmetrics else PLAIN, "Vary": "Accept, Accept-Encoding"}
    if len(body) >= GZIP_FROM_BYTES and _takes_gzip(request.headers.get("accept-encoding", "")):
        body = gzip.compress(body, GZIP_LEVEL, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return Response(body, headers=headers)


def _takes_openmetrics(accepted: str) -> bool:
    """Tell whether OpenMetrics 1.0 is asked for, before any plain text: Prometheus lists what it likes best first."""
    for choice in accepted.lower().split(","):
        media, *parameters = (part.strip() for part in choice.split(";"))
        if media == "application/openmetrics-text":
            version = next((each.partition("=")[2] for each in parameters if each.startswith("version=")), "1.0.0")
            if version.startswith("1."):
                return True
        elif media == "text/plain":
            return False
    return False


def _takes_gzip(accepted: str) -> bool:
    for choice in accepted.lower().split(","):
        coding, _, weight = choice.partition(";")
        if coding.strip() == "gzip":
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
