"""Alerts on what became worse: a model, the fleet's, the host, the outputs."""

from mmied.alerting.queries import MODEL, WHAT, WHO, figure, quantile
from mmied.alerting.recording import CHANGE
from mmied.alerting.rules import Alert

_CHANGE = (
    f"{WHO}: {{{{ $labels.metric }}}} is {{{{ with $value }}}}{{{{ . | humanizePercentage }}}} {{{{ end }}}}worse than "
    "its baseline; cause: {{ $labels.cause }}"
)
_BEFORE_AND_NOW = quantile("mmied_baseline_latency_seconds", before=". It was ", after=" before") + quantile(
    "mmied_profile_latency_seconds", before=", and ", after=" in the last run"
)
_HOSTS = "count by (job, model, scenario, metric)"

REGRESSIONS = (
    Alert(
        name="MmiedModelRegression",
        severity="warning",
        expression=f'{CHANGE}{{job="@job"}} < @severe_change_ratio',
        summary="A model became worse.",
        description=_CHANGE,
        detail=_BEFORE_AND_NOW,
    ),
    Alert(
        name="MmiedModelRegressionSevere",
        severity="critical",
        expression=f'{CHANGE}{{job="@job"}} >= @severe_change_ratio',
        summary="A model became much worse.",
        description=_CHANGE,
        detail=_BEFORE_AND_NOW,
    ),
    Alert(
        name="MmiedModelFleetRegression",
        severity="critical",
        expression=f"""
{_HOSTS} (mmied_regression_active{{job="@job"}} == 1) >= @fleet_hosts
and
{_HOSTS} (mmied_regression_active{{job="@job"}} == 1)
  / {_HOSTS} (mmied_regression_active{{job="@job"}})
  > @fleet_share_ratio
""",
        summary="A model became worse on most of its hosts.",
        description=f"{WHAT}: {{{{ $labels.metric }}}} is worse than its baseline on {{{{ $value }}}} hosts",
        detail=figure(
            "mmied_regression_active",
            ("job", "model", "scenario", "metric"),
            "humanize",
            before=" of ",
            function="count",
        ),
    ),
    Alert(
        name="MmiedHostSlow",
        severity="warning",
        expression="""
max without (workload) (
  mmied_host_slow_ratio{job="@job"} and mmied_host_slow{job="@job"} == 1
)
""",
        summary="A host itself became slower.",
        description="{{ $labels.instance }}: a reference workload on {{ $labels.device }} takes "
        "{{ $value | humanizePercentage }} more time than its baseline; models there seem slower without being it",
    ),
    Alert(
        name="MmiedOutputDrift",
        severity="critical",
        expression='mmied_output_drift_ratio{job="@job"} > mmied_output_drift_bound_ratio{job="@job"}',
        summary="A model gives other outputs than before.",
        description=f'{WHO}: its outputs on the recorded inputs are {{{{ printf "%.3g" $value }}}} away from those '
        "recorded first, where 0 is equal",
        detail=figure("mmied_output_drift_bound_ratio", MODEL, 'printf "%.3g"', before="; the bound is "),
    ),
)
