"""What a dashboard has to keep to: dashboard-linter's rules and ours, each yields a sentence for a fault."""

import re
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

from dashboards import asked_of, panels_of, variables_of
from promql import known_series, selectors

from mmied import catalog

Rule = Callable[[dict[str, Any]], Iterator[str]]
COUNTERS = {name for name in known_series() if name.endswith(("_total", "_bucket", "_sum", "_count"))}
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS = 24
WINDOWS = {"$__rate_interval", "$__range", "1h", "1d"}  # a run is made once an hour or less
USE = re.compile(r"(?:(\w+)\()?(mmied_\w+)\{[^}]*\}(?:\[([^]]+)\])?")  # of a metric: its function, its window


def parsable(expr: str) -> str:
    """Return the expression with something that can be parsed in the place of Grafana's variables."""
    return expr.replace("$__rate_interval", "1m").replace("$__range", "1h")


def says_what_it_shows(dashboard: dict[str, Any]) -> Iterator[str]:
    for panel in panels_of(dashboard):
        title, about = panel.get("title"), panel.get("description", "")
        if not title:
            yield f"panel {panel['id']} has no title"
        names = {name for target in panel["targets"] for name, _ in selectors(parsable(target["expr"]))}
        shown = {re.sub("_(bucket|sum|count)$", "", name) if name not in catalog.BY_NAME else name for name in names}
        told = set(re.findall(r"`(\w+)`", about.rpartition("Metric")[2]))
        if len(about.split()) < 5 or told != shown:
            yield f"{title}: its description tells of {sorted(told)}, it shows {sorted(shown)}"


def has_units(dashboard: dict[str, Any]) -> Iterator[str]:
    for panel in panels_of(dashboard):
        defaults = panel["fieldConfig"]["defaults"]
        if not defaults.get("unit") or not defaults.get("noValue"):
            yield f"{panel['title']}: no unit, or nothing to say where there is no value"
        if panel["type"] == "table":
            named = {each["matcher"]["options"] for each in panel["fieldConfig"]["overrides"]}
            renamed = set(panel["transformations"][1]["options"]["renameByName"].values()) - {""}
            if renamed - named:
                yield f"{panel['title']}: no unit for {sorted(renamed - named)}"


def lets_the_data_source_be_chosen(dashboard: dict[str, Any]) -> Iterator[str]:
    first = dashboard["templating"]["list"][0]
    if (first["type"], first["name"], first["query"]) != ("datasource", "datasource", "prometheus"):
        yield "the first variable does not choose a Prometheus"
    parts = [*panels_of(dashboard), *dashboard["annotations"]["list"], *variables_of(dashboard)]
    parts += [target for panel in panels_of(dashboard) for target in panel["targets"]]
    yield from (
        f"{part.get('title', part.get('name'))}: another data source"
        for part in parts
        if part["datasource"] != DATASOURCE
    )


def asks_for_job_and_instance(dashboard: dict[str, Any]) -> Iterator[str]:
    variables = {variable["name"] for variable in variables_of(dashboard)}
    for asked in asked_of(dashboard):
        for name, labels in selectors(parsable(asked.expr)):
            if name == "ALERTS":  # those of a fleet have no instance
                continue
            if name not in known_series():
                yield f"{asked.where}: {name} is not in the catalog"
                continue
            has = known_series()[name]
            if not labels <= has:
                yield f"{asked.where}: {name} has no label {sorted(labels - has)}"
            if missing := {"job", "instance", *variables & has} - labels:
                yield f"{asked.where}: {name} is not matched by {sorted(missing)}"
        for label, variable in re.findall(r'(\w+)=~"\$(\w+)"', asked.expr):
            if label != variable or variable not in variables:
                yield f"{asked.where}: {label} is matched by ${variable}"


def takes_rates_of_counters(dashboard: dict[str, Any]) -> Iterator[str]:
    for asked in asked_of(dashboard):
        windows = WINDOWS | ({"2m"} if ": annotation " in asked.where else set())
        for function, name, window in USE.findall(asked.expr):
            if name in COUNTERS and (function not in ("rate", "increase") or not window):
                yield f"{asked.where}: {name} is a counter outside rate and increase"
            if name not in COUNTERS and window:
                yield f"{asked.where}: {name} is no counter, and has a window"
            if window and window not in windows:
                yield f"{asked.where}: nothing happens within {window} most of the time"


def asks_anew_for_variables(dashboard: dict[str, Any]) -> Iterator[str]:
    known = {"datasource"}
    for variable in variables_of(dashboard):
        used = set(re.findall(r"\$(\w+)", variable["query"]["query"]))
        if variable["refresh"] != 2:
            yield f"{variable['name']}: is not asked for anew when the range changes"
        if not used <= known:
            yield f"{variable['name']}: uses {sorted(used - known)}, which come after it"
        if variable["multi"] and variable.get("allValue") != ".+":
            yield f"{variable['name']}: All would be a list of all values"
        known.add(variable["name"])


def is_made_by_code_alone(dashboard: dict[str, Any]) -> Iterator[str]:
    if dashboard["editable"]:
        yield "it can be edited, and what is edited is lost"
    if not dashboard["uid"].startswith("mmied-") or dashboard["tags"] != ["mmied"]:
        yield "uid or tags are not ours"
    if dashboard["timezone"] != "browser" or dashboard["refresh"] != "1m":
        yield "time zone or refresh is another"
    (link,) = dashboard["links"]
    if (link["type"], link["tags"], link["asDropdown"], link["keepTime"], link["includeVars"]) != (
        *("dashboards", ["mmied"]),
        *(True, True, True),
    ):
        yield "it does not lead to the other dashboards"


def shows_figures_first(dashboard: dict[str, Any]) -> Iterator[str]:
    """Stats and what matters on top; what is closed asks nothing until it is opened."""
    rows = [panel for panel in dashboard["panels"] if panel["type"] == "row"]
    if dashboard["panels"][0] is not rows[0] or dashboard["panels"][1]["type"] != "stat":
        yield "it does not begin with figures"
    if [row["collapsed"] for row in rows] != sorted(row["collapsed"] for row in rows):
        yield "an open row is below a closed one"
    if not rows[-1]["collapsed"]:
        yield "no row is closed"


def has_room_for_each_panel(dashboard: dict[str, Any]) -> Iterator[str]:
    rows = [panel for panel in dashboard["panels"] if panel["type"] == "row"]
    for group in (dashboard["panels"], *(row.get("panels", ()) for row in rows)):
        for panel in group:
            place = panel["gridPos"]
            if place["x"] + place["w"] > COLUMNS or min(place["w"], place["h"]) < 1:
                yield f"{panel['title']}: is wider than the page"
        for one, other in combinations(group, 2):
            if _overlap(one["gridPos"], other["gridPos"]):
                yield f"{one['title']} and {other['title']} overlap"


def _overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    return (
        one["x"] < other["x"] + other["w"]
        and other["x"] < one["x"] + one["w"]
        and one["y"] < other["y"] + other["h"]
        and other["y"] < one["y"] + one["h"]
    )


def has_ids_of_its_own(dashboard: dict[str, Any]) -> Iterator[str]:
    rows = [panel for panel in dashboard["panels"] if panel["type"] == "row"]
    titles = [panel["title"] for panel in panels_of(dashboard)]
    yield from (f"two panels are called {title}" for title in set(titles) if titles.count(title) > 1)
    ids = [panel["id"] for panel in (*panels_of(dashboard), *rows)]
    yield from (f"id {number} is given twice" for number in set(ids) if ids.count(number) > 1 or number < 1)
    for panel in panels_of(dashboard):
        refs = [target["refId"] for target in panel["targets"]]
        if not refs or len(set(refs)) != len(refs):
            yield f"{panel['title']}: asks nothing, or twice under one letter"


def names_its_series(dashboard: dict[str, Any]) -> Iterator[str]:
    for panel in panels_of(dashboard):
        for target in panel["targets"]:
            if panel["type"] not in ("stat", "table") and not target.get("legendFormat"):
                yield f"{panel['title']} {target['refId']}: its series have no names"
            if panel["type"] in ("stat", "table", "bargauge") and not target["instant"]:
                yield f"{panel['title']} {target['refId']}: asks for all of the range and shows its end"


RULES: tuple[Rule, ...] = (
    says_what_it_shows,
    has_units,
    lets_the_data_source_be_chosen,
    asks_for_job_and_instance,
    takes_rates_of_counters,
    asks_anew_for_variables,
    is_made_by_code_alone,
    shows_figures_first,
    has_room_for_each_panel,
    has_ids_of_its_own,
    names_its_series,
)
