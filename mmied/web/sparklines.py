"""Draw a scenario's last medians as a line the height of the text."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from mmied.daemon_status import ModelStatus
from mmied.formats import seconds
from mmied.records import HistoryPoint
from mmied.web.reading import Reader

WIDTH, HEIGHT, MARGIN = 96.0, 22.0, 2.5  # of the drawing, in its own units
RUNS = 40
LEAST_SPAN_RATIO = 0.2  # of the median, from bottom to top: noise should not look like mountains
DRAWN_AT_ONCE = 60  # at 1 ms each; the overview comes again in seconds and gets the others
WITHOUT_SCHEDULE_SECONDS = 7 * 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class Sparkline:
    """`lines` are the points of SVG polylines, parted where a run gave no figure; `label` says it in words."""

    lines: tuple[str, ...]
    end: tuple[float, float]  # the newest figure
    label: str


def sparkline(points: Sequence[HistoryPoint]) -> Sparkline | None:
    """Return the medians of `points`, oldest first, as a drawing; None for fewer than two of them."""
    medians = [point.latency.quantiles.get("0.5") if point.latency else None for point in points][-RUNS:]
    known = [value for value in medians if value is not None]
    if len(known) < 2:
        return None
    middle = median(known)
    low = min(min(known), middle * (1 - LEAST_SPAN_RATIO / 2))
    high = max(max(known), middle * (1 + LEAST_SPAN_RATIO / 2))
    step = (WIDTH - 2 * MARGIN) / (len(medians) - 1)
    lines: list[list[tuple[float, float]]] = [[]]
    for index, value in enumerate(medians):
        if value is None:
            lines.append([])
        else:
            up = (value - low) / (high - low) if high > low else 0.5
            lines[-1].append((MARGIN + index * step, HEIGHT - MARGIN - up * (HEIGHT - 2 * MARGIN)))
    drawn = [line for line in lines if line]
    return Sparkline(
        lines=tuple(" ".join(f"{x:.1f},{y:.1f}" for x, y in line) for line in drawn),
        end=drawn[-1][-1],
        label=f"p50 of the last {len(medians)} runs: {seconds(min(known))} to {seconds(max(known))}",
    )


class Sparklines:
    """Keeps each scenario's drawing until its model has run again, as the overview is asked for every few seconds."""

    def __init__(self) -> None:
        self._drawn: dict[tuple[str, str], tuple[str | None, Sparkline | None]] = {}

    def draw(self, models: Sequence[ModelStatus], now: float, reader: Reader) -> dict[tuple[str, str], Sparkline]:
        """Return the drawings of `models` by model and scenario; those that the history does not give are absent."""
        before, drawn, asked = self._drawn, {}, 0
        for model in models:
            for scenario in model.scenarios:
                key = (model.name, scenario.workload.scenario)
                kept = before.get(key)
                if (kept is None or kept[0] != model.last_run_id) and asked < DRAWN_AT_ONCE:
                    asked += 1
                    since = now - RUNS * (model.interval_seconds or WITHOUT_SCHEDULE_SECONDS / RUNS)
                    points = reader.scenario_history(*key, since=since, limit=2 * RUNS)
                    if reader.trouble is None:
                        kept = (model.last_run_id, sparkline(points))
                if kept is not None:
                    drawn[key] = kept
        self._drawn = drawn  # only of models that are there: one taken out of the configuration is forgotten
        return {key: line for key, (_, line) in drawn.items() if line is not None}
