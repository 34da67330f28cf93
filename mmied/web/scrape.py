"""Answer Prometheus: all metrics in the format that it asks for."""

import gzip
from typing import Protocol

from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import Response

GZIP_FROM_BYTES = 4096  # below, compressing costs more than the loopback or one packet more
GZIP_LEVEL = 1  # metrics shrink sixfold; at level 9 sevenfold, for five times the CPU time


class Expose(Protocol):
    """Gives all metrics in one of Prometheus' two text formats."""

    def __call__(self, *, openmetrics: bool) -> bytes: ...


def scrape(expose: Expose, request: Request) -> Response:
    """Return all metrics as text or OpenMetrics, compressed when that is asked for and worth it."""
    _, content_type = choose_encoder(request.headers.get("accept", ""))
    body = expose(openmetrics=content_type.startswith("application/openmetrics-text"))
    headers = {"Content-Type": content_type, "Vary": "Accept, Accept-Encoding"}
    if len(body) >= GZIP_FROM_BYTES and _takes_gzip(request.headers.get("accept-encoding", "")):
        body = gzip.compress(body, GZIP_LEVEL, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return Response(body, headers=headers)


def _takes_gzip(accepted: str) -> bool:
    for choice in accepted.lower().split(","):
        coding, _, weight = choice.partition(";")
        if coding.strip() == "gzip":
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
