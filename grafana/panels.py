"""Make panels: one function a kind, which sets what all of that kind have in common."""

from collections.abc import Sequence
from typing import Any

from grafana_foundation_sdk.builders import bargauge, common, heatmap, stat, statetimeline, timeseries
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import heatmap as heatmap_options
from grafana_foundation_sdk.models.prometheus import PromQueryFormat
from looks import PLAIN, Steps, Words, thresholds, words
from parts import NO_VALUE, finish, properties_of, ref_of, target_of
from queries import Query

SPARSE_INTERVAL = "5m"  # of panels that count what runs did: shorter ones would show gaps between bars


def stat_panel(
    title: str,
    about: str,
    *queries: Query,
    unit: str = "none",
    steps: Steps = PLAIN,
    mapped: Words | None = None,
    no_value: str = NO_VALUE,
    links: Sequence[Any] = (),
    width: int = 3,
) -> models.Panel:
    """Return one figure, as it is at the end of the range."""
    builder = (
        stat.Panel()
        .graph_mode(options.BigValueGraphMode.NONE)
        .color_mode(options.BigValueColorMode.VALUE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    )
    return finish(
        builder.thresholds(thresholds(steps)).mappings(words(mapped) if mapped else []),
        title,
        about,
        [target_of(query, index, instant=True) for index, query in enumerate(queries)],
        unit=unit,
        size=(width, 4),
        no_value=no_value,
        links=links,
    )


def series_panel(
    title: str,
    about: str,
    *queries: Query,
    unit: str,
    stacked: bool = False,
    bars: bool = False,
    minimum: float | None = 0,
    maximum: float | None = None,
    interval: str | None = None,
    no_value: str = NO_VALUE,
    links: Sequence[Any] = (),
    width: int = 12,
    height: int = 8,
) -> models.Panel:
    """Return lines through time, or bars; dashed queries are drawn so, and unfilled."""
    builder = (
        timeseries.Panel()
        .draw_style(options.GraphDrawStyle.BARS if bars else options.GraphDrawStyle.LINE)
        .line_interpolation(options.LineInterpolation.STEP_AFTER)
        .fill_opacity(60 if bars else 25 if stacked else 5)
        .show_points(options.VisibilityMode.NEVER)
        .legend(
            common.VizLegendOptions()
            .display_mode(options.LegendDisplayMode.TABLE)
            .placement(options.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(common.VizTooltipOptions().mode(options.TooltipDisplayMode.MULTI).sort(options.SortOrder.DESCENDING))
    )
    if stacked:
        builder.stacking(common.StackingConfig().mode(options.StackingMode.NORMAL).group("A"))
    if minimum is not None:
        builder.min(minimum)
    if maximum is not None:
        builder.max(maximum)
    if interval is not None:
        builder.interval(interval)
    for index, query in enumerate(queries):
        if query.dashed:
            dashes = {"fill": "dash", "dash": [8, 6]}
            properties = {"custom.lineStyle": dashes, "custom.fillOpacity": 0, "custom.lineWidth": 1}
            builder.override_by_query(ref_of(index), properties_of(properties))
    targets = [target_of(query, index) for index, query in enumerate(queries)]
    return finish(builder, title, about, targets, unit=unit, size=(width, height), no_value=no_value, links=links)


def heatmap_panel(title: str, about: str, query: Query, *, unit: str, width: int = 12, height: int = 8) -> models.Panel:
    """Return a heatmap of a histogram's buckets."""
    builder = (
        heatmap.Panel()
        .calculate(False)
        .color(
            heatmap.HeatmapColorOptions()
            .mode(heatmap_options.HeatmapColorMode.SCHEME)
            .scheme("Oranges")
            .fill("dark-orange")
            .scale(heatmap_options.HeatmapColorScale.EXPONENTIAL)
            .exponent(0.5)
            .steps(64)
        )
        .y_axis(heatmap.YAxisConfig().unit(unit).axis_placement(options.AxisPlacement.LEFT))
        .cell_gap(1)
        .filter_values(heatmap.FilterValueRange().le(1e-9))  # nothing ran: no cell
        .interval(SPARSE_INTERVAL)
        .max_data_points(120)
    )
    target = target_of(query, 0, form=PromQueryFormat.HEATMAP)
    target.exemplar = True
    return finish(builder, title, about, [target], unit=unit, size=(width, height))


def timeline_panel(
    title: str,
    about: str,
    *queries: Query,
    mapped: Words,
    links: Sequence[Any] = (),
    no_value: str = NO_VALUE,
    width: int = 24,
    height: int = 8,
) -> models.Panel:
    """Return a band for each series, coloured by its state."""
    builder = (
        statetimeline.Panel()
        .merge_values(True)
        .show_value(options.VisibilityMode.NEVER)
        .row_height(0.8)
        .fill_opacity(80)
        .line_width(0)
        .mappings(words(mapped))
    )
    targets = [target_of(query, index) for index, query in enumerate(queries)]
    return finish(builder, title, about, targets, unit="none", size=(width, height), no_value=no_value, links=links)


def bars_panel(
    title: str,
    about: str,
    *queries: Query,
    unit: str,
    steps: Steps = ((None, "blue"),),
    no_value: str = NO_VALUE,
    links: Sequence[Any] = (),
    width: int = 12,
    height: int = 8,
) -> models.Panel:
    """Return a horizontal bar for each series as it is now."""
    builder = (
        bargauge.Panel()
        .orientation(options.VizOrientation.HORIZONTAL)
        .display_mode(options.BarGaugeDisplayMode.BASIC)
        .value_mode(options.BarGaugeValueMode.TEXT)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .thresholds(thresholds(steps))
        .min(0)
    )
    targets = [target_of(query, index, instant=True) for index, query in enumerate(queries)]
    return finish(builder, title, about, targets, unit=unit, size=(width, height), no_value=no_value, links=links)
