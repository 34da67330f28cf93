"""Gather what the page of candidate optimizations shows: what stands, what held once, and what it rests on."""

import shlex

from starlette.requests import Request
from starlette.responses import Response

from mmied import __version__
from mmied.candidates import as_asked
from mmied.daemon_status import ModelStatus, OptimizationStatus, Status
from mmied.optimization import Search, StandingVerdict, Trial
from mmied.reports.charts.search import pareto_charts, speedups_chart
from mmied.reports.search_rows import (
    COLOURS,
    SYMBOLS,
    costs,
    interval,
    not_tried,
    payback,
    summarize_search,
    times,
    verdict_words,
)
from mmied.web.pages import find_model
from mmied.web.reading import Reader
from mmied.web.site import Site

SEARCHES = 10  # the newest parts of searches


def optimizations(site: Site, request: Request) -> Response:
    """Return the candidates of one model with their verdicts. Raises HTTPException 404 for one not configured."""
    status = site.status()
    model = find_model(status, request.path_params["name"])
    reader = Reader(site.store)
    verdicts = reader.trials(model.name)
    expired = model.optimization.expired if model.optimization is not None else {}
    standing = [verdict for verdict in verdicts if verdict.trial.candidate not in expired]
    search = _as_search(status, model, standing)
    summary = summarize_search(search)
    speedups = speedups_chart(search)
    return site.read_page(
        "optimizations.html",
        reader,
        status=status,
        model=model,
        search=search,
        summary=summary,
        notes=list(dict.fromkeys(note for verdict in standing for note in verdict.notes)),
        expired=[(verdict.trial, expired[verdict.trial.candidate]) for verdict in verdicts if verdict not in standing],
        refused=not_tried(search),
        charts=[chart for chart in (speedups, *pareto_charts(search)) if chart is not None],
        searches=reader.last_runs(model.name, limit=SEARCHES, before=None, kind="optimize"),
        costs=costs,
        recipe=lambda trial: _recipe(status, model, trial),
        times=times,
        interval=interval,
        payback=payback,
        words=verdict_words,
        symbols=SYMBOLS,
        colours=COLOURS,
    )


def _as_search(status: Status, model: ModelStatus, standing: list[StandingVerdict]) -> Search:
    """Return what stands as if one search had found it: reports and pages lay it out alike."""
    state = model.optimization or OptimizationStatus(interval_seconds=0.0, budget_seconds=0.0)
    known = {verdict.trial.candidate for verdict in standing} | set(state.expired)
    newest = max(standing, key=lambda verdict: verdict.trial.at, default=None)
    return Search(
        mmied_version=__version__,
        model=model.name,
        host=status.host,
        device=model.device,
        format=model.format,
        at=newest.trial.at if newest is not None else status.at,
        batch_sizes=tuple(sorted({scenario.workload.batch_size for scenario in model.scenarios})),
        budget_seconds=state.budget_seconds,
        spent_seconds=state.spent_seconds,
        minimum_effect_ratio=newest.minimum_effect_ratio if newest is not None else 0.1,
        revision=newest.revision if newest is not None else None,
        environment=newest.environment if newest is not None else None,
        trials=tuple(verdict.trial for verdict in standing),
        left=tuple(name for name in state.left if name not in known),
    )


def _recipe(status: Status, model: ModelStatus, trial: Trial) -> str:
    """Return the command that makes a candidate of the deployed model."""
    words = ["mmied", "optimize", "--config", status.config_path, "--name", model.name]
    words += ["--apply", as_asked(trial.candidate), "--output", f"{model.name}-{trial.candidate}"]
    return shlex.join(words)
