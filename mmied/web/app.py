"""Join addresses to pages, JSON, metrics and static files."""

from collections.abc import Callable

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from mmied.daemon_status import Status
from mmied.history.artifacts import Artifacts
from mmied.reports.plotly_script import plotly_file
from mmied.web import api, inspections, optimizations, pages, regressions
from mmied.web.failures import failure_handlers
from mmied.web.headers import Headers
from mmied.web.reading import PageStore
from mmied.web.scrape import Expose, scrape
from mmied.web.site import Site
from mmied.web.templating import SHARED, STATIC

PAGES_AT_ONCE = 4  # each holds its part of the history in memory
SCRAPES_AT_ONCE = 2  # apart, so that no page keeps Prometheus waiting

View = Callable[[Site, Request], Response]


def create_app(
    *,
    store: PageStore,
    artifacts: Artifacts,
    status: Callable[[], Status],
    expose: Expose,
    ready: Callable[[], bool],
) -> Starlette:
    """Return the application that serves the pages, `/api`, `/metrics` and the probes.

    `store`, `status` and `expose` are asked in threads other than the event loop's, `ready` in the loop itself.
    """
    site = Site(store=store, artifacts=artifacts, status=status)
    for_pages, for_scrapes = CapacityLimiter(PAGES_AT_ONCE), CapacityLimiter(SCRAPES_AT_ONCE)

    def page(path: str, view: View) -> Route:
        async def endpoint(request: Request) -> Response:
            return await to_thread.run_sync(view, site, request, limiter=for_pages)

        return Route(path, endpoint)

    async def metrics(request: Request) -> Response:
        return await to_thread.run_sync(scrape, expose, request, limiter=for_scrapes)

    async def is_healthy(request: Request) -> Response:
        return PlainTextResponse("healthy\n")

    async def is_ready(request: Request) -> Response:
        return PlainTextResponse("ready\n") if ready() else PlainTextResponse("not ready\n", 503)

    return Starlette(
        routes=[
            page("/", pages.overview),
            page("/models/{name}", pages.model),
            page("/runs/{run_id}", pages.run),
            page("/inspections/{run_id}", inspections.inspection),
            page("/inspections/{run_id}/flamegraph", inspections.flamegraph),
            page("/inspections/{run_id}/files/{name}", inspections.download),
            page("/inspections/{run_id}/against/{other}", inspections.difference),
            page("/inspections/{run_id}/against/{other}/flamegraph", inspections.flamegraph_difference),
            page("/optimizations/{name}", optimizations.optimizations),
            page("/regressions", regressions.regressions),
            page("/regressions/{change_id}", regressions.regression),
            page("/hardware", pages.hardware),
            page("/daemon", pages.daemon),
            page("/api/status", api.status),
            page("/api/history", api.history),
            page("/api/runs", api.runs),
            page("/api/run/{run_id}", api.run),
            Route("/metrics", metrics),
            Route("/-/healthy", is_healthy),
            Route("/-/ready", is_ready),
            Route("/static/plotly.min.js", plotly),
            Mount("/static", StaticFiles(directory=STATIC, packages=[SHARED])),
        ],
        middleware=[Middleware(Headers)],
        exception_handlers=failure_handlers(site),
    )


async def plotly(request: Request) -> Response:
    """Return plotly's script. Raises HTTPException 404 where its package came without it."""
    script = plotly_file()
    if script is None:
        raise HTTPException(404, "plotly.min.js is not installed. Try: pip install --force-reinstall plotly")
    return FileResponse(script, media_type="text/javascript")
