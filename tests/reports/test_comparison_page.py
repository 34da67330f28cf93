"""The page of a comparison sets variants side by side, says which failed, and which speed-up is noise."""

import re
from dataclasses import replace

import pytest
from builders import make_failure
from profile_builders import B8, B32, bare_profile, make_comparison, make_profile, make_workload_result, sweep_profile

from mmied.profiles import Accuracy, ComparisonReport, PairedRatio, Variant
from mmied.reports.charts.comparison import accuracy_chart, metric_charts, speedup_chart
from mmied.reports.comparison_page import comparison_html
from mmied.reports.comparison_rows import batch_rows, summarize_variants, told_apart

EVIL = '</script><script>alert(1)</script><img src=x onerror="alert(2)">'


def ratio(**changes: float | None) -> PairedRatio:
    whole = PairedRatio(variant="quantized", batch_size=8, pairs=60, speedup_ratio=1.5, lower=1.4, upper=1.6)
    return replace(whole, **changes)  # type: ignore[arg-type]


def cells(report: ComparisonReport, variant: str) -> dict[str, str]:
    summary = summarize_variants(report)
    row = next(row for row in summary.rows if row.name == variant)
    return dict(zip(summary.head, (cell.text for cell in row.cells), strict=True))


def test_each_variant_has_a_row_across_the_metrics() -> None:
    found = cells(make_comparison(), "quantized")

    assert found == {
        "Size on disk": "5.00 MB",
        "Parameters": "4,669,701",
        "Peak memory": "60.0 MB",
        "Accuracy": "91.7 %",
        "p50, batch of 1": "4.00 ms",
        "p50, batch of 8": "10.0 ms",
        "Throughput, batch of 8": "800 samples/s",
        "Speed-up, batch of 8": "1.98×",
    }


def test_columns_without_any_figure_are_left_out() -> None:
    report = make_comparison()
    bare = replace(report, variants=tuple(replace(each, accuracy=None) for each in report.variants), ratios=())

    head = summarize_variants(bare).head

    assert not any("Accuracy" in name for name in head)


def test_an_error_of_a_regression_is_a_number_not_a_percentage() -> None:
    mse = Accuracy(metric="mse", value=0.125, lower=0.12, upper=0.13, samples=500)
    report = replace(make_comparison(), variants=(Variant(name="a", profile=make_profile("a"), accuracy=mse),))

    assert cells(report, "a")["Mse"] == "0.125"


def test_own_metrics_and_differing_formats_have_columns() -> None:
    report = make_comparison()
    profiles = (make_profile("a", custom={"kept_ratio": 0.5}), make_profile("b", precision="bfloat16", format="eager"))
    report = replace(report, variants=tuple(Variant(name=each.model, profile=each) for each in profiles), ratios=())

    assert (cells(report, "a")["kept_ratio"], cells(report, "b")["kept_ratio"]) == ("50 %", "–")
    assert (cells(report, "a")["Format"], cells(report, "b")["Format"]) == ("torchscript, float32", "eager, bfloat16")


def test_sweeps_of_several_variants_are_drawn_together() -> None:
    report = make_comparison()
    sweeps = tuple(Variant(name=name, profile=sweep_profile(name)) for name in ("a", "b"))

    assert "Throughput against latency" in comparison_html(replace(report, variants=sweeps, ratios=()))
    assert "Throughput against latency" in comparison_html(report)
    single = tuple(Variant(name=name, profile=make_profile(name)) for name in ("a", "b"))
    assert "Throughput against latency" not in comparison_html(replace(report, variants=single, ratios=()))


def test_a_failed_variant_is_shown_with_its_reason() -> None:
    page = comparison_html(make_comparison())

    assert "pruned failed. pruned.pt is not a model that can be opened." in said(page)


@pytest.mark.parametrize(
    ("measured", "apart"),
    [
        (ratio(), True),
        (ratio(speedup_ratio=0.8, lower=0.7, upper=0.9), True),
        (ratio(speedup_ratio=1.01, lower=0.99, upper=1.03), False),
        (ratio(speedup_ratio=1.03, lower=1.01, upper=1.05, control_lower=0.9, control_upper=1.02), False),
        (ratio(speedup_ratio=1.05, lower=1.03, upper=1.07, control_lower=0.9, control_upper=1.02), True),
    ],
)
def test_a_speedup_within_the_noise_of_the_baseline_itself_is_none(measured: PairedRatio, apart: bool) -> None:
    assert told_apart(measured) is apart


def test_batches_are_listed_with_their_variants_beside_one_another() -> None:
    rows = batch_rows(make_comparison())

    assert [(row.batch_size, row.variant) for row in rows] == [
        (1, "quantized"),
        (8, "original"),
        (8, "quantized"),
        (8, "distilled"),
    ]


def test_a_figure_that_cannot_be_compared_is_marked() -> None:
    result = make_workload_result(B8)
    assert result.latency is not None
    unfit = make_profile("a", results=(replace(result, latency=replace(result.latency, fit=False)),))
    report = replace(make_comparison(), variants=(Variant(name="a", profile=unfit),), ratios=())

    text = said(comparison_html(report))

    assert "Contention left too little to stand on for a (b8)" in text
    assert "not comparable" in text


def test_a_batch_that_failed_says_why_once() -> None:
    failed = make_profile("a", results=(make_workload_result(B8), make_failure(B32, "out_of_memory")))
    report = replace(make_comparison(), variants=(Variant(name="a", profile=failed),), ratios=())

    (_, row) = batch_rows(report)

    assert [cell.text for cell in row.cells] == ["failed", "–", "–", "–", "–", "baseline"]
    assert [cell.note for cell in row.cells if cell.note] == ["out_of_memory of the test"]
    assert cells(report, "a")["p50, batch of 32"] == "failed"


def test_marks_are_as_large_as_the_files_and_carry_their_intervals() -> None:
    chart = accuracy_chart(make_comparison())

    assert chart is not None
    marks = {trace["name"]: trace for trace in chart.figure["data"]}
    assert list(marks) == ["original", "quantized", "distilled"]
    assert (
        marks["original"]["marker"]["size"]
        > marks["distilled"]["marker"]["size"]
        > marks["quantized"]["marker"]["size"]
    )
    assert marks["quantized"]["error_y"]["array"] == [0.011]


def test_the_speedup_chart_has_the_interval_and_the_control() -> None:
    chart = speedup_chart(make_comparison())

    assert chart is not None
    (trace,) = chart.figure["data"]
    names = chart.figure["layout"]["yaxis"]["ticktext"]
    assert dict(zip(names, trace["x"], strict=True)) == {
        "quantized, batch of 1": 1.52,
        "distilled, batch of 8": 1.49,
        "quantized, batch of 8": 1.98,
    }
    controls = [shape for shape in chart.figure["layout"]["shapes"] if shape["type"] == "rect"]
    assert [(shape["x0"], shape["x1"]) for shape in controls] == [(0.985, 1.012)] * 3


def test_bars_leave_out_who_has_no_figure_and_keep_each_variants_colour() -> None:
    charts = {chart.title: chart for chart in metric_charts(make_comparison())}

    bars = charts["Median latency, batch of 8"].figure["data"][0]
    assert bars["text"] == ["20.0 ms", "10.0 ms", "13.0 ms"]
    assert bars["marker"]["color"] == ["var(--line-1)", "var(--line-2)", "var(--line-3)"]
    assert "Median latency, batch of 1" not in charts  # a single variant has it


def test_a_comparison_of_failures_alone_is_a_page() -> None:
    report = replace(
        make_comparison(),
        variants=(Variant(name="a", profile=None, failure="it is gone"), Variant(name="b", profile=bare_profile())),
        ratios=(),
    )

    page = comparison_html(report)

    assert "a failed. it is gone." in said(page)
    assert 'class="plot"' not in page


def test_no_name_becomes_markup() -> None:
    report = make_comparison()
    variants = tuple(
        replace(each, name=f"{each.name}{EVIL}", failure=each.failure and EVIL) for each in report.variants
    )
    ratios = tuple(replace(each, variant=f"{each.variant}{EVIL}") for each in report.ratios)

    page = comparison_html(replace(report, variants=variants, ratios=ratios, dataset=EVIL, notes=(EVIL,)))

    assert "<img src=x" not in page
    assert "<script>alert" not in page


def said(page: str) -> str:
    body = re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())
