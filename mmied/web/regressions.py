"""Gather what the pages of regressions show: all that are known, or one with its evidence."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mmied.records import WorkloadResult
from mmied.regression import RecordedChange
from mmied.reports.charts.change import calls_chart, change_chart
from mmied.reports.charts.chart import Chart
from mmied.reports.regression_words import change_figures, change_size, difference_paths, figure, series_name
from mmied.web.reading import Reader
from mmied.web.site import Site

DAY_SECONDS = 86_400.0
LISTED_SECONDS, LISTED = 90 * DAY_SECONDS, 500
POINTS = 400
AROUND_SECONDS = 3 * DAY_SECONDS  # before and after a change
RUNS_BEFORE = 40
NEW_SHARE = 0.15  # of the time before, that the new level has at least
LATENCIES = ("latency_p50", "latency_p95", "latency_p99")
WORDS = {
    "figure": figure,
    "series_name": series_name,
    "change_size": change_size,
    "change_figures": change_figures,
}


def regressions(site: Site, request: Request) -> Response:
    """Return the changes of all series: those that stand, then those that are over."""
    status = site.status()
    reader = Reader(site.store)
    found = sorted(
        reader.changes(since=status.at - LISTED_SECONDS, limit=LISTED),
        key=lambda change: (-change.started_at, change.key),
    )
    return site.read_page(
        "regressions.html",
        reader,
        status=status,
        active=[change for change in found if change.worse and change.state == "active"],
        past=[change for change in found if change.worse and change.state != "active"],
        better=[change for change in found if not change.worse],
        series=[standing for model in status.models for standing in model.series] + list(status.host_series),
        **WORDS,
    )


def regression(site: Site, request: Request) -> Response:
    """Return one change. Raises HTTPException 404 for one that the history does not hold."""
    status = site.status()
    reader = Reader(site.store)
    change_id = request.path_params["change_id"]
    change = reader.change(change_id)
    if change is None:
        if reader.trouble is None:
            raise HTTPException(404, f"The history holds no change “{change_id}”. See /regressions.")
        return site.read_page("regression.html", reader, status=status, change_id=change_id, change=None)
    since = min(change.started_at, change.last_good_at or change.started_at) - AROUND_SECONDS
    until = min(status.at, (change.ended_at or change.confirmed_at) + AROUND_SECONDS)
    points = reader.points(change.key, since=since, before=until, limit=POINTS)
    before = [point.at for point in points if point.at < change.started_at][-RUNS_BEFORE:]
    if before:
        since = max(since, before[0])
    shown = [point for point in points if point.at >= since]
    since -= 0.02 * (until - since)
    if change.state == "active":  # what is new would be a line at the edge
        until = max(until, change.started_at + NEW_SHARE * (change.started_at - since))
    charts = [change_chart(change, shown, since, until), _calls(reader, change)]
    return site.read_page(
        "regression.html",
        reader,
        status=status,
        change_id=change_id,
        change=change,
        known=any(model.name == change.key.model for model in status.models),
        charts=[chart for chart in charts if chart is not None],
        difference=difference_paths(change),
        **WORDS,
    )


def _calls(reader: Reader, change: RecordedChange) -> Chart | None:
    """Return the chart of the calls before and after, for a latency whose samples are still kept."""
    if change.key.metric not in LATENCIES or change.last_good_run_id is None:
        return None
    before, after = (_result(reader, run_id, change) for run_id in (change.last_good_run_id, change.first_run_id))
    return calls_chart(before, after) if before is not None and after is not None else None


def _result(reader: Reader, run_id: str, change: RecordedChange) -> WorkloadResult | None:
    run = reader.run(run_id)
    results = run.results if run is not None else ()
    return next((result for result in results if result.workload.scenario == change.key.scenario), None)
