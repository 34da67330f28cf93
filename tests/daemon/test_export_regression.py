"""Prometheus gets how each series stands: what the host explains is no alarm of a model, and series are bounded."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from builders import B1, NOW, make_config, make_model, make_run, make_view
from collected import make_registry
from regressed import P50, change, standing

from mmied import catalog
from mmied.daemon.view import View
from mmied.records import Workload
from mmied.regression import HOST, METRICS, Baseline, SeriesKey, SeriesStanding

COMPUTE = SeriesKey(HOST, "cpu", "reference_compute")
Found = Mapping[str, list[tuple[dict[str, str], float]]]


def view_of(*standings: SeriesStanding, **changes: Any) -> View:
    series = {each.key: each for each in standings}
    return make_view(make_config(make_model()), [make_run(1000, drift_ratio=0.0)], **{"series": series} | changes)


def samples(view: View) -> Found:
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in make_registry(lambda: view).collect():
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    assert found["mmied_collector_success"]
    assert all(
        value for labels, value in found["mmied_collector_success"] if labels["collector"].startswith("exporter")
    )
    return found


def regressed(**changes: Any) -> SeriesStanding:
    active = change(**{"cause": "model"} | changes)
    return standing(state="regressed", change=active, change_ratio=0.2, threshold_ratio=0.03, minimum_change_ratio=0.03)


OF = {"model": "ranker", "scenario": "b8", "metric": "latency_p50"}


def test_a_regression_is_told_with_its_size_and_its_cause() -> None:
    found = samples(view_of(regressed()))

    assert found["mmied_regression_active"] == [(OF, 1.0)]
    assert found["mmied_regression_change_ratio"] == [(OF, 0.2)]
    assert found["mmied_regression_threshold_ratio"] == [(OF, 0.03)]
    assert found["mmied_detector_minimum_change_ratio"] == [(OF, 0.03)]
    assert found["mmied_regression_cause"] == [({**OF, "cause": "model"}, 1)]
    assert found["mmied_detector_state"] == [({**OF, "state": "regressed"}, 1)]
    assert found["mmied_regressions_total"] == [(OF, 0)]


def test_what_a_change_of_the_host_explains_is_no_alarm_of_the_model() -> None:
    found = samples(view_of(regressed(cause="host", part_of="host-change")))

    assert found["mmied_regression_active"] == [(OF, 0.0)]
    assert "mmied_regression_cause" not in found
    assert found["mmied_detector_state"] == [({**OF, "state": "regressed"}, 1)]


@pytest.mark.parametrize("which", [{"worse": False, "change_ratio": -0.2}, {"state": "recovered"}])
def test_an_improvement_and_what_is_over_are_no_alarm(which: dict[str, Any]) -> None:
    found = samples(view_of(standing(change=change(**which))))

    assert found["mmied_regression_active"] == [(OF, 0.0)]
    assert "mmied_regression_cause" not in found


def test_a_series_that_is_learned_has_a_state_and_no_figures() -> None:
    found = samples(view_of(standing(state="learning")))

    assert found["mmied_detector_state"] == [({**OF, "state": "learning"}, 1)]
    assert "mmied_regression_change_ratio" not in found
    assert found["mmied_regression_active"] == [(OF, 0.0)]


def test_baselines_of_latency_are_a_summary() -> None:
    def held(metric: str, figure: float) -> SeriesStanding:
        key = SeriesKey("ranker", "b8", metric)
        return standing(key, baseline=Baseline(key=key, figure=figure, at=NOW - 60, source="learned", runs=31))

    found = samples(view_of(held("latency_p99", 0.02), held("latency_p50", 0.01), held("throughput", 800.0)))
    where = {"model": "ranker", "scenario": "b8"}

    assert found["mmied_baseline_latency_seconds"] == [
        ({**where, "quantile": "0.5"}, 0.01),
        ({**where, "quantile": "0.99"}, 0.02),
    ]
    assert found["mmied_baseline_runs"] == [(where, 31)]
    assert found["mmied_baseline_timestamp_seconds"] == [(where, NOW - 60)]


def test_a_slow_host_is_told_of_the_host() -> None:
    slow = standing(COMPUTE, state="regressed", change=change(COMPUTE), change_ratio=0.3)
    found = samples(view_of(slow))
    of = {"device": "cpu", "workload": "compute"}

    assert found["mmied_host_slow"] == [(of, 1.0)]
    assert found["mmied_host_slow_ratio"] == [(of, 0.3)]
    assert "mmied_regression_active" not in found
    assert samples(view_of(standing(COMPUTE)))["mmied_host_slow"] == [(of, 0.0)]


def test_a_device_that_is_slow_in_some_number_of_threads_is_told_once_at_its_worst() -> None:
    one, two = (SeriesKey(HOST, f"cpu-{threads}", "reference_compute") for threads in ("1-thread", "2-threads"))
    slow = standing(two, state="regressed", change=change(two), change_ratio=0.3)
    found = samples(view_of(standing(one, change_ratio=0.5), slow))

    of = {"device": "cpu", "workload": "compute"}
    assert found["mmied_host_slow"] == [(of, 1.0)]
    assert found["mmied_host_slow_ratio"] == [(of, 0.3)]


def test_the_bound_of_drift_stands_beside_drift() -> None:
    assert samples(view_of())["mmied_output_drift_bound_ratio"] == [({"model": "ranker"}, 1e-4)]


def test_events_are_counted_by_kind_from_zero() -> None:
    view = view_of()
    view.tally.events["model_changed"] = 3
    found = {labels["kind"]: value for labels, value in samples(view)["mmied_events_total"]}

    assert found == dict.fromkeys(catalog.EVENT_KINDS, 0.0) | {"model_changed": 3.0}


def test_a_model_that_was_taken_out_is_gone() -> None:
    gone = SeriesKey("gone", "b8", "latency_p50")

    assert "mmied_regression_active" not in samples(view_of(standing(gone)))


def test_a_model_of_four_scenarios_has_at_most_150_series_of_regressions_even_if_all_of_it_is_worse() -> None:
    workloads = tuple(Workload(scenario=f"b{size}", batch_size=size) for size in (1, 8, 16, 32))
    keys = [
        SeriesKey("ranker", "" if kind.of_model else workload.scenario, metric)
        for metric, kind in METRICS.items()
        for workload in workloads
        if not metric.startswith("reference") and metric != "accuracy"
    ]
    # A process makes its first call once.
    keys = [key for key in dict.fromkeys(keys) if key.metric != "first_call" or key.scenario == "b1"]
    worst = {
        key: standing(
            key,
            state="regressed",
            change=change(key, cause="model"),
            change_ratio=0.2,
            threshold_ratio=0.03,
            minimum_change_ratio=0.03,
            baseline=Baseline(key=key, figure=0.01, at=NOW, source="learned", runs=40),
        )
        for key in keys
    }
    config = make_config(make_model(workloads=workloads))

    def count(series: Mapping[SeriesKey, SeriesStanding]) -> int:
        found = samples(make_view(config, [make_run(1000)], series=series))
        return sum(labels.get("model") == "ranker" for values in found.values() for labels, _ in values)

    assert 100 < count(worst) - count({}) <= 150


def test_the_catalogs_metrics_are_exported_by_now() -> None:
    reserved = {row.name for row in catalog.METRICS if row.reserved}

    assert not [name for name in reserved if name.startswith(("mmied_regression", "mmied_detector", "mmied_host_slow"))]
    assert B1.scenario
    assert P50.metric in METRICS


def test_a_regression_is_told_with_what_was_confirmed_while_it_comes_back() -> None:
    """Else a severe one would be another alert, a mild one, for a run or two."""
    coming_back = regressed(change_ratio=0.8)
    found = samples(view_of(replace(coming_back, change_ratio=0.25)))

    assert found["mmied_regression_change_ratio"] == [(OF, 0.8)]


def test_a_regression_that_grew_is_told_with_all_of_it() -> None:
    found = samples(view_of(replace(regressed(change_ratio=0.2), change_ratio=0.5)))

    assert found["mmied_regression_change_ratio"] == [(OF, 0.5)]


def test_a_regression_of_a_series_that_still_learns_has_its_size() -> None:
    """A comparison of two files confirms one that the runs cannot yet."""
    found = samples(view_of(replace(regressed(), change_ratio=None, state="learning")))

    assert found["mmied_regression_change_ratio"] == [(OF, 0.2)]
