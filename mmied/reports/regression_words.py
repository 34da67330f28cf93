"""Say series, their figures and their changes in words."""

from collections.abc import Callable, Mapping

from mmied import formats
from mmied.regression import HOST, METRICS, RecordedChange, SeriesKey, Unit

HOST_NAME = "(host)"  # no model can be called so

_SAY: Mapping[Unit, Callable[[float | None], str]] = {
    "seconds": formats.seconds,
    "per_second": formats.rate,
    "bytes": formats.size,
    "ratio": lambda value: formats.digits(value) if formats.known(value) else formats.NOTHING,
}


def figure(metric: str, value: float | None) -> str:
    """Return a figure of a metric of METRICS in its unit."""
    return _SAY[METRICS[metric].unit](value)


def model_name(key: SeriesKey) -> str:
    """Return whose series it is: a model's, or the host's own."""
    return HOST_NAME if key.model == HOST else key.model


def series_name(key: SeriesKey) -> str:
    """Return what a series is called: "ranker b8 latency_p50"."""
    return " ".join(part for part in (model_name(key), key.scenario, key.metric) if part)


def change_size(change: RecordedChange, *, interval: bool = False) -> str:
    """Return how much worse or better it became: "20 % worse", with the `interval` "20 % worse [18 %, 22 %]"."""
    sign = 1 if change.worse else -1
    said = f"{formats.percent(sign * change.change_ratio)} {'worse' if change.worse else 'better'}"
    if not interval or change.lower is None or change.upper is None:
        return said
    low, high = sorted((sign * change.lower, sign * change.upper))
    return f"{said} [{_signed(low)}, {_signed(high)}]"


def change_figures(change: RecordedChange) -> str:
    """Return the figures before and after."""
    metric = change.key.metric
    return f"{figure(metric, change.before)} → {figure(metric, change.after)}"


def told(change: RecordedChange) -> str:
    """Return a change in a line: what, by how much, since when, and why."""
    part = ", part of a change of the host" if change.part_of is not None else ""
    series = " ".join(name for name in (change.key.scenario, change.key.metric) if name)
    size = f"{change_size(change)} since {formats.clock(change.started_at)} ({change_figures(change)})"
    return f"{series} {size}, cause: {change.cause}{part}"


def difference_paths(change: RecordedChange) -> tuple[str, ...]:
    """Return the paths of the daemon's pages on which the inspections before and after are held together."""
    if change.inspection_before is None or change.inspection_after is None:
        return ()
    page = f"/inspections/{change.inspection_after}/against/{change.inspection_before}"
    return page, f"{page}/flamegraph"


def _signed(ratio: float) -> str:
    return f"-{formats.percent(-ratio)}" if ratio < 0 else formats.percent(ratio)
