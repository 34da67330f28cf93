"""Draw what the process and the host used while something ran."""

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, PercentFormatter, ScalarFormatter

from mmied.inspection import Usage
from mmied.reports.pictures.style import DASHES, LINES, TEXT, TICK, add_axes, legend, name_axis, new_figure

LEAST = {"B": 1e3, "B/s": 1e3}  # the height of a panel that shows nothing but zeros
Series = tuple[str, Sequence[float | None]]


def draw_usage(usage: Usage, note: str) -> Figure | None:
    """Return a panel for each thing that was sampled, over one axis of time; None where nothing was."""
    panels: list[tuple[str, str, list[Series]]] = [
        ("CPUs that the process kept busy", "", [("this process", usage.process_cpus)]),
        ("all CPUs of the host", "%", [("busy", usage.host_cpu_ratio)]),
        ("resident memory", "B", [("resident", usage.resident_bytes)]),
        (
            "bytes moved",
            "B/s",
            [
                ("read from disk", usage.read_bytes_per_second),
                ("written to disk", usage.written_bytes_per_second),
                ("host's network", usage.network_bytes_per_second),
            ],
        ),
        ("GPU busy", "%", [("busy", usage.gpu_utilization_ratio)]),
        ("GPU memory", "B", [("used", usage.gpu_memory_bytes)]),
        ("GPU power", "W", [("drawn", usage.gpu_power_watts)]),
    ]
    shown = [(name, unit, [row for row in series if _is_known(row[1])]) for name, unit, series in panels]
    shown = [panel for panel in shown if panel[2]]
    if not shown or not usage.at_seconds:
        return None
    figure = new_figure("Hardware in use while the model was called", note, height=1.0 + 1.2 * len(shown))
    grid = add_axes(figure, len(shown), 1, sharex=True)
    for axes, (name, unit, series) in zip(grid, shown, strict=True):
        for place, (label, values) in enumerate(series):
            known = [(at, value) for at, value in zip(usage.at_seconds, values, strict=False) if value is not None]
            axes.plot(
                [at for at, _ in known],
                [value for _, value in known],
                color=LINES[place],
                linestyle=DASHES[place],
                linewidth=1.4,
                marker="o" if len(known) < 3 else "",
                markersize=4,
                label=label,
            )
        name_axis(axes.yaxis, "")
        axes.set_title(name, loc="left", fontsize=TICK, color=TEXT)
        axes.set_ylim(0, 1.05 if unit == "%" else max(axes.get_ylim()[1] * 1.1, LEAST.get(unit, 1.0)))
        axes.yaxis.set_major_formatter(
            PercentFormatter(1.0) if unit == "%" else EngFormatter(unit=unit) if unit else ScalarFormatter()
        )
        if len(series) > 1:
            legend(axes, loc="lower right", ncols=3, bbox_to_anchor=(1.01, 0.96), borderaxespad=0)
    name_axis(grid[-1].xaxis, "time", "s", grid=False)
    return figure


def _is_known(values: Sequence[float | None]) -> bool:
    return any(value is not None for value in values)
