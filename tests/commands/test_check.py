"""`mmied check` warns of a schedule that its budget cannot pay."""

from pathlib import Path

import pytest

from mmied.commands.check import check


def told(folder: Path, schedule: str, capsys: pytest.CaptureFixture[str]) -> str:
    (folder / "m.pt").touch()
    config = folder / "mmied.yaml"
    config.write_text(
        f"schedule: {schedule}\nbudget: {{threads: 1, cpu_ratio: 0.01}}\n"
        "models: [{name: m, source: {torchscript: m.pt}, inputs: [{shape: [batch, 4]}]}]\n"
    )
    assert check(config) == 0
    return capsys.readouterr().out


def test_inspections_that_alone_ask_for_most_of_the_budget_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = told(tmp_path, "{profile: 12h, inspect: 1m}", capsys)

    assert "schedule.inspect: inspections alone ask for" in said
    assert "Inspect less often, or `never`" in said
    assert "the schedule asks for" in said


@pytest.mark.parametrize("schedule", ["{profile: 12h, inspect: 12h}", "{profile: 12h, inspect: never}"])
def test_a_schedule_that_can_be_paid_is_not_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], schedule: str
) -> None:
    assert "warning" not in told(tmp_path, schedule, capsys)
