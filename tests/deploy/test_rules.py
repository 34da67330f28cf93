"""The shipped rules are those of the code, fire when they should, stay silent otherwise, and know what they ask for."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from promql import known_series, queries_of, selectors
from rule_files import ALERTS, BLOCKS, PROMETHEUS, RECORDINGS, RULE_FILE, RULES, TEST_FILES, read

from mmied import cli
from mmied.alerting import DEFAULT_JOB, GROUPS, THRESHOLDS
from mmied.regression import METRICS

SERIES = known_series()
NEVER_SILENT = "MmiedWatchdog"  # its silence is what is listened for


def promtool(*arguments: str | Path) -> str:
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def firing(alert: str) -> list[dict[str, Any]]:
    return [block for block in BLOCKS if any(case["exp_alerts"] for case in cases(block, alert))]


def silent(alert: str) -> list[dict[str, Any]]:
    return [block for block in BLOCKS if cases(block, alert) and not any(c["exp_alerts"] for c in cases(block, alert))]


def cases(block: dict[str, Any], alert: str) -> list[dict[str, Any]]:
    return [case for case in block.get("alert_rule_test", ()) if case["alertname"] == alert]


def fed(block: dict[str, Any]) -> set[str]:
    return {name for series in block["input_series"] for name, _ in selectors(series["series"])}


def test_the_shipped_rules_are_those_that_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["rules"]) == 0

    assert capsys.readouterr().out == RULE_FILE.read_text(), "run `mmied rules > deploy/prometheus/mmied.rules.yml`"


@pytest.mark.prometheus
def test_promtool_finds_no_fault_in_the_rules_and_the_configuration() -> None:
    promtool("check", "rules", "--lint=all", "--lint-fatal", RULE_FILE)
    promtool("check", "config", PROMETHEUS / "prometheus.yml")


@pytest.mark.prometheus
@pytest.mark.parametrize("path", TEST_FILES, ids=lambda path: path.stem)
def test_alerts_fire_and_stay_silent_as_promtool_is_told(path: Path) -> None:
    promtool("test", "rules", path)


@pytest.mark.parametrize("alert", ALERTS)
def test_each_alert_has_a_test_in_which_it_fires_with_all_that_it_says(alert: str) -> None:
    found = [each for block in firing(alert) for case in cases(block, alert) for each in case["exp_alerts"]]

    assert found
    for each in found:
        assert set(each["exp_annotations"]) == {"summary", "description", "runbook_url"}


@pytest.mark.parametrize("alert", sorted(set(ALERTS) - {NEVER_SILENT}))
def test_each_alert_has_a_test_in_which_the_same_series_leave_it_silent(alert: str) -> None:
    asked = {name for name, _ in selectors(ALERTS[alert]["expr"])}
    asked |= {name for record in asked & set(RECORDINGS) for name, _ in selectors(RECORDINGS[record]["expr"])}

    assert silent(alert)
    assert all(fed(block) & asked for block in silent(alert)), "nothing stays silent most easily"


def test_no_test_is_of_an_alert_that_is_not_there() -> None:
    assert {case["alertname"] for block in BLOCKS for case in block.get("alert_rule_test", ())} == set(ALERTS)


def test_each_recording_is_tested() -> None:
    tested = {case["expr"] for block in BLOCKS for case in block.get("promql_expr_test", ())}
    assert tested == set(RECORDINGS)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_asks_for_series_of_the_job_that_the_catalog_has(rule: dict[str, Any]) -> None:
    description = rule.get("annotations", {}).get("description", "")
    for expression in [rule["expr"], *queries_of(description)]:
        for name, matched in selectors(expression):
            assert name in SERIES or name in RECORDINGS
            assert "job" in matched, name
            assert matched <= SERIES.get(name, matched)
    assert "printf" not in re.sub(r"printf (`[^`]+`|\"[^\"]+\")", "", description), "every query was looked at"


def test_the_tests_feed_series_as_the_daemon_exports_them() -> None:
    for block in BLOCKS:
        for series in block.get("input_series", ()):
            for name, labels in selectors(series["series"]):
                if 'job="mmied"' in series["series"]:
                    assert labels == SERIES[name], name


def test_an_alert_has_a_severity_a_sentence_and_its_runbook() -> None:
    for name, alert in ALERTS.items():
        assert re.fullmatch(r"Mmied([A-Z][a-z]+)+", name)
        assert alert["labels"] == {"severity": alert["labels"]["severity"]}
        assert alert["labels"]["severity"] in {"critical", "warning", "info", "none"}
        summary = alert["annotations"]["summary"]
        assert summary.endswith(".")
        assert "{{" not in summary, "it is fixed, so that alerts can be told apart by it"
        assert alert["annotations"]["description"].endswith(".")
        assert alert["annotations"]["runbook_url"].endswith(f"/{name}.md")


def test_a_recorded_series_says_level_metric_and_operation() -> None:
    for name in RECORDINGS:
        assert re.fullmatch(r"[a-z_]+:mmied_[a-z_]+:[a-z0-9_]+", name)


def test_each_objective_that_can_be_missed_has_exactly_one_alert() -> None:
    judged = [
        re.search(r'mmied_objective_missed\{job="mmied", metric=~"([^"]+)"\} == 1$', alert["expr"])
        for name, alert in ALERTS.items()
        if name.endswith("ObjectiveMissed")
    ]
    names = [name for match in judged if match is not None for name in match[1].split("|")]

    assert sorted(names) == sorted(METRICS)


def test_each_threshold_is_used() -> None:
    texts = [each.expression for group in GROUPS for each in group.alerts]
    for threshold in THRESHOLDS:
        assert any(f"@{threshold.name}" in text for text in texts), threshold.name


def test_the_scrape_configuration_has_the_job_and_the_rules() -> None:
    config = read(PROMETHEUS / "prometheus.yml")

    assert DEFAULT_JOB in [job["job_name"] for job in config["scrape_configs"]]
    assert config["rule_files"] == [RULE_FILE.name]
    assert config["alerting"]["alertmanagers"]
