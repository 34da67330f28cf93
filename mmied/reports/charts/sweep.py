"""Draw a batch sweep: what each batch size gains in throughput and costs in latency."""

from collections.abc import Mapping, Sequence

from mmied.profiles import Knee
from mmied.records import WorkloadResult
from mmied.reports.charts.chart import Chart, plain_figure, titled
from mmied.reports.charts.plot import COUNT_AXIS, SECONDS_AXIS, Figure, number, text

LEAST_POINTS = 2

Point = tuple[float, float, int]  # median latency in seconds, samples per second, batch size


def sweep_chart(results: Sequence[WorkloadResult], knees: Sequence[Knee], precision: str) -> Chart | None:
    """Return throughput over median latency, a line for each precision, the knees marked.

    `precision` is the model's own, that of workloads which name none. None where there is a single point.
    """
    names = dict.fromkeys(result.workload.precision or precision for result in results)
    lines = {name: [result for result in results if (result.workload.precision or precision) == name] for name in names}
    return sweeps_chart(lines, [(knee, knee.precision or precision) for knee in knees])


def sweeps_chart(lines: Mapping[str, Sequence[WorkloadResult]], knees: Sequence[tuple[Knee, str]] = ()) -> Chart | None:
    """Return a line for each name, of the results that it stands for; None where there is a single point.

    A name keeps its colour where others have nothing to draw.
    """
    drawn = {name: _points(results) for name, results in lines.items()}
    if sum(map(len, drawn.values())) < LEAST_POINTS:
        return None
    traces = [
        _line(name, points, f"var(--line-{place % 6 + 1})")
        for place, (name, points) in enumerate(drawn.items())
        if points
    ]
    traces += [_knee(knee, name, several=len(lines) > 1) for knee, name in knees]
    figure = plain_figure(
        traces,
        x=SECONDS_AXIS | titled("median latency of a call") | {"rangemode": "tozero"},
        y=COUNT_AXIS | titled("samples per second") | {"rangemode": "tozero"},
        showlegend=len(traces) > 1,
    )
    return Chart(
        title="Throughput against latency",
        figure=figure,
        note="each mark is a batch size; up is more, left is sooner",
        label="Throughput against median latency for each batch size; the table above has the figures",
        wide=True,
        height_pixels=320,
    )


def _points(results: Sequence[WorkloadResult]) -> list[Point]:
    points = [
        (result.latency.quantiles["0.5"], result.throughput_samples_per_second, result.workload.batch_size)
        for result in results
        if result.latency is not None
        and "0.5" in result.latency.quantiles
        and result.throughput_samples_per_second is not None
        and not result.workload.gap_seconds
    ]
    return sorted(points, key=lambda point: point[2])


def _line(name: str, points: Sequence[Point], color: str) -> Figure:
    return {
        "type": "scatter",
        "mode": "lines+markers+text",
        "name": text(name),
        "x": [number(median) for median, _, _ in points],
        "y": [number(throughput) for _, throughput, _ in points],
        "text": [str(batch_size) for _, _, batch_size in points],
        "textposition": "bottom right",
        "textfont": {"color": "var(--text)"},
        "line": {"color": color, "width": 1.6},
        "marker": {"size": 7, "color": color},
        "cliponaxis": False,
        "hovertemplate": f"batch of %{{text}}, {text(name)}<br>%{{y:.3s}} samples/s at %{{x:.3s}}s<extra></extra>",
    }


def _knee(knee: Knee, precision: str, *, several: bool) -> Figure:
    of = f" of {text(precision)}" if several else ""
    return {
        "type": "scatter",
        "mode": "markers",
        "name": f"knee{of}: batch of {knee.batch_size}",
        "x": [number(knee.latency_seconds)],
        "y": [number(knee.throughput_samples_per_second)],
        "marker": {"size": 19, "symbol": "circle-open", "color": "var(--text)", "line": {"width": 2}},
        "hovertemplate": f"knee{of}: beyond a batch of {knee.batch_size} latency grows faster than throughput"
        "<extra></extra>",
    }
