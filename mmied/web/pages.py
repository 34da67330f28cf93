"""Gather for each page what it shows."""

import math
import platform

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mmied.daemon_status import ModelStatus, Status
from mmied.history.artifacts import INSPECTION_FILE
from mmied.reports.charts.iterations import iterations_chart, spread_chart
from mmied.reports.figures import figure_groups
from mmied.reports.regression_words import change_figures, change_size, figure
from mmied.web.charts import HISTORY_CHARTS, Window
from mmied.web.hardware_charts import hardware_charts
from mmied.web.phases import phases
from mmied.web.reading import Reader
from mmied.web.site import Site
from mmied.web.sparklines import sparkline

RANGES_SECONDS = {"6h": 6 * 3600, "24h": 86400, "7d": 7 * 86400, "30d": 30 * 86400, "90d": 90 * 86400}
HARDWARE_RANGES_SECONDS = {"15m": 900, "1h": 3600, "6h": 6 * 3600, "24h": 86400}
POINTS = 2000  # of a scenario's history in one chart
EVENTS = 200
RECENT_EVENTS = 10
RECENT_SECONDS = 7 * 86400
RUNS = 25
CHANGES = 50
INSPECTIONS = 10
FAILURES = ("failed", "timed_out", "crashed")


def overview(site: Site, request: Request) -> Response:
    """Return the models with their states and last figures, what mmied costs, and what happened lately."""
    status = site.status()
    reader = Reader(site.store)
    return site.read_page(
        "overview.html",
        reader,
        status=status,
        events=reader.events(since=status.at - RECENT_SECONDS, limit=RECENT_EVENTS),
        sparklines=site.sparklines.draw(status.models, status.at, reader),
    )


def model(site: Site, request: Request) -> Response:
    """Return one model: its figures, their history as charts, and its runs.

    Raises HTTPException 404 for a model that is not configured.
    """
    status = site.status()
    found = find_model(status, request.path_params["name"])
    before = _moment(request.query_params.get("before"))
    reader = Reader(site.store)
    week = reader.scenario_history(
        found.name, found.scenarios[0].workload.scenario, since=status.at - RANGES_SECONDS["7d"], limit=POINTS
    )
    default = _shortest(RANGES_SECONDS, "7d", status.at - week[0].at if week else math.inf)
    chosen, since = _range(request, RANGES_SECONDS, default, status.at)
    runs = reader.last_runs(found.name, limit=RUNS, before=before, kind="profile")
    inspections = reader.last_runs(found.name, limit=INSPECTIONS, before=None, kind="inspect")
    changes = reader.changes(model=found.name, since=since, limit=CHANGES)
    window = Window(
        since=since,
        until=status.at,
        events=tuple(event for event in reader.events(since=since, limit=EVENTS) if event.model in (None, found.name)),
        failed=[run for run in runs if run.outcome in FAILURES and run.started_at >= since],
        changes=changes,
    )
    charts, sparklines, cut = {}, {}, set()
    for scenario in found.scenarios:
        name = scenario.workload.scenario
        points = reader.scenario_history(found.name, name, since=since, limit=POINTS)
        figures = {title: draw(points, window.of(name)) for title, draw in HISTORY_CHARTS.items()}
        charts[name] = {title: figure for title, figure in figures.items() if figure is not None}
        sparklines[found.name, name] = sparkline(points)
        if len(points) == POINTS:
            cut.add(name)
    return site.read_page(
        "model.html",
        reader,
        status=status,
        model=found,
        sparklines=sparklines,
        charts=charts,
        cut=cut,
        points=POINTS,
        ranges=RANGES_SECONDS,
        chosen=chosen,
        events=window.events,
        changes=changes,
        figure=figure,
        change_size=change_size,
        change_figures=change_figures,
        runs=runs,
        inspections=inspections,
        here={run.run_id for run in inspections if site.artifacts.file(run.run_id, INSPECTION_FILE)},
        before=before,
        older=runs[-1].started_at if len(runs) == RUNS else None,
    )


def run(site: Site, request: Request) -> Response:
    """Return everything that is known of one run.

    Raises HTTPException 404 for a run that the history does not hold.
    """
    status = site.status()
    run_id = request.path_params["run_id"]
    reader = Reader(site.store)
    found = reader.run(run_id)
    if found is None and reader.trouble is None:
        raise HTTPException(404, f"The history holds no run “{run_id}”. It keeps runs for a time only.")
    return site.read_page(
        "run.html",
        reader,
        status=status,
        run_id=run_id,
        run=found,
        known=found is not None and any(model.name == found.model for model in status.models),
        phases=phases(found) if found else (),
        groups=figure_groups(found.results) if found else (),
        charts={
            result.workload.scenario: (spread_chart(result), iterations_chart(result))
            for result in (found.results if found else ())
        },
    )


def hardware(site: Site, request: Request) -> Response:
    """Return the host: what it does now, and did over the time that is asked for."""
    status = site.status()
    reader = Reader(site.store)
    hour = reader.hardware_history(since=status.at - HARDWARE_RANGES_SECONDS["1h"])
    default = _shortest(HARDWARE_RANGES_SECONDS, "1h", status.at - hour[0].at if hour else math.inf)
    chosen, since = _range(request, HARDWARE_RANGES_SECONDS, default, status.at)
    samples = reader.hardware_history(since=since)
    return site.read_page(
        "hardware.html",
        reader,
        status=status,
        hardware=status.hardware or (samples[-1] if samples else None),
        charts=hardware_charts(samples, since, status.at),
        ranges=HARDWARE_RANGES_SECONDS,
        chosen=chosen,
    )


def daemon(site: Site, request: Request) -> Response:
    """Return what mmied itself is, uses and was told."""
    return site.page("daemon.html", status=site.status(), trouble=None, python_version=platform.python_version())


def find_model(status: Status, name: str) -> ModelStatus:
    """Return the model of that name. Raises HTTPException 404, naming those that there are."""
    for model in status.models:
        if model.name == name:
            return model
    raise HTTPException(404, f"No model “{name}” is configured.")


def _shortest(ranges: dict[str, int], longest: str, age_seconds: float) -> str:
    """Return the shortest range that holds a history of this age: a young one is not to be a dot at the edge."""
    return next((name for name, seconds in ranges.items() if seconds >= age_seconds or name == longest), longest)


def _range(request: Request, ranges: dict[str, int], default: str, now: float) -> tuple[str, float]:
    chosen = request.query_params.get("range", default)
    if chosen not in ranges:
        chosen = default
    return chosen, now - ranges[chosen]


def _moment(text: str | None) -> float | None:
    try:
        moment = float(text) if text else math.nan
    except ValueError:
        return None
    return moment if math.isfinite(moment) else None
