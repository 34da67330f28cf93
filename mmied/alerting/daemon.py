"""Alerts on mmied itself: whether it is there, what it costs, whether it can keep what it measures."""

from mmied.alerting.queries import figure
from mmied.alerting.recording import OVERHEAD
from mmied.alerting.rules import Alert

_INSTANCE = ("job", "instance")
_ON = "{{ $labels.instance }}"

DAEMON = (
    Alert(
        name="MmiedDown",
        severity="warning",
        expression='up{job="@job"} == 0',
        wait="10m",
        summary="mmied cannot be scraped.",
        description=f"{_ON}: no answer from /metrics for ten minutes; models there are not watched",
    ),
    Alert(
        name="MmiedAbsent",
        severity="warning",
        expression='absent(up{job="@job"})',
        wait="10m",
        summary="Prometheus has no mmied to scrape.",
        description="The job {{ $labels.job }} has had no target for ten minutes; no model is watched",
    ),
    Alert(
        name="MmiedConfigReloadFailed",
        severity="warning",
        expression='mmied_config_last_reload_successful{job="@job"} == 0',
        wait="5m",
        summary="mmied refused its new configuration.",
        description=f"{_ON}: the last reload was refused and the configuration before it is still in use; the next "
        "start would fail",
    ),
    Alert(
        name="MmiedStoreWritesFailing",
        severity="warning",
        expression='increase(mmied_store_write_failures_total{job="@job"}[15m]) > 0',
        wait="15m",
        summary="mmied cannot keep what it measures.",
        description=f'{_ON}: {{{{ printf "%.0f" $value }}}} writes to the history failed in a quarter of an hour',
    ),
    Alert(
        name="MmiedStoreNearLimit",
        severity="info",
        expression='mmied_store_size_bytes{job="@job"} / mmied_store_size_limit_bytes{job="@job"} > @store_share_ratio',
        wait="1h",
        summary="The history is nearly full.",
        description=f"{_ON}: the history takes {{{{ $value | humanizePercentage }}}} of its limit",
        detail=figure(
            "mmied_store_size_limit_bytes",
            _INSTANCE,
            "humanize1024",
            before=" of ",
            after="B; the oldest raw samples will go",
        ),
    ),
    Alert(
        name="MmiedOverheadHigh",
        severity="warning",
        expression=f'{OVERHEAD}{{job="@job"}} > mmied_overhead_cpu_budget_ratio{{job="@job"}}',
        wait="15m",
        summary="mmied takes more CPU time than it may.",
        description=f"{_ON}: mmied used {{{{ $value | humanizePercentage }}}} of the host's CPU time in the last hour",
        detail=figure("mmied_overhead_cpu_budget_ratio", _INSTANCE, "humanizePercentage", before="; its budget is "),
    ),
    Alert(
        name="MmiedBudgetTooSmall",
        severity="info",
        expression='mmied_budget_demand_ratio{job="@job"} > @budget_demand_ratio',
        wait="6h",
        summary="The schedule asks for more than the budget gives.",
        description=f"{_ON}: the schedule asks for {{{{ $value | humanizePercentage }}}} of the "
        "{{ $labels.resource }} budget; runs are put off",
    ),
    Alert(
        name="MmiedCollectorFailing",
        severity="warning",
        expression='mmied_collector_success{job="@job"} == 0',
        wait="15m",
        summary="A part of mmied's metrics cannot be collected.",
        description=f"{_ON}: the collector {{{{ $labels.collector }}}} fails; its metrics are missing",
    ),
    Alert(
        name="MmiedWatchdog",
        severity="none",
        expression="vector(1)",
        summary="Alerts get through.",
        description="This alert always fires. Have whoever receives it tell you when it no longer comes: then "
        "Prometheus, Alertmanager or the way between them is broken",
    ),
)
