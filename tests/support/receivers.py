"""A receiver of messages on loopback that takes, refuses, hangs or rambles."""

import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Receiver:
    """What was posted to it, in order; `status` is what it answers, `behaviour` how."""

    def __init__(self) -> None:
        self.posts: list[tuple[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.status = 200
        self.behaviour = "answer"  # hang, ramble, redirect
        self.url = ""

    @property
    def alerts(self) -> list[dict[str, Any]]:
        """All alerts of the webhook messages that it took."""
        return [alert for _, body in self.posts for alert in body["alerts"]]


@contextmanager
def receiver(certificate: Path | None = None) -> Iterator[Receiver]:
    """Serve a receiver on a free port; over TLS with a `certificate`, beside which lies its key."""
    found = Receiver()
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if found.behaviour == "hang":
                over.wait(60)
                return
            if found.status < 300:
                found.posts.append((self.path, body))
                found.headers.append(dict(self.headers))
            self.send_response(302 if found.behaviour == "redirect" else found.status)
            if found.behaviour == "redirect":
                self.send_header("Location", "http://127.0.0.1:9/elsewhere")
            self.end_headers()
            if found.behaviour == "ramble":
                chunk = b"x" * 65536
                try:
                    while not over.is_set():
                        self.wfile.write(chunk)
                        time.sleep(0.001)
                except OSError:
                    return

        def log_message(self, *unused: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, certificate.with_suffix(".key"))
        server.socket = context.wrap_socket(server.socket, server_side=True)
    found.url = f"{'http' if certificate is None else 'https'}://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        server.shutdown()
        server.server_close()
