"""Put the headers on every response that keep a browser from doing more than the pages need."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECURITY_HEADERS = {
    # plotly sets style attributes and adds a style element, hence 'unsafe-inline' there; scripts need no exception.
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
FOREVER = "public, max-age=31536000, immutable"  # the address of a static file changes with its content


class Headers:
    """ASGI middleware that adds SECURITY_HEADERS, and tells caches what they may keep."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and its response back with the headers."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        versioned = scope["path"].startswith("/static/") and scope["query_string"].startswith(b"v=")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)  # a page that carries its own scripts names them itself
                kept = versioned and message["status"] in (200, 304)
                headers["Cache-Control"] = FOREVER if kept else "no-cache" if _static(scope) else "no-store"
            await send(message)

        await self.app(scope, receive, send_with_headers)


def _static(scope: Scope) -> bool:
    return str(scope["path"]).startswith("/static/")
