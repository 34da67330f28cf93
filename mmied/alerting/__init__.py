"""What Prometheus is to record and to alert on, as tables, and the forms that they are written in."""

from mmied.alarms import DEFAULT_RUNBOOKS
from mmied.alerting.grafana import grafana_rules
from mmied.alerting.groups import GROUPS
from mmied.alerting.prometheus import prometheus_rules
from mmied.alerting.rules import Alert, Group, Recording
from mmied.alerting.settings import DEFAULT_JOB, Settings
from mmied.alerting.thresholds import THRESHOLDS, Threshold, read_thresholds

__all__ = [
    "DEFAULT_JOB",
    "DEFAULT_RUNBOOKS",
    "GROUPS",
    "THRESHOLDS",
    "Alert",
    "Group",
    "Recording",
    "Settings",
    "Threshold",
    "grafana_rules",
    "prometheus_rules",
    "read_thresholds",
]
