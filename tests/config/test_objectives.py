"""Objectives are read in the units that people write, and a mistake names its key."""

from pathlib import Path

import pytest

from mmied.config import load_config
from mmied.errors import ConfigError
from mmied.regression import Objective


def objectives_of(folder: Path, text: str) -> tuple[Objective, ...]:
    file = folder / "mmied.yaml"
    file.write_text(
        "models:\n- name: m\n  source: {torchscript: m.pt}\n  inputs: [{shape: [batch, 4]}]\n"
        f"  batch_sizes: [1, 8]\n  objectives: {text}\n"
    )
    return load_config(file).models[0].objectives


def test_each_metric_is_read_in_its_own_unit(tmp_path: Path) -> None:
    found = objectives_of(tmp_path, "{latency_p99: 50ms, throughput: 1000/s, peak_memory: 2GB, accuracy: 0.9}")
    assert {each.metric: each.value for each in found} == {
        "latency_p99": 0.05,
        "throughput": 1000.0,
        "peak_memory": 2e9,
        "accuracy": 0.9,
    }


def test_a_scenario_has_objectives_of_its_own(tmp_path: Path) -> None:
    found = objectives_of(tmp_path, "{latency_p99: 50ms, b8: {latency_p99: 0.2}}")
    assert found == (
        Objective(metric="latency_p99", value=0.05),
        Objective(metric="latency_p99", value=0.2, scenario="b8"),
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{latency_p98: 50ms}", 'has "latency_p98", which is no metric. Did you mean "latency_p99"?'),
        ("{latency_p99: fast}", 'has latency_p99: fast, which is not a duration. Try "15m", "5s" or "100ms"'),
        ("{throughput: 0/s}", 'has throughput: 0/s, which is not a rate above zero. Try "1000/s".'),
        ("{peak_memory: 2 parsecs}", "has peak_memory: 2 parsecs, which is not a size."),
        ("{accuracy: 0}", "has accuracy: 0, which is 0, of which no headroom can be told."),
        ("{b8: {load_time: 1s}}", "has load_time for b8, and it is one of the whole model. Give it there."),
        ("{b4: {latency_p99: 1s}}", "is no scenario of this model. "),
        ("[latency_p99]", "is not a mapping of metrics. Try {latency_p99: 50ms, throughput: 1000/s}."),
    ],
)
def test_a_mistake_says_what_is_wrong_and_what_to_try(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        objectives_of(tmp_path, text)
    assert len(caught.value.mistakes) == 1 and sentence in caught.value.mistakes[0]
