"""Ask a Prometheus what a dashboard asks, as Grafana would: first for the variables, then for everything else."""

import re
from collections.abc import Callable
from typing import Any

from dashboards import Asked, asked_of, interpolate, variables_of
from prometheus_server import Prometheus


def choose(dashboard: dict[str, Any], prometheus: Prometheus) -> dict[str, str]:
    """Return the variables' values: All of them, or the last where one is chosen; "" for one that has none."""
    chosen: dict[str, str] = {}
    for variable in variables_of(dashboard):
        match = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
        assert match is not None
        found = prometheus.label_values(interpolate(match[1], chosen), match[2])
        everything = variable["allValue"] if variable["includeAll"] else found[-1] if found else ""
        chosen[variable["name"]] = everything if found else ""
    return chosen


def faults_of(
    dashboard: dict[str, Any], prometheus: Prometheus, chosen: dict[str, str], may_be_empty: Callable[[Asked], bool]
) -> list[str]:
    """Return a sentence for each query that finds nothing, and for each label of a legend or link that is not found.

    Raises AssertionError for one that Prometheus refuses.
    """
    faults = []
    for asked in asked_of(dashboard):
        expr = interpolate(asked.expr, chosen)
        found = prometheus.instant(expr) if asked.instant else prometheus.range(expr)
        if not found and not may_be_empty(asked):
            faults.append(f"{asked.where}: {expr} finds nothing")
        lacking = asked.labels - {label for series in found for label in series["metric"]}
        # Where a query may find nothing, it may find a part: figures of a model as a whole have no scenario.
        if found and lacking and not may_be_empty(asked):
            faults.append(f"{asked.where}: its legend or links use {sorted(lacking)}, which no series has")
    return faults
