"""What PromQL asks for: the series that an expression names, and the labels that they are matched by."""

import re
from collections.abc import Iterator
from typing import Any

import promql_parser

from mmied import catalog

ADDED = {"job", "instance"}  # by Prometheus, when it scrapes


def known_series() -> dict[str, set[str]]:
    """Return each series that a scrape of mmied gives, with its labels."""
    found = {"up": ADDED}
    for row in catalog.METRICS:
        labels = {*row.labels, *ADDED}
        if row.type in ("summary", "histogram"):
            found |= {f"{row.name}_sum": labels, f"{row.name}_count": labels}
        if row.type == "histogram":
            found[f"{row.name}_bucket"] = labels | {"le"}
        else:
            found[row.name] = labels | ({"quantile"} if row.type == "summary" else set())
    return found


def selectors(expression: str) -> list[tuple[str, set[str]]]:
    """Return each metric of an expression with the labels that it is matched by."""
    return list(_selectors(promql_parser.parse(expression)))


def _selectors(node: Any) -> Iterator[tuple[str, set[str]]]:
    if isinstance(node, promql_parser.VectorSelector):
        yield node.name or "", {matcher.name for matcher in node.matchers.matchers}
        return
    for below in ("vector_selector", "expr", "lhs", "rhs", "param", "args"):
        found = getattr(node, below, None)
        for each in found if isinstance(found, list) else [found]:
            if each is not None:
                yield from _selectors(each)


def queries_of(template: str) -> list[str]:
    """Return the expressions that a template of Prometheus asks for, with a word for each value."""
    return [query.replace("%q", '"x"') for query in re.findall(r"printf `([^`]+)`", template)]
