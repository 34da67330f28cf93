"""The charts of a report show what was measured, and none where nothing was."""

from dataclasses import replace
from typing import Any

from builders import make_failure
from profile_builders import (
    B1,
    B8,
    make_attention,
    make_calls,
    make_layers,
    make_sweep,
    make_timeline,
    make_usage,
    make_workload_result,
    sweep_profile,
)

from mmied.inspection import Attention
from mmied.records import Workload
from mmied.reports.charts.attention import MOST_HEADS, MOST_TOKENS, attention_charts
from mmied.reports.charts.chart import Chart, short_name
from mmied.reports.charts.costliest import MOST_BARS, layers_chart
from mmied.reports.charts.distribution import distribution_chart
from mmied.reports.charts.sweep import sweep_chart
from mmied.reports.charts.timeline import timeline_chart
from mmied.reports.charts.usage import usage_charts
from mmied.stats import summarize


def traces(chart: Chart | None) -> dict[str, dict[str, Any]]:
    assert chart is not None
    return {trace.get("name", str(place)): trace for place, trace in enumerate(chart.figure["data"])}


def test_a_distribution_climbs_to_all_calls() -> None:
    found = traces(distribution_chart(make_workload_result(B8)))

    steps = found["clean iterations"]
    assert steps["y"][-1] == 1.0
    assert steps["y"] == sorted(steps["y"])
    assert steps["x"][-1] == 0.02244
    assert list(found) == ["clean iterations", "1"]  # all calls were clean: the wall clock has nothing to add


def test_a_distribution_shows_the_wall_clock_beside_it_where_they_differ() -> None:
    calls = make_calls(samples=500, waiting=100)

    found = traces(distribution_chart(make_workload_result(B8, calls=calls)))

    assert found["wall clock, all calls"]["x"][-1] > found["clean iterations"]["x"][-1]


def test_of_many_samples_few_are_drawn_and_the_slowest_named() -> None:
    calls = make_calls(samples=50_000, tail=9.0)

    chart = distribution_chart(make_workload_result(B8, calls=calls))

    assert chart is not None
    assert len(traces(chart)["clean iterations"]["x"]) < 500
    assert chart.note == ""
    few_slow = replace(calls, wall_seconds=(*calls.wall_seconds[:40_000], *[0.02] * 9_999, 3.0))
    chart = distribution_chart(make_workload_result(B8, calls=few_slow, latency=summarize(few_slow)))
    assert chart is not None
    assert chart.note.endswith("slower ones lie beyond the right edge")


def test_nothing_is_drawn_of_calls_that_were_not_kept() -> None:
    assert distribution_chart(make_workload_result(B8, iterations=None)) is None


def test_a_sweep_has_a_mark_for_each_batch_size_and_a_ring_at_the_knee() -> None:
    profile = sweep_profile()

    found = traces(sweep_chart(profile.results, profile.knees, profile.precision))

    assert found["float32"]["text"] == ["1", "2", "4", "8", "16", "32"]
    assert found["float32"]["x"][3] == 0.018
    assert found["knee: batch of 8"]["x"] == [0.018]


def test_each_precision_is_a_line_of_its_own() -> None:
    half = [
        replace(result, workload=replace(result.workload, precision="bfloat16"))
        for result in make_sweep((1, 0.005), (8, 0.012))
    ]

    found = traces(sweep_chart((*make_sweep((1, 0.006), (8, 0.02)), *half), (), "float32"))

    assert list(found) == ["float32", "bfloat16"]
    assert found["float32"]["line"]["color"] != found["bfloat16"]["line"]["color"]


def test_precisions_of_one_batch_size_are_set_beside_each_other() -> None:
    half = replace(make_workload_result(B8, median=0.01), workload=replace(B8, precision="bfloat16"))

    found = traces(sweep_chart((make_workload_result(B8), half), (), "float32"))

    assert (found["float32"]["x"], found["bfloat16"]["x"]) == ([0.02], [0.01])


def test_one_batch_size_is_no_sweep_and_a_failed_or_paced_one_no_mark() -> None:
    paced = make_workload_result(Workload(scenario="b8-gap100ms", batch_size=8, gap_seconds=0.1))

    assert sweep_chart((make_workload_result(B8),), (), "float32") is None
    assert sweep_chart((make_workload_result(B8), paced, make_failure(B1)), (), "float32") is None


def test_a_timeline_names_its_peak() -> None:
    chart = timeline_chart(make_timeline(peak_layer="<b>layer</b>"))

    assert chart is not None
    (note,) = chart.figure["layout"]["annotations"]
    assert note["text"] == "peak 12.0 MB<br>aten::addmm<br>&lt;b&gt;layer&lt;/b&gt;"
    assert note["x"] == traces(chart)["1"]["x"][0]


def test_no_memory_taken_is_no_timeline() -> None:
    assert timeline_chart(make_timeline(at_seconds=(), allocated_bytes=())) is None


def test_the_costliest_layers_come_first_and_the_rest_is_counted() -> None:
    chart = layers_chart(make_layers(blocks=12))

    assert chart is not None
    bars = traces(chart)["0"]["x"]
    assert len(bars) == MOST_BARS
    assert bars == sorted(bars, reverse=True)
    assert chart.note == "15 of 76 that took time"


def test_layers_that_cannot_be_told_apart_have_no_order_to_draw() -> None:
    assert layers_chart(make_layers(told_apart=False)) is None


def test_resources_of_which_nothing_is_known_have_no_chart() -> None:
    unknown = make_usage(host_cpu_ratio=(None,) * 60, gpu_power_watts=(200.0,) * 60)

    titles = [chart.title for chart in usage_charts(unknown)]

    assert "CPU of the host" not in titles
    assert "GPU utilization" not in titles
    assert "GPU power" in titles


def test_attention_is_cut_to_what_can_be_seen_and_says_so() -> None:
    (chart,) = attention_charts((make_attention(heads=12, tokens=100),))

    assert len(chart.figure["data"]) == MOST_HEADS
    weights = chart.figure["data"][0]["z"]
    assert (len(weights), len(weights[0])) == (MOST_TOKENS, MOST_TOKENS)
    assert chart.note == "the first 8 of 12 heads, the first 64 of 100 queries, the first 64 of 100 keys"


def test_attention_that_was_cut_when_it_was_taken_says_of_how_much() -> None:
    (chart,) = attention_charts((replace(make_attention(), heads=16, queries=512, keys=512),))

    assert chart.note == "the first 4 of 16 heads, the first 12 of 512 queries, the first 12 of 512 keys"


def test_attention_without_heads_is_left_out() -> None:
    assert attention_charts((Attention(layer="a", weights=()),)) == []


def test_a_long_name_keeps_both_ends() -> None:
    name = short_name("encoder.layers.11.attention.self.query_key_value.dense")

    assert len(name) == 38
    assert name.startswith("encoder.")
    assert name.endswith("value.dense")
