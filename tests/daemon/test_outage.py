"""While Prometheus is away nothing is lost and nothing piles up: what is scraped next is right."""

from typing import Any

import pytest
from builders import failed, make_view
from judged_host import INTERVAL, OTHER_REVISION, JudgedHost
from prometheus_client.parser import text_string_to_metric_families

from mmied.daemon.exporter import Exporter
from mmied.records import Run

B8 = {"model": "ranker", "scenario": "b8"}
P50 = {**B8, "metric": "latency_p50"}


class Scrape:
    """What Prometheus gets of a host now."""

    def __init__(self, host: JudgedHost) -> None:
        view = make_view(
            host.config, at=host.now, standings=host.standings, series=host.regressions.series, tally=host.tally
        )
        text = Exporter(lambda: view).render(openmetrics=False).decode()
        self.samples = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float:
        return self.samples[name, frozenset(labels.items())]


def take(host: JudgedHost, run: Run) -> None:
    host.tally.count(run)
    host.take(run)
    host.now += INTERVAL


def runs(host: JudgedHost, count: int, **changes: Any) -> None:
    for _ in range(count):
        take(host, host.make_run(**changes))


def test_after_an_hour_without_a_scrape_counters_and_last_figures_are_right(host: JudgedHost) -> None:
    runs(host, 1)
    before = Scrape(host)

    runs(host, 2)
    take(host, failed(1, run_id="broken", started_at=host.now, ended_at=host.now + 9))
    last = host.make_run()
    take(host, last)

    after = Scrape(host)
    rose = {key: value - before.samples[key] for key, value in after.samples.items() if key in before.samples}
    assert rose["mmied_profile_runs_total", frozenset(B8.items())] == 4
    assert rose["mmied_profile_run_failures_total", frozenset({**B8, "reason": "internal"}.items())] == 1
    assert rose["mmied_profile_latency_seconds_count", frozenset(B8.items())] == 3 * 500
    latency = last.results[0].latency
    assert latency is not None
    assert after.value("mmied_profile_latency_seconds", quantile="0.5", **B8) == pytest.approx(latency.quantiles["0.5"])
    assert after.value("mmied_profile_last_run_successful", **B8) == 1
    assert len(after.samples) == len(before.samples), "nothing piled up"


def test_a_regression_that_came_and_went_meanwhile_is_counted(host: JudgedHost) -> None:
    before = Scrape(host)

    runs(host, 8, seconds=0.013, revision=OTHER_REVISION)
    during = Scrape(host)
    runs(host, 12)

    after = Scrape(host)
    assert [each.value("mmied_regression_active", **P50) for each in (before, during, after)] == [0, 1, 0]
    assert [each.value("mmied_regressions_total", **P50) for each in (before, after)] == [0, 1]
    assert ("mmied_regression_cause", frozenset({**P50, "cause": "model"}.items())) in during.samples
    assert all(name != "mmied_regression_cause" for name, _ in after.samples)
