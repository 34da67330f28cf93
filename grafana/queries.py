"""Write queries: a metric of the catalog, with the matchers that the dashboard's variables give."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from mmied import catalog

PARTS = re.compile(r"_(bucket|sum|count)$")  # what a summary or histogram is scraped as
OF_THE_WHOLE = re.compile(r"mmied_(regression|detector_|objective_|trend_)")  # may be of a model without a scenario
NAMES = re.compile(r"\b(mmied_[a-z0-9_]+|up)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What a panel asks Prometheus for, and what its series are called."""

    expr: str
    legend: str = ""
    dashed: bool = False  # what is held against: a baseline, an objective, a limit


@dataclass(frozen=True, slots=True)
class Scope:
    """The labels that a dashboard has variables for, beside job and instance."""

    labels: tuple[str, ...] = ()

    def __call__(self, name: str, **labels: str) -> str:
        """Return the selector of a metric; a name that is not in the catalog is a KeyError.

        `labels` have to be equal to what is given, or match it where that begins with a tilde.
        """
        row = catalog.BY_NAME.get(name) or catalog.BY_NAME[PARTS.sub("", name)]
        chosen = [_chosen(label, name) for label in ("job", "instance", *self.labels) if label in _labels(row)]
        own = [
            f'{label}=~"{value[1:]}"' if value[0] == "~" else f'{label}="{value}"' for label, value in labels.items()
        ]
        return f"{name}{{{', '.join([*chosen, *own])}}}"

    @property
    def up(self) -> str:
        """Return the selector of `up`, which Prometheus itself writes for each target."""
        return 'up{job=~"$job", instance=~"$instance"}'


def _chosen(label: str, name: str) -> str:
    or_none = "|" if label == "scenario" and OF_THE_WHOLE.match(name) else ""
    return f'{label}=~"${label}{or_none}"'


def _labels(row: catalog.Metric) -> set[str]:
    return {"job", "instance", *row.labels}


def q(expr: str, legend: str = "", *, dashed: bool = False) -> Query:
    """Return a query."""
    return Query(expr=expr, legend=legend, dashed=dashed)


def metrics_of(exprs: Iterable[str]) -> list[str]:
    """Return the metrics of some expressions as the catalog calls them, each once, in the order of their appearance."""
    found = (name for expr in exprs for name in NAMES.findall(expr))
    return list(dict.fromkeys(name if name in catalog.BY_NAME else PARTS.sub("", name) for name in found))
