"""What counts as a change, and what is kept as evidence, is said for all models; the least change also for one."""

from pathlib import Path

import pytest

from mmied.config import Config, load_config
from mmied.errors import ConfigError

MODEL = "models:\n- {name: m, source: {torchscript: m.pt}, inputs: [{shape: [batch, 4]}]}\n"
OTHER = "- {name: n, source: {package: n.pt2}, inputs: [{shape: [batch]}], regressions: {minimum_change: 10%}}\n"


def load(folder: Path, text: str) -> Config:
    file = folder / "mmied.yaml"
    file.write_text(text)
    return load_config(file)


def test_by_default_two_percent_count_and_two_gigabytes_of_files_are_kept(tmp_path: Path) -> None:
    config = load(tmp_path, MODEL)

    assert config.regressions.model_dump() == {
        "minimum_change_ratio": 0.02,
        "false_alarms_per_run": 0.001,
        "confirm_runs": 4,
        "keep_previous_bytes": 2_000_000_000,
    }
    assert config.models[0].minimum_change_ratio == 0.02


def test_each_of_it_may_be_otherwise_and_the_least_change_for_one_model(tmp_path: Path) -> None:
    text = "regressions: {minimum_change: 5%, false_alarms: 0.01, confirm_runs: 0, keep_previous: 500MB}\n"
    config = load(tmp_path, text + MODEL + OTHER)

    assert config.regressions.model_dump() == {
        "minimum_change_ratio": 0.05,
        "false_alarms_per_run": 0.01,
        "confirm_runs": 0,
        "keep_previous_bytes": 500_000_000,
    }
    assert [model.minimum_change_ratio for model in config.models] == [0.05, 0.1]


def test_nothing_may_be_kept(tmp_path: Path) -> None:
    assert load(tmp_path, "regressions: {keep_previous: 0}").regressions.keep_previous_bytes == 0


@pytest.mark.parametrize(
    ("whole", "mistake"),
    [
        ("{minimum_change: 2 percent}", 'regressions.minimum_change: "2 percent" is not a ratio above 0.'),
        ("{minimum_change: 0}", "regressions.minimum_change: 0 is not a ratio above 0."),
        ("{false_alarms: 0}", "regressions.false_alarms: 0 is not a rate from above 0 to 0.1. Try 0.001"),
        ("{false_alarms: 0.5}", "regressions.false_alarms: 0.5 is not a rate"),
        ("{confirm_runs: 50}", "regressions.confirm_runs: 50 is not"),
        ("{keep_previous: lots}", 'regressions.keep_previous: "lots" is not a size.'),
        ("{keep_prevous: 1GB}", 'Did you mean "keep_previous"?'),
    ],
)
def test_a_mistake_is_told_with_its_key(tmp_path: Path, whole: str, mistake: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, f"regressions: {whole}\n")

    (told,) = caught.value.mistakes
    assert mistake in told
