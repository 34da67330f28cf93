"""`mmied rules` prints rules for the job, the thresholds and the runbooks that one has, or says what is wrong."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from promql import selectors

from mmied import cli
from mmied.alerting import GROUPS, THRESHOLDS

RECORDED = {each.name for group in GROUPS for each in group.recordings}


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert cli.main(["rules", *arguments]) == 0
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert cli.main(["rules", *arguments]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    return told.err


def alerts(text: str) -> dict[str, dict[str, Any]]:
    rules = [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]
    return {rule["alert"]: rule for rule in rules if "alert" in rule}


@pytest.fixture
def grafana(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    groups = yaml.safe_load(printed(capsys, "--format", "grafana", "--job", "ml"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


@pytest.mark.prometheus
def test_every_part_can_be_another_and_promtool_takes_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    given = [f"{each.name}={each.value / 2:g}" for each in THRESHOLDS]
    text = printed(capsys, "--job", "ml models", "--threshold", *given, "--runbook-url", "https://wiki.example.org/r/")
    path = tmp_path / "rules.yml"
    path.write_text(text)

    done = subprocess.run(["promtool", "check", "rules", str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert 'job="mmied"' not in text
    found = alerts(text)
    assert found["MmiedDown"]["expr"] == 'up{job="ml models"} == 0'
    assert found["MmiedProfileFailing"]["expr"].endswith(">= 1.5")
    assert found["MmiedDown"]["annotations"]["runbook_url"] == "https://wiki.example.org/r/MmiedDown.md"


def test_one_threshold_changes_one_figure_for_both_alerts_that_share_it(capsys: pytest.CaptureFixture[str]) -> None:
    before = alerts(printed(capsys))
    after = alerts(printed(capsys, "--threshold", "severe_change_ratio=0.2"))

    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"MmiedModelRegression", "MmiedModelRegressionSevere"}
    assert after["MmiedModelRegression"]["expr"].endswith("< 0.2")
    assert after["MmiedModelRegressionSevere"]["expr"].endswith(">= 0.2")


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("failed_run=5", 'there is no "failed_run". Did you mean "failed_runs"?'),
        ("zzz=5", 'there is no "zzz". Known are severe_change_ratio, '),
        ("failed_runs", '"failed_runs" is not NAME=VALUE. Try "failed_runs=5".'),
        ("failed_runs=", 'failed_runs: "" is not a number from 0 on. The default is 3.'),
        ("failed_runs=-1", '"-1" is not a number from 0 on'),
        ("failed_runs=nan", '"nan" is not a number from 0 on'),
        ("failed_runs=inf", '"inf" is not a number from 0 on'),
        ("store_share_ratio=90", "store_share_ratio: 90 is never reached, it is a share of 1. The default is 0.9."),
    ],
)
def test_a_threshold_that_makes_no_sense_is_told(capsys: pytest.CaptureFixture[str], word: str, told: str) -> None:
    assert told in refused(capsys, "--threshold", word)


def test_a_threshold_that_is_given_twice_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert "failed_runs is given twice" in refused(
        capsys, "--threshold", "failed_runs=4", "--threshold", "failed_runs=5"
    )


@pytest.mark.parametrize("job", ["", 'a"b', "a{b}", "a\nb", "@job"])
def test_a_job_that_would_break_the_rules_is_told(capsys: pytest.CaptureFixture[str], job: str) -> None:
    assert "cannot be a job of the rules" in refused(capsys, "--job", job)


@pytest.mark.parametrize("base", ["", "a b", "{{ $labels.job }}"])
def test_an_address_of_runbooks_that_is_none_is_told(capsys: pytest.CaptureFixture[str], base: str) -> None:
    assert "is not an address" in refused(capsys, "--runbook-url", base)


def test_grafana_gets_the_same_alerts(capsys: pytest.CaptureFixture[str], grafana: list[dict[str, Any]]) -> None:
    found = alerts(printed(capsys, "--job", "ml"))

    assert [rule["title"] for rule in grafana] == list(found)
    for rule in grafana:
        assert rule["labels"] == found[rule["title"]]["labels"]
        assert rule["for"] == found[rule["title"]].get("for", "0s")


def test_grafana_needs_no_recording_rules(grafana: list[dict[str, Any]]) -> None:
    for rule in grafana:
        names = {name for name, _ in selectors(rule["data"][0]["model"]["expr"])}
        assert names or rule["title"] == "MmiedWatchdog"
        assert not names & RECORDED


def test_grafana_fires_for_what_is_returned_whatever_its_value(grafana: list[dict[str, Any]]) -> None:
    for rule in grafana:
        found, is_there, fires = rule["data"]
        assert is_there["model"]["expression"] == "is_number($found) || is_inf($found)"
        assert fires["model"]["expression"] == is_there["refId"]
        assert rule["condition"] == fires["refId"]
        assert rule["noDataState"] == "OK"
        assert {each["datasourceUid"] for each in (is_there, fires)} == {"__expr__"}
        assert found["datasourceUid"] == "mmied-prometheus"


def test_grafana_is_asked_for_nothing_that_its_texts_do_not_know(grafana: list[dict[str, Any]]) -> None:
    for rule in grafana:
        text = rule["annotations"]["description"]
        assert "query" not in text
        assert not re.search(r"\$value\b", text), "there it is a sentence of its own"
        assert text.endswith(".")


def test_grafana_takes_the_identifiers(grafana: list[dict[str, Any]]) -> None:
    identifiers = [rule["uid"] for rule in grafana]

    assert len(set(identifiers)) == len(identifiers)
    assert all(re.fullmatch(r"[a-z-]{1,40}", each) for each in identifiers)
