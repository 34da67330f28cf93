"""Alerts on objectives that are missed, or will be."""

from mmied.alerting.queries import METRIC, WHO, figure, quantile
from mmied.alerting.rules import Alert
from mmied.regression import METRICS, Unit

_MISSED = f"{WHO}: {{{{ $labels.metric }}}} misses its objective"
_HOW_FAR = figure("-mmied_objective_headroom_ratio", METRIC, "humanizePercentage", before=" by ")


def _missed(unit: Unit) -> str:
    """Return when an objective in the unit is missed. The daemon judges: it knows what the sample can bear."""
    metrics = "|".join(name for name, kind in METRICS.items() if kind.unit == unit)
    return f'mmied_objective_missed{{job="@job", metric=~"{metrics}"}} == 1'


def _objective(say: str, after: str = "") -> str:
    return figure("mmied_objective_value", METRIC, say, before=" of ", after=after)


OBJECTIVES = (
    Alert(
        name="MmiedLatencyObjectiveMissed",
        severity="warning",
        expression=_missed("seconds"),
        wait="5m",
        summary="A model is slower than its objective allows.",
        description=_MISSED,
        detail=_objective("humanizeDuration")
        + _HOW_FAR
        + quantile("mmied_profile_latency_seconds", before="; the last run had "),
    ),
    Alert(
        name="MmiedThroughputObjectiveMissed",
        severity="warning",
        expression=_missed("per_second"),
        wait="5m",
        summary="A model serves less than its objective asks for.",
        description=_MISSED,
        detail=_objective("humanize", " a second") + _HOW_FAR,
    ),
    Alert(
        name="MmiedMemoryObjectiveMissed",
        severity="warning",
        expression=_missed("bytes"),
        wait="5m",
        summary="A model takes more memory than its objective allows.",
        description=_MISSED,
        detail=_objective("humanize1024", "B") + _HOW_FAR,
    ),
    Alert(
        name="MmiedOutputObjectiveMissed",
        severity="warning",
        expression=_missed("ratio"),
        wait="5m",
        summary="A model answers worse than its objective allows.",
        description=_MISSED,
        detail=_objective('printf "%.3g"') + _HOW_FAR,
    ),
    Alert(
        name="MmiedObjectiveAtRisk",
        severity="info",
        expression="""
mmied_objective_time_left_seconds{job="@job"} / 86400 < @objective_days
unless
mmied_objective_missed{job="@job"} == 1
""",
        wait="1d",
        summary="A model will miss an objective if it goes on like this.",
        description=f'{WHO}: {{{{ $labels.metric }}}} crosses its objective in {{{{ printf "%.0f" $value }}}} days '
        "if its trend goes on",
        detail=figure(
            "mmied_objective_headroom_ratio", METRIC, "humanizePercentage", before="; ", after=" is left today"
        ),
    ),
)
