"""Write the rules as a rule file of Prometheus."""

from typing import Any

import yaml

from mmied.alerting.groups import GROUPS
from mmied.alerting.rules import Alert, Recording
from mmied.alerting.settings import Settings, annotations_of, expression_of

_WIDTH = 10_000  # a text is one line: folded within a template nobody can read it
_HEADER = """\
# What mmied's metrics are recorded and alerted on. Written by `mmied rules`: change thresholds and job there.
"""


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as they are, and nothing as a reference to something above."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def as_yaml(content: Any) -> str:
    """Return `content` as YAML for people to read."""
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)


def prometheus_rules(settings: Settings) -> str:
    """Return the rule file."""
    groups = [
        {
            "name": group.name,
            "rules": [
                *(_recording(each, settings) for each in group.recordings),
                *(_alert(each, settings) for each in group.alerts),
            ],
        }
        for group in GROUPS
    ]
    return _HEADER + as_yaml({"groups": groups})


def _recording(recording: Recording, settings: Settings) -> dict[str, Any]:
    return {"record": recording.name, "expr": expression_of(recording, settings)}


def _alert(alert: Alert, settings: Settings) -> dict[str, Any]:
    return {
        "alert": alert.name,
        "expr": expression_of(alert, settings),
        **({"for": alert.wait} if alert.wait is not None else {}),
        "labels": {"severity": alert.severity},
        "annotations": annotations_of(alert, settings, with_detail=True),
    }
