"""A target of Prometheus that has every metric of the catalog, with all labels: what no single host has at once."""

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from mmied import catalog

VALUES = {
    "kind": tuple(catalog.EVENT_KINDS),
    "bound": ("estimate", "lower", "upper"),
    "scenario": ("b1", ""),  # without one: of the model as a whole
    "state": ("regressed",),
    "verdict": ("helps", "does_not_help", "cannot_tell", "not_tried"),
    "quantile": ("0.5", "0.95", "0.99"),
    "measure": ("cosine", "top1_agreement"),
    "resource": ("cpu", "memory"),
    "space": ("host", "device"),
    "level": ("info", "error"),
}
WITHOUT_SCENARIO = ("mmied_regression", "mmied_detector_", "mmied_objective_", "mmied_trend_")


def exposition(turn: int) -> str:
    """Return all metrics as they are at the `turn`-th scrape: counters grow, every gauge is 1."""
    return "".join(line for row in catalog.METRICS for line in _lines(row, turn))


def _lines(row: catalog.Metric, turn: int) -> Iterator[str]:
    yield f"# TYPE {row.name} {'gauge' if row.type == 'info' else row.type}\n"
    for values in itertools.product(*(VALUES.get(label, (f"a_{label}",)) for label in row.labels)):
        labels = dict(zip(row.labels, values, strict=True))
        if labels.get("scenario") == "" and not row.name.startswith(WITHOUT_SCENARIO):
            continue
        match row.type:
            case "summary":
                yield from (f"{row.name}{_braces(labels | {'quantile': each})} 1\n" for each in VALUES["quantile"])
                yield f"{row.name}_sum{_braces(labels)} {turn}\n{row.name}_count{_braces(labels)} {turn}\n"
            case "histogram":
                yield from (f"{row.name}_bucket{_braces(labels | {'le': each})} {turn}\n" for each in ("1.0", "+Inf"))
                yield f"{row.name}_sum{_braces(labels)} {turn}\n{row.name}_count{_braces(labels)} {turn}\n"
            case "counter":
                yield f"{row.name}{_braces(labels)} {turn}\n"
            case _ if row.name.endswith("_timestamp_seconds"):
                yield f"{row.name}{_braces(labels)} {time.time() - 60}\n"
            case _:
                yield f"{row.name}{_braces(labels)} 1\n"


def _braces(labels: dict[str, str]) -> str:
    told = ",".join(f'{name}="{value}"' for name, value in labels.items())
    return f"{{{told}}}" if told else ""


@contextmanager
def exporting() -> Iterator[str]:
    """Give the address, host and port, of a server that counts its scrapes."""
    turns = itertools.count(1)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = exposition(next(turns)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Tests read no access log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
