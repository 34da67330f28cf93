"""Write the alerts as a provisioning file of Grafana, for those whose Grafana alerts and whose Prometheus does not.

Grafana has no `query` in its texts, so that they say less, and needs a condition that is a number: an alert of
Prometheus fires for each series that its expression returns, whatever the value, and so it does here.
"""

import re
from typing import Any

from mmied.alerting.groups import GROUPS
from mmied.alerting.prometheus import as_yaml
from mmied.alerting.rules import Alert, Group
from mmied.alerting.settings import Settings, annotations_of, expression_of

DATASOURCE_UID = "mmied-prometheus"  # of the data source that we provision
FOLDER = "mmied"
_INTERVAL = "1m"
_LOOKBACK_SECONDS = 600
_HEADER = """\
# mmied's alerts for Grafana itself. Written by `mmied rules --format grafana`.
# Where Prometheus has the same rules, every alert comes twice: use one of the two.
"""


def grafana_rules(settings: Settings) -> str:
    """Return the provisioning file."""
    groups = [_group(group, settings) for group in GROUPS if group.alerts]
    return _HEADER + as_yaml({"apiVersion": 1, "groups": groups})


def _group(group: Group, settings: Settings) -> dict[str, Any]:
    rules = [_rule(alert, settings) for alert in group.alerts]
    return {"orgId": 1, "name": group.name, "folder": FOLDER, "interval": _INTERVAL, "rules": rules}


def _rule(alert: Alert, settings: Settings) -> dict[str, Any]:
    annotations = annotations_of(alert, settings, with_detail=False)
    annotations["description"] = annotations["description"].replace("$value", "$values.found.Value")
    return {
        "uid": re.sub(r"(?<=[a-z])(?=[A-Z])", "-", alert.name).lower(),
        "title": alert.name,
        "condition": "fires",
        "data": [
            _query("found", DATASOURCE_UID, {"expr": _whole(alert, settings), "instant": True}),
            _query("is_there", "__expr__", {"type": "math", "expression": "is_number($found) || is_inf($found)"}),
            _query(
                "fires",
                "__expr__",
                {
                    "type": "threshold",
                    "expression": "is_there",
                    "conditions": [{"evaluator": {"type": "gt", "params": [0]}}],
                },
            ),
        ],
        "noDataState": "OK",  # no series: nothing to tell
        "execErrState": "Error",
        "for": alert.wait or "0s",
        "labels": {"severity": alert.severity},
        "annotations": annotations,
    }


def _query(name: str, datasource: str, model: dict[str, Any]) -> dict[str, Any]:
    return {
        "refId": name,
        "relativeTimeRange": {"from": _LOOKBACK_SECONDS, "to": 0},
        "datasourceUid": datasource,
        "model": {"refId": name} | model,
    }


def _whole(alert: Alert, settings: Settings) -> str:
    """Return the alert's expression with what would be recorded written out."""
    expression = expression_of(alert, settings)
    for recording in (each for group in GROUPS for each in group.recordings):
        of_job = f'{recording.name}{{job="{settings.job}"}}'
        expression = expression.replace(of_job, f"(\n{expression_of(recording, settings)}\n)")
    return expression
