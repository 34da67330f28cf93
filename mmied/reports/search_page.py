"""Write a search for optimizations as one interactive HTML page that works from a disk, without any network."""

import shlex

from mmied.candidates import CANDIDATES
from mmied.formats import count, seconds, size
from mmied.optimization import Search, Trial
from mmied.reports.charts.search import pareto_charts, speedups_chart
from mmied.reports.page import render
from mmied.reports.search_rows import (
    COLOURS,
    SYMBOLS,
    change_words,
    counted,
    interval,
    not_tried,
    payback,
    summarize_search,
    times,
)

_OURS = {candidate.name for candidate in CANDIDATES}
COSTS = (  # name, figure of ServingCost, how it is said
    ("Peak memory of a process that serves it", "peak_bytes", size),
    ("Files", "artifact_bytes", size),
    ("Time to load", "load_seconds", seconds),
    ("First call, with what is compiled then", "first_call_seconds", seconds),
    ("Compiled anew for further batch sizes", "recompiles", count),
)


def search_html(search: Search) -> str:
    """Return the page."""
    speedups = speedups_chart(search)
    fronts = pareto_charts(search)
    return render(
        "search_page.html",
        charts=bool(speedups or fronts),
        search=search,
        summary=summarize_search(search),
        counted=counted(search),
        refused=not_tried(search),
        speedups=[speedups] if speedups else [],
        fronts=fronts,
        costs=costs,
        recipe=recipe,
        times=times,
        interval=interval,
        change=change_words,
        payback=payback,
        symbols=SYMBOLS,
        colours=COLOURS,
    )


def costs(trial: Trial) -> list[tuple[str, str, str]]:
    """Return what serving a candidate takes, and what serving the deployed model does."""
    return [
        (name, say(getattr(trial.cost, figure, None)), say(getattr(trial.baseline_cost, figure, None) or None))
        for name, figure, say in COSTS
        if getattr(trial.cost, figure, None)  # none known, or nothing to tell: a factory has no file
    ]


def recipe(search: Search, trial: Trial) -> str:
    """Return the command that makes a candidate, but for how the model is named and fed."""
    name = trial.candidate
    if name not in _OURS and "." in name:  # of a user's own: package.module.function, by which a search calls it
        name = ":".join(name.rsplit(".", 1))
    output = f"{search.model.rpartition(':')[2]}-{trial.candidate}"
    return f"mmied optimize --model … --apply {shlex.quote(name)} --output {shlex.quote(output)}"
