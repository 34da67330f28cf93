"""Alerts on runs that fail or do not come about, and on what a search found."""

from mmied.alerting.queries import MODEL, SCENARIO, WHO, commonest, figure
from mmied.alerting.recording import AGE, SKIPPED
from mmied.alerting.rules import Alert

_LEAST_SPEEDUP = figure(
    "mmied_candidate_speedup_ratio",
    (*MODEL, "candidate"),
    'printf "%.2f"',
    before=", at least ",
    after=" times as fast",
    bound="lower",
)

PROFILES = (
    Alert(
        name="MmiedProfileFailing",
        severity="warning",
        expression='mmied_profile_consecutive_failures{job="@job"} >= @failed_runs',
        summary="A model can no longer be profiled.",
        description=f"{WHO}: {{{{ $value }}}} runs in a row failed",
        detail=commonest(
            "mmied_profile_run_failures_total", SCENARIO, "reason", before="; most often since the daemon's start: "
        ),
    ),
    Alert(
        name="MmiedProfileStale",
        severity="warning",
        expression=f'{AGE}{{job="@job"}} > @stale_intervals',
        wait="5m",
        summary="A model has not been profiled for long.",
        description=f'{WHO}: the last successful run is {{{{ printf "%.1f" $value }}}} planned intervals old',
    ),
    # A run that came about at a later attempt, within its interval, was not starved.
    Alert(
        name="MmiedProfileStarved",
        severity="info",
        expression=f"""
{SKIPPED}{{job="@job"}} > @starved_share_ratio
unless
{AGE}{{job="@job"}} <= 1
""",
        wait="1h",
        summary="The host is too busy for a model to be profiled.",
        description=f"{WHO}: {{{{ $value | humanizePercentage }}}} of the attempts of the last six hours were refused",
        detail=commonest(
            "mmied_profile_runs_skipped_total", SCENARIO, "reason", before="; most often since the daemon's start: "
        ),
    ),
    Alert(
        name="MmiedModelQuarantined",
        severity="warning",
        expression='mmied_profile_quarantined{job="@job"} == 1',
        summary="A model was set aside.",
        description=f"{WHO}: its runs killed the daemon twice; it is not run again until its file changes or the "
        "configuration is reloaded",
    ),
    Alert(
        name="MmiedOptimizationAvailable",
        severity="info",
        expression='mmied_candidate_verdict{job="@job", verdict="helps"} == 1',
        wait="1d",
        summary="A model could be served faster.",
        description=f"{WHO}: {{{{ $labels.candidate }}}} helps",
        detail=_LEAST_SPEEDUP,
    ),
)
