"""Answer what went wrong: as a page, and as JSON under /api."""

from collections.abc import Mapping
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ExceptionHandler

from mmied.errors import HistoryError
from mmied.web.headers import SECURITY_HEADERS
from mmied.web.site import Site


def failure_handlers(site: Site) -> Mapping[type[Exception], ExceptionHandler]:
    """Return what starlette is to do with each kind of exception."""

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        said = error.detail
        if error.status_code == 404 and said == HTTPStatus.NOT_FOUND.phrase:
            said = f"There is no page {request.url.path}."
        return _answer(site, request, error.status_code, said, error.headers)

    async def on_history(request: Request, error: Exception) -> Response:
        return _answer(site, request, 503, f"The history cannot be read: {error}")

    async def on_bug(request: Request, error: Exception) -> Response:
        said = "mmied has a bug here. The log has the traceback: journalctl -u mmied. Please report it."
        # Starlette answers bugs from outside all middleware, so the headers have to be put on here.
        return _answer(site, request, 500, said, SECURITY_HEADERS)

    return {HTTPException: on_http, HistoryError: on_history, Exception: on_bug}


def _answer(site: Site, request: Request, code: int, said: str, headers: Mapping[str, str] | None = None) -> Response:
    if request.url.path.startswith("/api/"):
        return JSONResponse({"error": said}, code, headers)
    # No Status is asked for: an error's page must not be able to fail.
    page = site.page("failure.html", code, status=None, trouble=None, title=HTTPStatus(code).phrase, said=said)
    page.headers.update(headers or {})
    return page
