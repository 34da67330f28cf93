"""`mmied check` warns of a schedule that its budget cannot pay."""

from pathlib import Path

import pytest

from mmied.commands.check import check


def told(folder: Path, schedule: str, capsys: pytest.CaptureFixture[str], optimize: str = "{}", own: str = "{}") -> str:
    (folder / "m.pt").touch()
    config = folder / "mmied.yaml"
    config.write_text(
        f"schedule: {schedule}\nbudget: {{threads: 1, cpu_ratio: 0.01}}\n"
        f"optimize: {optimize}\n"
        f"models: [{{name: m, source: {{torchscript: m.pt}}, inputs: [{{shape: [batch, 4]}}], optimize: {own}}}]\n"
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


def test_searches_that_take_more_than_the_budget_are_told_with_the_data_that_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quiet = "{profile: 12h, inspect: never}"
    often = told(tmp_path, quiet, capsys, "{schedule: 2h}", "{evaluation: {data: labelled.npz}}")

    assert "optimize: searches for optimizations may take " in often
    assert "of the host's CPU time over time, beside the 1.0% of `budget.cpu_ratio`" in often
    assert f"models.m.optimize: {tmp_path / 'labelled.npz'} is not there" in often
    assert "warning" not in told(tmp_path, quiet, capsys, '{schedule: "0 3 * * sun", budget: 10m}')
