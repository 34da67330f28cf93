"""Every dashboard keeps to every rule, and the rules find what they are for."""

import copy
import re
from collections.abc import Callable
from typing import Any

import pytest
from dashboard_rules import (
    RULES,
    Rule,
    asks_anew_for_variables,
    asks_for_job_and_instance,
    has_ids_of_its_own,
    has_room_for_each_panel,
    has_units,
    is_made_by_code_alone,
    lets_the_data_source_be_chosen,
    names_its_series,
    parsable,
    says_what_it_shows,
    shows_figures_first,
    takes_rates_of_counters,
)
from dashboards import FOLDER, asked_of, load, panels_of
from promql import selectors

from mmied import catalog

DASHBOARDS = load()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("uid", DASHBOARDS)
def test_each_dashboard_keeps_to_each_rule(uid: str, rule: Rule) -> None:
    assert list(rule(DASHBOARDS[uid])) == []


def panel(dashboard: dict[str, Any], kind: str = "timeseries") -> dict[str, Any]:
    return next(panel for panel in panels_of(dashboard) if panel["type"] == kind)


def ask(expr: str) -> Callable[[dict[str, Any]], None]:
    return lambda dashboard: panel(dashboard)["targets"][0].update(expr=expr)


CHOSEN = 'job=~"$job", instance=~"$instance", model=~"$model", scenario=~"$scenario"'
FAULTS: list[tuple[Rule, str, Callable[[dict[str, Any]], Any]]] = [
    (says_what_it_shows, "without a title", lambda d: panel(d).update(title="")),
    (says_what_it_shows, "of another metric", lambda d: panel(d).update(description="One two three. Metric: `up`")),
    (has_units, "without a unit", lambda d: panel(d)["fieldConfig"]["defaults"].pop("unit")),
    (has_units, "a column without a unit", lambda d: panel(d, "table")["fieldConfig"]["overrides"].clear()),
    (lets_the_data_source_be_chosen, "a fixed one", lambda d: panel(d).update(datasource={"uid": "prom"})),
    (asks_for_job_and_instance, "all jobs", ask("mmied_model_flops")),
    (asks_for_job_and_instance, "all models", ask('mmied_model_flops{job=~"$job", instance=~"$instance"}')),
    (asks_for_job_and_instance, "not in the catalog", ask(f"mmied_speed{{{CHOSEN}}}")),
    (asks_for_job_and_instance, "no such label", ask(f'mmied_model_flops{{{CHOSEN}, layer="0"}}')),
    (takes_rates_of_counters, "a counter as it is", ask(f"mmied_profile_runs_total{{{CHOSEN}}}")),
    (takes_rates_of_counters, "a rate of a gauge", ask(f"rate(mmied_model_flops{{{CHOSEN}}}[1h])")),
    (takes_rates_of_counters, "too short", ask(f"rate(mmied_profile_runs_total{{{CHOSEN}}}[5m])")),
    (asks_anew_for_variables, "once", lambda d: d["templating"]["list"][1].update(refresh=1)),
    (asks_anew_for_variables, "too early", lambda d: d["templating"]["list"].reverse()),
    (is_made_by_code_alone, "editable", lambda d: d.update(editable=True)),
    (shows_figures_first, "text first", lambda d: d["panels"].insert(0, d["panels"].pop())),
    (has_room_for_each_panel, "too wide", lambda d: panel(d)["gridPos"].update(x=20, w=8)),
    (has_room_for_each_panel, "on another", lambda d: panel(d)["gridPos"].update(d["panels"][1]["gridPos"])),
    (has_ids_of_its_own, "twice", lambda d: panel(d).update(id=d["panels"][0]["id"])),
    (has_ids_of_its_own, "one name", lambda d: panel(d).update(title=panel(d, "stat")["title"])),
    (has_ids_of_its_own, "one letter", lambda d: panel(d)["targets"].append(panel(d)["targets"][0])),
    (names_its_series, "no legend", lambda d: panel(d)["targets"][0].pop("legendFormat")),
]


@pytest.mark.parametrize(("rule", "what", "spoil"), FAULTS, ids=[f"{rule.__name__}-{what}" for rule, what, _ in FAULTS])
def test_a_rule_finds_its_fault(rule: Rule, what: str, spoil: Callable[[dict[str, Any]], Any]) -> None:
    spoilt = copy.deepcopy(DASHBOARDS["mmied-model"])
    spoil(spoilt)
    assert list(rule(spoilt))


def test_the_dashboards_show_every_metric_of_the_catalog() -> None:
    assert set(DASHBOARDS) == {f"mmied-{name}" for name in ("fleet", "model", "optimizations", "host", "daemon")}
    texts = [asked.expr for dashboard in DASHBOARDS.values() for asked in asked_of(dashboard)]
    shown = {name for text in texts for name, _ in selectors(parsable(text))}
    assert {row.name for row in catalog.METRICS} - {re.sub("_bucket$", "", name) for name in shown} == set()


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_links_lead_to_pages_and_dashboards_that_there_are(uid: str) -> None:
    text = (FOLDER / "dashboards" / f"{uid}.json").read_text()
    assert all(f"mmied-{name}" in DASHBOARDS for name in re.findall(r"/d/mmied-(\w+)", text))
    assert "${scheme}://" in text, "the daemon's own pages"
    assert set(re.findall(r"\$\{scheme\}://[^/]+(/\w+)", text)) <= {"/models", "/optimizations", "/daemon"}
