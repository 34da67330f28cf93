"""Prometheus gets every figure of the catalog that is known and current, whatever breaks, under stable names."""

import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest
from builders import (
    B1,
    B8,
    HARDWARE,
    NOW,
    PACED,
    FakeStore,
    cuda_view,
    failed,
    make_config,
    make_failure,
    make_model,
    make_result,
    make_run,
    make_view,
    orphaned,
    refused,
    stand,
)
from collected import Registry, make_registry
from prometheus_client import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from mmied import catalog
from mmied.config import Unit
from mmied.daemon import exporter
from mmied.daemon.samples import Sample
from mmied.daemon.view import View
from mmied.errors import HistoryError

EXPORTED = [row for row in catalog.METRICS if not row.reserved]
OF_PARTS = {"summary": ("", "_count", "_sum"), "histogram": ("_bucket", "_count", "_sum")}


class Scrape:
    """One scrape, by the name of a sample."""

    def __init__(self, view: View) -> None:
        self.samples: dict[str, list[tuple[Mapping[str, str], float]]] = {}
        for family in parse_text(make_registry(lambda: view).render(openmetrics=False).decode()):
            for sample in family.samples:
                self.samples.setdefault(sample.name, []).append((sample.labels, sample.value))

    def of(self, name: str, **labels: str) -> list[float]:
        return [value for found, value in self.samples.get(name, []) if labels.items() <= found.items()]

    def values(self, name: str, label: str) -> set[str]:
        return {labels[label] for labels, _ in self.samples.get(name, [])}


def view_of(*runs: object, **changes: object) -> View:
    return make_view(make_config(make_model()), runs, **changes)  # type: ignore[arg-type]


# The catalog


@pytest.mark.parametrize("row", EXPORTED, ids=lambda row: row.name)
def test_every_metric_of_the_catalog_is_exported_with_its_type_and_labels(row: catalog.Metric) -> None:
    families = {family.name: family for family in make_registry(cuda_view).collect()}
    family = families[row.family]

    assert (family.type, family.documentation) == (row.type, row.help)
    for sample in family.samples:
        assert sample.name in {row.name + part for part in OF_PARTS.get(row.type, ("",))}
        assert set(sample.labels) - {"quantile", "le"} == set(row.labels)


def test_nothing_is_exported_that_the_catalog_does_not_know() -> None:
    assert {family.name for family in make_registry(cuda_view).collect()} == {row.family for row in EXPORTED}


def test_registering_takes_no_view() -> None:
    def no_view() -> View:
        raise AssertionError("a view was taken")

    make_registry(no_view)


@pytest.mark.prometheus
def test_promtool_finds_nothing_to_complain_of() -> None:
    text = make_registry(cuda_view).render(openmetrics=False)
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True)

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


# The formats


def awkward_view() -> View:
    """Names that have to be escaped, and a scenario with every outcome."""
    config = make_config(make_model(unit=Unit(name='to\\k"en\ns', per_sample=0.1)))
    hardware = replace(HARDWARE, temperature_celsius={'a "b" \\ {c}, µ': -1.5, "%s": float("nan"), "big": 1e300})
    return make_view(config, [make_run(1000), refused(1000), orphaned(1000)], hardware=hardware)


@pytest.mark.parametrize("view", [cuda_view(), awkward_view(), view_of(), view_of(hardware=None)])
def test_what_we_render_is_what_prometheus_client_renders(view: View) -> None:
    registry = make_registry(lambda: view)

    assert registry.render(openmetrics=False) == generate_latest(registry)
    assert registry.render(openmetrics=True) == generate_openmetrics(registry)


def test_both_formats_are_understood_and_say_the_same() -> None:
    registry = make_registry(cuda_view)
    text = list(parse_text(registry.render(openmetrics=False).decode()))
    openmetrics = list(parse_openmetrics(registry.render(openmetrics=True).decode()))

    assert len(openmetrics) == len(EXPORTED)
    figures = [
        {
            (sample.name, *sorted(sample.labels.items())): sample.value
            for family in families
            for sample in family.samples
        }
        for families in (text, openmetrics)
    ]
    assert figures[0] == figures[1]


def test_exemplars_lead_to_the_run() -> None:
    families = parse_openmetrics(make_registry(cuda_view).render(openmetrics=True).decode())
    exemplars = [
        (sample.labels["model"], sample.exemplar) for family in families for sample in family.samples if sample.exemplar
    ]

    assert {(model, exemplar.labels["run_id"]) for model, exemplar in exemplars} == {
        ("ranker", "run-1000"),
        ("vision", "run-gpu"),
    }
    assert {float(exemplar.timestamp) for _, exemplar in exemplars} == {NOW - 30}


def test_no_sample_carries_a_time_of_its_own() -> None:
    assert all(sample.timestamp is None for family in make_registry(cuda_view).collect() for sample in family.samples)


def test_no_series_comes_twice() -> None:
    for family in make_registry(cuda_view).collect():
        series = [(sample.name, *sorted(sample.labels.items())) for sample in family.samples]
        assert len(series) == len(set(series)), family.name


# Counters


def test_every_reason_is_there_from_the_start_at_zero() -> None:
    scrape = Scrape(view_of())

    for name, reasons in (
        ("mmied_profile_run_failures_total", catalog.FAILURE_REASONS),
        ("mmied_profile_runs_skipped_total", catalog.SKIP_REASONS),
    ):
        for scenario in ("b1", "b8"):
            assert [scrape.of(name, scenario=scenario, reason=reason) for reason in reasons] == [[0.0]] * len(reasons)
    assert scrape.of("mmied_profile_runs_total") == [0.0, 0.0]
    assert scrape.of("mmied_profile_iteration_duration_seconds_count") == [0.0, 0.0]
    assert scrape.values("mmied_log_messages_total", "level") == {"debug", "info", "warning", "error", "critical"}


def test_failures_and_skips_are_counted_by_their_reason() -> None:
    half = make_run(1000, results=(make_result(B1), make_failure(B8, "out_of_memory")))
    skipped = refused(1000, "budget", results=tuple(make_result(workload, outcome="refused") for workload in (B1, B8)))
    scrape = Scrape(view_of(half, skipped, skipped))

    assert scrape.of("mmied_profile_run_failures_total", reason="out_of_memory", scenario="b8") == [1.0]
    assert sum(scrape.of("mmied_profile_run_failures_total")) == 1.0
    assert scrape.of("mmied_profile_runs_skipped_total", reason="budget") == [2.0, 2.0]
    assert scrape.of("mmied_profile_runs_total", scenario="b8") == [1.0]


def test_the_histogram_is_cumulative_and_ends_with_all() -> None:
    scrape = Scrape(view_of(make_run(1000)))
    buckets = scrape.of("mmied_profile_iteration_duration_seconds_bucket", scenario="b1")

    assert buckets == sorted(buckets)
    assert len(buckets) == len(catalog.HISTOGRAM_BOUNDS_SECONDS) + 1
    assert buckets[-1] == 500 == scrape.of("mmied_profile_iteration_duration_seconds_count", scenario="b1")[0]


# Figures


def test_quantiles_are_exact_and_those_that_are_not_supported_are_left_out() -> None:
    scrape = Scrape(view_of(make_run(1000, results=(make_result(B1), make_result(B8, samples=100)))))
    quantiles = scrape.samples["mmied_profile_latency_seconds"]

    assert [labels["quantile"] for labels, _ in quantiles if labels["scenario"] == "b1"] == ["0.5", "0.95", "0.99"]
    assert [labels["quantile"] for labels, _ in quantiles if labels["scenario"] == "b8"] == ["0.5", "0.95"]
    assert scrape.of("mmied_profile_latency_seconds", scenario="b1", quantile="0.5") == [0.01]
    assert scrape.of("mmied_profile_samples", scenario="b8") == [100.0]


def test_sum_and_count_go_on_over_runs() -> None:
    scrape = Scrape(view_of(make_run(999), make_run(1000)))

    assert scrape.of("mmied_profile_latency_seconds_count", scenario="b1") == [1000.0]
    assert scrape.of("mmied_profile_latency_seconds_sum", scenario="b1") == [pytest.approx(10.0)]


def test_pooled_runs_are_told() -> None:
    result = make_result(B1)
    assert result.latency is not None
    pooled = replace(result, latency=replace(result.latency, pooled_runs=4))

    assert Scrape(view_of(make_run(1000, results=(pooled,)))).of("mmied_profile_pooled_runs") == [4.0]


LASTING = {
    "mmied_profile_last_run_timestamp_seconds",
    "mmied_profile_last_success_timestamp_seconds",
    "mmied_profile_last_run_successful",
    "mmied_profile_consecutive_failures",
    "mmied_profile_interval_seconds",
    "mmied_profile_next_run_timestamp_seconds",
    "mmied_profile_info",
    "mmied_profile_quarantined",
}


def test_figures_older_than_three_intervals_are_dropped_while_when_and_how_it_ended_stays() -> None:
    fresh = view_of(make_run(1000))
    within, beyond = replace(fresh, at=NOW + 2600), replace(fresh, at=NOW + 2700)

    def figures(view: View) -> set[str]:
        names = {name for name in Scrape(view).samples if name.startswith(("mmied_profile_", "mmied_reference_"))}
        return {name for name in names if "iteration_duration" not in name and not name.endswith("_total")}

    assert figures(within) == figures(fresh)
    assert len(figures(fresh)) > 20
    assert figures(beyond) == LASTING


def test_a_failed_run_keeps_the_figures_of_the_last_success_and_says_that_it_failed() -> None:
    scrape = Scrape(view_of(make_run(999), failed(1000)))

    assert scrape.of("mmied_profile_last_run_successful") == [0.0, 0.0]
    assert scrape.of("mmied_profile_consecutive_failures") == [1.0, 1.0]
    assert scrape.of("mmied_profile_last_success_timestamp_seconds", scenario="b1") == [NOW - 60 - 900 + 30]
    assert scrape.of("mmied_profile_last_run_timestamp_seconds", scenario="b1") == [NOW - 60 + 30]
    assert scrape.of("mmied_profile_latency_seconds", scenario="b1", quantile="0.5") == [0.01]


def test_a_refusal_changes_no_figure() -> None:
    before, after = Scrape(view_of(make_run(1000))), Scrape(view_of(make_run(1000), refused(1000)))

    assert before.samples == after.samples


def test_a_revision_is_twelve_digits_long_and_no_label_holds_a_path() -> None:
    view = cuda_view()
    labels = {value for found in Scrape(view).samples.values() for names, _ in found for value in names.values()}

    assert Scrape(view).values("mmied_model_info", "revision") == {"5eed5eed5eed"}
    assert not [value for value in labels if "/" in value or len(value) > 36]


def test_a_model_in_quarantine_has_no_next_run() -> None:
    view = view_of(standings={"ranker": stand(orphaned(1), orphaned(2))})
    plan = replace(view.plans["ranker"], next_run_at=None)
    scrape = Scrape(replace(view, plans={"ranker": plan}))

    assert scrape.of("mmied_profile_quarantined") == [1.0]
    assert scrape.of("mmied_profile_next_run_timestamp_seconds") == []


def test_a_host_is_told_by_the_references_of_the_newest_run_on_each_device() -> None:
    config = make_config(make_model("a"), make_model("b"), make_model("c", device="cuda:0"))
    slow = make_result(B1, reference_seconds={"compute": 0.5})
    runs = [
        make_run(1000, "a"),
        make_run(999, "b", results=(slow,)),
        make_run(999, "c", device="cuda:0", results=(slow,)),
    ]
    scrape = Scrape(make_view(config, runs))

    assert scrape.of("mmied_reference_seconds", device="cpu", workload="compute") == [0.0121]
    assert scrape.of("mmied_reference_seconds", device="cuda:0") == [0.5]


def test_what_is_not_known_is_left_out_and_not_zero() -> None:
    empty = replace(HARDWARE, cpu_utilization_ratio=None, cpu_frequency_hertz=None, gpus=())
    scrape = Scrape(view_of(hardware=empty, lag_seconds=None, worker_peak_bytes=None))

    assert not scrape.samples.keys() & {
        "mmied_host_cpu_utilization_ratio",
        "mmied_host_cpu_frequency_hertz",
        "mmied_gpu_info",
        "mmied_scheduler_lag_seconds",
        "mmied_worker_memory_max_bytes",
        "mmied_profile_latency_seconds",
        "mmied_model_info",
    }


def test_a_limit_that_does_not_hold_for_postgresql_is_not_exported_for_it() -> None:
    config = make_config(make_model(), history={"url": "postgresql://db/mmied"})

    assert "mmied_store_size_limit_bytes" not in Scrape(make_view(config)).samples


# What breaks


def broken(view: View) -> Iterator[Sample]:
    yield Sample("mmied_scheduler_jobs", (), 1)
    raise ZeroDivisionError


@pytest.mark.parametrize("name", ["daemon", "profile", "hardware"])
def test_a_part_that_fails_costs_neither_the_others_nor_the_scrape(
    name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    whole = set(Scrape(cuda_view()).samples)
    broken.__name__ = f"{name}_samples"
    parts = tuple(broken if part.__name__ == broken.__name__ else part for part in exporter.PARTS)
    monkeypatch.setattr(exporter, "PARTS", parts)
    scrape = Scrape(cuda_view())

    assert scrape.of("mmied_collector_success", collector=f"exporter_{name}") == [0.0]
    assert 5 < len(scrape.samples) < len(whole)
    assert [record.message for record in caplog.records] == ["exporter_part_failed"]


def test_a_collector_that_failed_is_told() -> None:
    scrape = Scrape(cuda_view())

    assert scrape.of("mmied_collector_success", collector="nvml") == [0.0]
    assert scrape.of("mmied_collector_success", collector="cpu") == [1.0]


class Away(FakeStore):
    def size_bytes(self) -> int:
        raise HistoryError("no server")


def test_a_history_that_is_away_costs_its_size_alone() -> None:
    scrape = Scrape(view_of(history=Away()))

    assert "mmied_store_size_bytes" not in scrape.samples
    assert scrape.of("mmied_store_write_failures_total") == [1.0]
    assert scrape.of("mmied_collector_success", collector="exporter_daemon") == [1.0]


def test_a_model_that_was_taken_out_of_the_configuration_is_gone() -> None:
    both = make_view(
        make_config(make_model("stays"), make_model("goes")), [make_run(1000, "stays"), make_run(1000, "goes")]
    )
    views = [both, replace(both, config=make_config(make_model("stays")))]
    registry = make_registry(lambda: views.pop(0))

    assert b'model="goes"' in registry.render(openmetrics=False)
    assert b'model="goes"' not in registry.render(openmetrics=False), "and the registry remembers nothing"


# How much


def fifty_models() -> View:
    workloads = (B1, B8, PACED)
    models = [make_model(f"model-{number}", workloads=workloads) for number in range(50)]
    results = tuple(make_result(workload) for workload in workloads)
    return make_view(make_config(*models), [make_run(1000, model.name, results=results) for model in models])


def test_series_are_bounded_for_each_scenario_and_each_model() -> None:
    def count(*workloads: object) -> int:
        config = make_config(make_model(workloads=workloads))
        results = tuple(make_result(workload) for workload in workloads)  # type: ignore[arg-type]
        collected = make_registry(lambda: make_view(config, [make_run(1000, results=results)])).collect()
        return sum(sample.labels.get("model") == "ranker" for family in collected for sample in family.samples)

    assert count(B1) <= 90
    assert count(B1, B8) - count(B1) <= 80


def test_a_scrape_of_fifty_models_is_quick() -> None:
    view = fifty_models()
    registry = make_registry(lambda: view)
    best = min(_seconds(registry) for _ in range(5))

    assert best < 0.05


def _seconds(registry: Registry) -> float:
    began = time.perf_counter()
    registry.render(openmetrics=True)
    return time.perf_counter() - began
