"""A server that answers what `mmied grafana push` asks as Grafana does: folders and dashboards, kept in memory."""

import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

TOKEN = "glsa_of_a_test"


class FakeGrafana(ThreadingHTTPServer):
    """`fault` is what it does instead of answering; `dashboards` has the bodies that were saved, by uid."""

    daemon_threads = True

    def __init__(self, fault: str | None = None, prefix: str = "", certificate: Path | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.fault = fault
        self.prefix = prefix
        self.folders: list[dict[str, Any]] = [{"uid": "other", "title": "Other"}]
        self.dashboards: dict[str, dict[str, Any]] = {}
        self.versions: dict[str, int] = {}
        scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, certificate.with_suffix(".key"))
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
            scheme = "https"
        self.url = f"{scheme}://127.0.0.1:{self.server_port}{prefix}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up, as one that does not trust us, is no fault of the test's."""


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: FakeGrafana
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._handle(None)

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        self._handle(json.loads(self.rfile.read(length)))

    def _handle(self, body: Any) -> None:
        match self.server.fault:
            case "500":
                return self._answer(500, {"message": "database is locked"})
            case "403":
                return self._answer(403, {"message": "You'll need additional permissions: folders:read"})
            case "page":
                return self._answer(200, "<html>Welcome</html>", "text/html")
            case "garbage":
                return self._answer(200, "{", "application/json")
            case "redirect":
                return self._answer(302, "", "text/html", location="https://elsewhere.example/")
            case "provisioned" if body is not None and "dashboard" in body:
                return self._answer(400, {"message": "Cannot save provisioned dashboard"})
            case "silence":
                time.sleep(60)
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self._answer(401, {"message": "Invalid API key"})
        path = self.path.split("?")[0].removeprefix(f"{self.server.prefix}/api")
        return self._answer(*self._route(path, body))

    def _route(self, path: str, body: Any) -> tuple[int, Any]:
        folders, dashboards, versions = self.server.folders, self.server.dashboards, self.server.versions
        match path, body:
            case "/folders", None:
                return 200, folders
            case "/folders", {"title": title}:
                if any(folder["title"] == title for folder in folders):
                    return 412, {"message": "a folder with the same name already exists"}
                folders.append({"uid": f"made-{len(folders)}", "title": title})
                return 200, folders[-1]
            case "/dashboards/db", {"dashboard": {"uid": uid, "id": None}, "folderUid": folder}:
                if folder not in [each["uid"] for each in folders]:
                    return 400, {"message": "folder not found"}
                if uid in dashboards and not body.get("overwrite"):
                    return 412, {"message": "The dashboard has been changed by someone else"}
                dashboards[uid] = body
                versions[uid] = versions.get(uid, 0) + 1
                return 200, {"status": "success", "uid": uid, "version": versions[uid]}
        return 404, {"message": "Not found"}

    def _answer(self, status: int, body: Any, kind: str = "application/json", location: str | None = None) -> None:
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        if location is not None:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Tests read no access log."""


@contextmanager
def running(**settings: Any) -> Iterator[FakeGrafana]:
    """Give a server that answers until the block ends."""
    server = FakeGrafana(**settings)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
