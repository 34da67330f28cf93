"""A chart shows what was measured, and no line where nothing was."""

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from mmied.records import Event, HistoryPoint
from mmied.reports.charts.iterations import SCATTER_POINTS, iterations_chart, spread_chart
from mmied.web.charts import HISTORY_CHARTS, Window, latency_chart, memory_chart, reference_chart
from mmied.web.hardware_charts import hardware_charts
from mmied.web.sparklines import sparkline

HOUR = 3600


def points(make: SimpleNamespace, medians: list[float | None], samples: int = 1000) -> tuple[HistoryPoint, ...]:
    return tuple(
        HistoryPoint(
            run_id=f"r{index}",
            at=index * HOUR,
            outcome="succeeded" if median else "failed",
            reason=None if median else "timeout",
            latency=make.latency(median, samples) if median else None,
            throughput_samples_per_second=1 / median if median else None,
            peak_memory_bytes=1000 if median else None,
            reference_seconds={"compute": 0.01},
            revision=None,
            fingerprint=None,
        )
        for index, median in enumerate(medians)
    )


def trace(figure: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(trace for trace in figure["data"] if trace["name"] == name)
    return found


def test_every_chart_of_an_empty_history_is_none() -> None:
    window = Window(since=0, until=HOUR)

    assert [draw((), window) for draw in HISTORY_CHARTS.values()] == [None] * len(HISTORY_CHARTS)


def test_a_line_is_broken_where_no_run_was_and_where_one_failed(make: SimpleNamespace) -> None:
    runs = points(make, [0.01, 0.01, None, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01])
    with_gap = (*runs[:5], *(replace(point, at=point.at + 10 * HOUR) for point in runs[5:]))

    figure = latency_chart(with_gap, Window(since=0, until=30 * HOUR))

    assert figure is not None
    assert trace(figure, "p50")["y"] == [0.01, 0.01, None, 0.01, 0.01, None, 0.01, 0.01, 0.01, 0.01, 0.01]
    assert trace(figure, "p50")["customdata"][6] == "r5"
    assert trace(figure, "failed")["x"] == [2 * HOUR * 1000]


def test_a_withheld_quantile_leaves_a_gap_and_an_unfit_run_an_open_mark(make: SimpleNamespace) -> None:
    first, second = points(make, [0.01, 0.01], samples=120)
    assert first.latency is not None
    unfit = replace(first, latency=replace(first.latency, fit=False))

    figure = latency_chart((unfit, second), Window(since=0, until=HOUR))

    assert figure is not None
    assert trace(figure, "p99")["y"] == [None, None]
    assert trace(figure, "p50")["marker"]["symbol"] == ["circle-open", "circle"]


def test_a_run_that_died_before_its_first_scenario_is_still_marked(make: SimpleNamespace) -> None:
    crashed = make.run("dead", "m", 2 * HOUR, outcome="crashed", reason="killed")

    figure = latency_chart(points(make, [0.01, 0.01]), Window(since=0, until=3 * HOUR, failed=(crashed,)))

    assert figure is not None
    assert trace(figure, "failed")["customdata"] == ["dead"]
    assert "crashed" in trace(figure, "failed")["text"][0]


def test_an_event_cannot_bring_tags_into_a_chart(make: SimpleNamespace) -> None:
    event = Event(at=1.0, kind="model_changed", model="m", message='<a href="https://evil.example">x</a>')

    figure = memory_chart(points(make, [0.01, 0.01]), Window(since=0, until=HOUR, events=(event,)))

    assert figure is not None
    assert "<a" not in trace(figure, "events")["text"][0]


def test_reference_workloads_stand_over_their_median(make: SimpleNamespace) -> None:
    slow = [replace(point, reference_seconds={"compute": 0.02}) for point in points(make, [0.01])]

    figure = reference_chart((*points(make, [0.01, 0.01, 0.01]), *slow), Window(since=0, until=HOUR))

    assert figure is not None
    assert [y for y in trace(figure, "compute")["y"] if y is not None] == [1.0, 1.0, 1.0, 2.0]


def test_figures_that_json_cannot_say_are_left_out(make: SimpleNamespace) -> None:
    (point,) = points(make, [0.01])
    endless = replace(point, throughput_samples_per_second=float("inf"))

    figure = HISTORY_CHARTS["Throughput"]((endless,), Window(since=0, until=HOUR))

    json.dumps(figure, allow_nan=False)


def test_every_iteration_is_in_the_histogram_or_counted_beyond_it(make: SimpleNamespace) -> None:
    result = make.result(make.workloads[0], 0.005, 1000)

    drawn = spread_chart(result)

    assert drawn is not None
    figure, note = drawn
    beyond = int(note.split()[0]) if note else 0
    assert sum(sum(trace["y"]) for trace in figure["data"]) + beyond == 1000


def test_iterations_that_all_took_the_same_make_one_bar(make: SimpleNamespace) -> None:
    result = make.result(make.workloads[0], 0.005, 100)
    alike = replace(
        result, iterations=replace(result.iterations, wall_seconds=(0.25,) * 100, wait_seconds=(0.0,) * 100)
    )

    drawn = spread_chart(alike)

    assert drawn is not None
    assert max(drawn[0]["data"][0]["y"]) == 100


def test_too_many_iterations_are_thinned_but_the_slowest_stay(make: SimpleNamespace) -> None:
    result = make.result(make.workloads[0], 0.0001, 50_000)

    drawn = iterations_chart(result)

    assert drawn is not None
    figure, note = drawn
    heights = [y for trace in figure["data"] for y in trace["y"]]
    assert len(heights) <= SCATTER_POINTS
    assert max(heights) == float(f"{max(result.iterations.wall_seconds):.5g}")
    assert "of 50,000" in note


def test_counters_become_rates_and_a_reset_leaves_a_gap(make: SimpleNamespace) -> None:
    samples = [
        replace(make.hardware(at), at=at, network_bytes_total={"received": total})
        for at, total in ((0.0, 0), (10.0, 5000), (20.0, 100), (30.0, 1100))
    ]

    charts = {chart.title: chart.figure for chart in hardware_charts(samples, 0, 30)}

    network = charts["Network"]
    assert network is not None
    assert network["data"][0]["y"] == [None, 500.0, None, 100.0]


def test_a_host_without_gpus_has_no_charts_of_them(make: SimpleNamespace) -> None:
    charts = hardware_charts([make.hardware(0.0, gpus=False), make.hardware(15.0, gpus=False)], 0, 15)

    assert not [chart.title for chart in charts if chart.title.startswith("GPU")]
    assert [chart for chart in charts if chart.title == "CPU" and chart.figure]


def test_noise_does_not_look_like_mountains_in_a_sparkline(make: SimpleNamespace) -> None:
    steady = sparkline(points(make, [0.0100, 0.0101, 0.0100]))
    doubled = sparkline(points(make, [0.0100, 0.0200, 0.0100]))

    assert steady is not None
    assert doubled is not None
    heights = [float(point.split(",")[1]) for point in steady.lines[0].split()]
    assert max(heights) - min(heights) < 2
    assert sparkline(points(make, [0.01])) is None
