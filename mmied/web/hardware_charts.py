"""Draw the host over time: CPU, memory, pressure, disks, network, temperatures, GPUs."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from mmied.records import GpuSample, HardwareSample
from mmied.reports.charts.plot import (
    BYTES_AXIS,
    BYTES_RATE_AXIS,
    PERCENT_AXIS,
    Figure,
    hover,
    line,
    text,
    time_figure,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A figure under its title; `figure` is None where the host gives nothing to draw."""

    title: str
    figure: Figure | None


RATIO_AXIS = PERCENT_AXIS | {"range": [0, 1]}
TEMPERATURE_AXIS = {"ticksuffix": " °C", "rangemode": "normal"}
POWER_AXIS = {"ticksuffix": " W"}

Series = Mapping[str, Sequence[float | None]]


def hardware_charts(samples: Sequence[HardwareSample], since: float, until: float) -> list[Chart]:
    """Return the charts of `samples`, oldest first, from `since` to `until` in Unix seconds."""
    times = [sample.at for sample in samples]

    def chart(title: str, series: Series, axis: Mapping[str, object], template: str) -> Chart:
        drawn = {name: values for name, values in series.items() if any(value is not None for value in values)}
        traces = [
            line(text(name), times, values, color=f"var(--line-{index % 6 + 1})", hover=template)
            for index, (name, values) in enumerate(drawn.items())
        ]
        return Chart(title=title, figure=time_figure(traces, since, until, value_axis=axis) if traces else None)

    used = [_used_bytes(sample) for sample in samples]
    total = [sample.memory_total_bytes for sample in samples]
    temperatures = _by_key(samples, lambda sample: sample.temperature_celsius)
    charts = [
        chart("CPU", {"busy": [sample.cpu_utilization_ratio for sample in samples]}, RATIO_AXIS, hover(".1%")),
        chart("Memory", {"used": used, "installed": total}, BYTES_AXIS, hover(".3s", "B")),
        chart(
            "Pressure: share of time in which something waited",
            _by_key(samples, lambda sample: sample.pressure_waiting_ratio),
            PERCENT_AXIS,
            hover(".1%"),
        ),
        chart(
            "Pressure: share of time in which everything waited",
            _by_key(samples, lambda sample: sample.pressure_stalled_ratio),
            PERCENT_AXIS,
            hover(".1%"),
        ),
        chart(
            "Disks",
            _rates(times, _by_key(samples, lambda sample: sample.disk_bytes_total)),
            BYTES_RATE_AXIS,
            hover(".3s", "B/s"),
        ),
        chart(
            "Network",
            _rates(times, _by_key(samples, lambda sample: sample.network_bytes_total)),
            BYTES_RATE_AXIS,
            hover(".3s", "B/s"),
        ),
    ]
    if temperatures:
        charts.append(chart("Temperatures", temperatures, TEMPERATURE_AXIS, hover(".0f", " °C")))
    for title, value, axis, template in GPU_CHARTS:
        series = _by_gpu(samples, value)
        if series:
            charts.append(chart(title, series, axis, template))
    return charts


GPU_CHARTS: tuple[tuple[str, Callable[[GpuSample], float | None], Mapping[str, object], str], ...] = (
    ("GPU utilization", lambda gpu: gpu.utilization_ratio, RATIO_AXIS, hover(".0%")),
    ("GPU memory", lambda gpu: gpu.memory_used_bytes, BYTES_AXIS, hover(".3s", "B")),
    ("GPU power", lambda gpu: gpu.power_watts, POWER_AXIS, hover(".0f", " W")),
    ("GPU temperature", lambda gpu: gpu.temperature_celsius, TEMPERATURE_AXIS, hover(".0f", " °C")),
)


def _used_bytes(sample: HardwareSample) -> int | None:
    if sample.memory_total_bytes is None or sample.memory_available_bytes is None:
        return None
    return sample.memory_total_bytes - sample.memory_available_bytes


def _by_key(
    samples: Sequence[HardwareSample], values: Callable[[HardwareSample], Mapping[str, float]]
) -> dict[str, list[float | None]]:
    return {key: [values(sample).get(key) for sample in samples] for key in _in_order(map(values, samples))}


def _by_gpu(
    samples: Sequence[HardwareSample], value: Callable[[GpuSample], float | None]
) -> dict[str, list[float | None]]:
    rows = [{f"GPU {gpu.gpu}": value(gpu) for gpu in sample.gpus} for sample in samples]
    return {key: [row.get(key) for row in rows] for key in _in_order(rows)}


def _in_order(rows: Iterable[Iterable[str]]) -> list[str]:
    return list(dict.fromkeys(key for row in rows for key in row))


def _rates(times: Sequence[float], series: Series) -> dict[str, list[float | None]]:
    return {name: _rate(times, totals) for name, totals in series.items()}


def _rate(times: Sequence[float], totals: Sequence[float | None]) -> list[float | None]:
    """Return the growth per second up to each total; None at the first, and where a counter was set back."""
    rates: list[float | None] = [None] if totals else []
    for index in range(1, len(totals)):
        before, after = totals[index - 1], totals[index]
        passed = times[index] - times[index - 1]
        grown = None if before is None or after is None else after - before
        rates.append(grown / passed if grown is not None and grown >= 0 and passed > 0 else None)
    return rates
