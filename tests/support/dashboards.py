"""The committed dashboards, as tests look at them: panels, queries, variables, annotations."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
FOLDER = REPOSITORY / "grafana"
METRIC = re.compile(r"\bmmied_[a-z0-9_]+")
LABEL = re.compile(r"\{\{(\w+)\}\}")
RANGES = {"__range": "1h", "__rate_interval": "1m", "__interval": "15s"}


def load(form: str = "dashboards") -> dict[str, dict[str, Any]]:
    """Return the dashboards by their uid."""
    return {path.stem: json.loads(path.read_text()) for path in sorted((FOLDER / form).glob("*.json"))}


def panels_of(dashboard: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the panels that ask for something, those of collapsed rows too."""
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            yield from panel.get("panels", ())
        else:
            yield panel


def variables_of(dashboard: dict[str, Any], kind: str = "query") -> list[dict[str, Any]]:
    return [variable for variable in dashboard["templating"]["list"] if variable["type"] == kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A query with where it stands and what it has to give."""

    where: str
    expr: str
    instant: bool
    labels: frozenset[str]  # that the legend and links use


def asked_of(dashboard: dict[str, Any]) -> Iterator[Asked]:
    """Yield every query of the dashboard's panels and annotations."""
    for panel in panels_of(dashboard):
        links = json.dumps(panel["fieldConfig"])
        linked = set(re.findall(r"__(?:field\.labels|data\.fields)\.(\w+)", links))
        for target in panel["targets"]:
            labels = linked | set(LABEL.findall(target.get("legendFormat", "")))
            where = f"{dashboard['uid']}: {panel['title']} {target['refId']}"
            yield Asked(where=where, expr=target["expr"], instant=target["instant"], labels=frozenset(labels))
    for mark in dashboard["annotations"]["list"]:
        where = f"{dashboard['uid']}: annotation {mark['name']}"
        yield Asked(where=where, expr=mark["expr"], instant=False, labels=frozenset())


def interpolate(expr: str, values: dict[str, str]) -> str:
    """Return the expression as Grafana sends it; a variable without a value is a KeyError."""
    return re.sub(r"\$\{?(\w+)\}?", lambda match: (RANGES | values)[match[1]], expr)
