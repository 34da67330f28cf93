"""Model, what was judged: regressions and their causes, objectives, trends, drift of the outputs."""

import looks
from layout import Section
from model_scope import s
from panels import series_panel, timeline_panel
from queries import q
from tables import Column, table_panel

ON = "{{scenario}} on {{instance}}"
METRIC_ON = "{{metric}} {{scenario}} on {{instance}}"
BY = "by (scenario, metric, instance)"
SERIES = "on (job, instance, model, scenario, metric)"
CAUSES = f"({s('mmied_regression_cause')} == 1)"
NOT_JUDGED = "Nothing judged"
STATES = {
    "1": ("learning", "blue"),
    "2": ("stable", "green"),
    "3": ("suspect", "yellow"),
    "4": ("regressed", "red"),
    "5": ("recovered", "light-green"),
    "6": ("too noisy", "text"),
}


def _state() -> str:
    """Return one number for the state that each judged series is in."""
    states = ("learning", "stable", "suspect", "regressed", "recovered", "too_noisy")
    parts = (
        f"{number} * max {BY} ({s('mmied_detector_state', state=state)} == 1)" for number, state in enumerate(states, 1)
    )
    return " or ".join(parts)


JUDGED = Section(
    title="Regressions, causes and objectives",
    panels=[
        table_panel(
            "Causes",
            "Active regressions of this model and what they are put down to: the model, its environment, the host, "
            "contention, or unknown. The model's page has the evidence.",
            ("scenario", "metric", "instance", "cause"),
            Column(
                title="change",
                expr="max by (scenario, metric, instance, cause) ("
                f"{s('mmied_regression_change_ratio')} * {SERIES} group_left (cause) {CAUSES})",
                unit="percentunit",
                steps=looks.WORSE,
            ),
            links={"instance": looks.to_model("${model}", "${__data.fields.instance}")[1:]},
            sort=("change", True),
            no_value="No active regression",
        ),
        series_panel(
            "Change against the baseline",
            "Change of each metric, positive is worse; dashed is where it counts as a regression.",
            q(f"max {BY} ({s('mmied_regression_change_ratio')})", METRIC_ON),
            q(f"min by (metric) ({s('mmied_regression_threshold_ratio')})", "threshold of {{metric}}", dashed=True),
            unit="percentunit",
            minimum=None,
            no_value=NOT_JUDGED,
        ),
        timeline_panel(
            "State of each judged series",
            "Learning its baseline, stable, suspect, regressed, recovered, or too noisy to judge.",
            q(_state(), METRIC_ON),
            mapped=STATES,
            no_value=NOT_JUDGED,
            width=12,
        ),
        series_panel(
            "Smallest change that would be found",
            "What the detector finds with 95 % power within three runs, by the series' own noise.",
            q(f"max {BY} ({s('mmied_detector_minimum_change_ratio')})", METRIC_ON),
            unit="percentunit",
            no_value=NOT_JUDGED,
        ),
        series_panel(
            "Slow change",
            "Trend of each metric in a week, positive is worse; dashed is its 95 % interval.",
            q(f"max {BY} ({s('mmied_trend_ratio_per_week', bound='estimate')})", METRIC_ON),
            q(
                f"max by (scenario, metric, bound, instance) ({s('mmied_trend_ratio_per_week', bound='~lower|upper')})",
                "{{bound}} " + METRIC_ON,
                dashed=True,
            ),
            unit="percentunit",
            minimum=None,
            no_value=NOT_JUDGED,
        ),
        table_panel(
            "Objectives",
            "Each objective in its metric's own unit, how far it is, and when a trend would cross it.",
            ("scenario", "metric", "instance"),
            Column(title="objective", expr=f"max {BY} ({s('mmied_objective_value')})"),
            Column(
                title="headroom",
                expr=f"min {BY} ({s('mmied_objective_headroom_ratio')})",
                unit="percentunit",
                steps=looks.BELOW_ZERO_IS_BAD,
            ),
            Column(
                title="missed",
                expr=f"max {BY} ({s('mmied_objective_missed')})",
                mapped=looks.YES_IS_BAD,
            ),
            Column(
                title="crossed in",
                expr=f"min {BY} ({s('mmied_objective_time_left_seconds')})",
                unit="s",
            ),
            no_value="No objective",
            width=12,
        ),
        series_panel(
            "Runs of the baseline",
            "Runs that make up the baseline; it falls where a baseline is learned anew.",
            q(f"max by (scenario, instance) ({s('mmied_baseline_runs')})", ON),
            unit="short",
            no_value="No baseline yet",
        ),
        series_panel(
            "Age of the baseline",
            "Time since the baseline was learnt or accepted.",
            q(f"time() - max by (scenario, instance) ({s('mmied_baseline_timestamp_seconds')})", ON),
            unit="s",
            no_value="No baseline yet",
        ),
        series_panel(
            "Drift of the outputs",
            "Distance of the outputs from the baseline's on the same inputs; dashed is where they count as others.",
            q(f"max by (instance) ({s('mmied_output_drift_ratio')})", "drift on {{instance}}"),
            q(f"max by (instance) ({s('mmied_output_drift_bound_ratio')})", "bound on {{instance}}", dashed=True),
            unit="percentunit",
            no_value="Not compared in range",
        ),
    ],
)
