"""A deploy is marked where a model's file became another, and nowhere else; promtool tells."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from dashboards import interpolate, load

pytestmark = pytest.mark.prometheus
CHOSEN = {"job": ".+", "instance": ".+", "model": ".+", "scenario": ".+"}
OLD, NEW = (
    f'mmied_model_info{{job="mmied", instance="a", model="ranker", revision="{name}"}}' for name in ("old", "new")
)
MINUTES = 60


def deploys() -> str:
    (mark,) = (mark for mark in load()["mmied-model"]["annotations"]["list"] if mark["name"] == "Deploys")
    return interpolate(mark["expr"], CHOSEN)


def marked(folder: Path, series: dict[str, str], minute: int) -> bool:
    """Tell whether a deploy is marked at that minute, where `series` have these values, one a minute."""
    (folder / "rules.yml").write_text(yaml.safe_dump({"groups": []}))
    test: dict[str, Any] = {
        "rule_files": ["rules.yml"],
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "promql_expr_test": [
                    {
                        "expr": f"count({deploys()})",
                        "eval_time": f"{minute}m",
                        "exp_samples": [{"labels": "{}", "value": 1}],
                    }
                ],
            }
        ],
    }
    (folder / "test.yml").write_text(yaml.safe_dump(test))
    command = shutil.which("promtool")
    assert command is not None
    done = subprocess.run([command, "test", "rules", "test.yml"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0 or "got:" in done.stderr + done.stdout, done.stderr
    return done.returncode == 0


def test_another_revision_is_marked_for_five_minutes_and_so_is_the_way_back(tmp_path: Path) -> None:
    series = {OLD: "1x19 stale _x40 1x20", NEW: "_x20 1x39 stale"}
    assert [minute for minute in (10, 19, 22, 24, 30, 55, 62, 75) if marked(tmp_path, series, minute)] == [22, 24, 62]


def test_neither_a_first_run_nor_a_daemon_that_was_away_is_a_deploy(tmp_path: Path) -> None:
    assert not marked(tmp_path, {OLD: "_x10 1x30"}, 12)
    assert not marked(tmp_path, {OLD: "1x10 stale _x20 1x30"}, 33)
