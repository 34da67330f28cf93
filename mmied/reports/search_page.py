"""Write a search for optimizations as one interactive HTML page that works from a disk, without any network."""

import shlex
from functools import partial

from mmied.candidates import as_asked
from mmied.optimization import Search, Trial
from mmied.reports.charts.search import pareto_charts, speedups_chart
from mmied.reports.page import render
from mmied.reports.search_rows import (
    COLOURS,
    SYMBOLS,
    change_words,
    costs,
    counted,
    interval,
    not_tried,
    payback,
    summarize_search,
    times,
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
        recipe=partial(recipe, search),
        times=times,
        interval=interval,
        change=change_words,
        payback=payback,
        symbols=SYMBOLS,
        colours=COLOURS,
    )


def recipe(search: Search, trial: Trial) -> str:
    """Return the command that makes a candidate, but for how the model is named and fed."""
    output = f"{search.model.rpartition(':')[2]}-{trial.candidate}"
    return f"mmied optimize --model … --apply {shlex.quote(as_asked(trial.candidate))} --output {shlex.quote(output)}"
