"""The CSV has a row for each figure that was had, and no cell that a spreadsheet runs."""

import csv
import io
from dataclasses import replace

from builders import make_failure
from profile_builders import (
    B8,
    bare_profile,
    make_calls,
    make_comparison,
    make_layers,
    make_operators,
    make_profile,
    make_workload_result,
    sweep_profile,
)

from mmied.profiles import ComparisonReport
from mmied.reports.profile_csv import comparison_csv, layers_csv, operators_csv, profile_csv


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def figures(text: str, model: str = "classifier", scenario: str = "b8") -> dict[str, str]:
    return {row["metric"]: row["value"] for row in read(text) if (row["model"], row["scenario"]) == (model, scenario)}


def test_each_workload_has_its_figures_in_base_units() -> None:
    profile = sweep_profile(items_per_sample={"tokens": 64.0})

    text = profile_csv(profile)

    found = figures(text)
    latency = profile.results[3].latency
    assert latency is not None
    assert float(found["latency_p50_seconds"]) == latency.quantiles["0.5"]
    assert float(found["throughput_samples_per_second"]) == 8 / 0.018
    assert float(found["throughput_tokens_per_second"]) == 64 * 8 / 0.018
    assert int(found["host_memory_peak_bytes"]) == 60_000_000
    assert {row["unit"] for row in read(text) if row["metric"].endswith("_p99_seconds")} == {"seconds"}
    assert [row["batch_size"] for row in read(text) if row["metric"] == "succeeded"] == ["1", "2", "4", "8", "16", "32"]


def test_what_holds_for_the_model_has_no_scenario() -> None:
    found = figures(profile_csv(make_profile(custom={"tokens_kept_ratio": 0.9})), scenario="")

    assert found["flops"] == "268000000.0"
    assert found["flops_coverage_ratio"] == "0.94"
    assert found["tokens_kept_ratio"] == "0.9"
    assert int(found["artifact_bytes"]) == make_profile().artifact_bytes


def test_a_withheld_quantile_has_no_row() -> None:
    few = make_workload_result(B8, calls=make_calls(samples=100))

    found = figures(profile_csv(make_profile(results=(few,))))

    assert "latency_p95_seconds" in found
    assert "latency_p99_seconds" not in found


def test_a_failed_workload_says_so_and_nothing_else() -> None:
    assert figures(profile_csv(make_profile(results=(make_failure(B8),)))) == {"succeeded": "0"}


def test_a_profile_without_figures_is_a_heading() -> None:
    assert profile_csv(bare_profile()) == "model,scenario,batch_size,precision,metric,value,unit\n"


def test_no_cell_begins_a_formula() -> None:
    evil = "=HYPERLINK(1)"
    profile = make_profile(evil, custom={"@SUM(A1)": "+1+1", "-x": "plain, with a comma"})

    rows = read(profile_csv(profile))

    assert {row["model"] for row in rows} == {f"'{evil}"}
    cells = {row["metric"]: row["value"] for row in rows}
    assert cells["'@SUM(A1)"] == "'+1+1"
    assert cells["'-x"] == "plain, with a comma"


def test_a_number_below_zero_stays_a_number() -> None:
    assert figures(profile_csv(make_profile(custom={"gain_ratio": -0.5})), scenario="")["gain_ratio"] == "-0.5"


def test_a_comparison_has_variants_accuracies_and_speedups() -> None:
    text = comparison_csv(make_comparison())

    assert figures(text, "quantized", "b8")["speedup_ratio"] == "1.98"
    assert figures(text, "quantized", "b8")["latency_p50_seconds"] == "0.01"
    assert figures(text, "quantized", "")["accuracy"] == "0.917"
    assert figures(text, "pruned", "") == {"succeeded": "0"}
    assert {
        row["unit"] for row in read(text) if row["metric"].startswith("speedup") and "pairs" not in row["metric"]
    } == {"ratio"}


def test_a_comparison_of_nothing_is_a_heading() -> None:
    nothing = replace(make_comparison(), variants=(), ratios=())

    assert isinstance(nothing, ComparisonReport)
    assert len(comparison_csv(nothing).splitlines()) == 1


def test_layers_and_operators_have_a_row_each() -> None:
    layers, operators = make_layers(), make_operators()

    assert [row["name"] for row in read(layers_csv(layers))] == [layer.name for layer in layers.layers]
    assert [row["name"] for row in read(operators_csv(operators))] == [each.name for each in operators.operators]
    assert read(operators_csv(operators))[0]["shapes"] == "512×256, 256×1024"
