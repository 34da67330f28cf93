"""The alerting files that are shipped, as data."""

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy/prometheus"
RULE_FILE = PROMETHEUS / "mmied.rules.yml"
ALERTMANAGER_FILE = ROOT / "deploy/alertmanager/alertmanager.yml"
RUNBOOKS = ROOT / "docs/runbooks"
TEST_FILES = sorted((PROMETHEUS / "tests").glob("*.yml"))


def read(path: Path) -> dict[str, Any]:
    """Return a YAML file."""
    return dict(yaml.safe_load(path.read_text()))


def rules() -> list[dict[str, Any]]:
    """Return all rules of the shipped file."""
    return [rule for group in read(RULE_FILE)["groups"] for rule in group["rules"]]


RULES = rules()
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
BLOCKS = [block for path in TEST_FILES for block in read(path)["tests"]]  # promtool's
RECORDINGS = {rule["record"]: rule for rule in RULES if "record" in rule}


def labels_of(alert: str) -> set[str]:
    """Return the labels that an alert was seen with in promtool's tests."""
    return {
        label
        for block in BLOCKS
        for case in block.get("alert_rule_test", ())
        if case["alertname"] == alert
        for expected in case["exp_alerts"]
        for label in expected["exp_labels"]
    }
