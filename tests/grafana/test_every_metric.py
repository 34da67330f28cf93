"""Where every metric is there, every query of every dashboard finds something: GPUs, regressions, objectives too."""

from collections.abc import Iterator

import pytest
from dashboard_queries import choose, faults_of
from dashboards import Asked, asked_of, interpolate, load
from every_metric import exporting
from prometheus_server import Prometheus, scraping

pytestmark = pytest.mark.prometheus
DASHBOARDS = load()
ALERTS = {"MmiedTest": "mmied_profile_info", "MmiedOptimizationAvailable": "mmied_candidate_verdict"}
RULES = {"groups": [{"name": "test", "rules": [{"alert": name, "expr": expr} for name, expr in ALERTS.items()]}]}


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Prometheus with three scrapes."""
    with (
        exporting() as target,
        scraping(tmp_path_factory.mktemp("prometheus"), target, RULES) as prometheus,
    ):
        prometheus.wait_for('count_over_time(up{job="mmied"}[1m]) >= 3 and on () ALERTS{alertname="MmiedTest"}')
        yield prometheus


def is_deploy(asked: Asked) -> bool:
    """It looks five minutes back; test_marks.py tells of it."""
    return asked.where.endswith(": annotation Deploys")


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_every_query_finds_something(uid: str, prometheus: Prometheus) -> None:
    chosen = choose(DASHBOARDS[uid], prometheus)
    assert "" not in chosen.values()
    assert faults_of(DASHBOARDS[uid], prometheus, chosen, is_deploy) == []


@pytest.mark.parametrize(("scenario", "regressions"), [(".+", "2"), ("b1", "2"), ("another", "1")])
def test_what_is_judged_of_a_model_as_a_whole_shows_whichever_scenario_is_chosen(
    prometheus: Prometheus, scenario: str, regressions: str
) -> None:
    dashboard = DASHBOARDS["mmied-model"]
    (asked,) = (asked for asked in asked_of(dashboard) if asked.where == "mmied-model: Regressions A")
    (found,) = prometheus.instant(interpolate(asked.expr, choose(dashboard, prometheus) | {"scenario": scenario}))
    assert found["value"][1] == regressions
