"""Accuracy is the share of labels that were met, with the interval that so many samples bear."""

from random import Random
from typing import Any

import pytest
import torch

from mmied.bench.accuracy import measure, wilson_interval
from mmied.bench.dataset import Dataset
from mmied.errors import ModelError
from mmied.profiles import Accuracy
from mmied.records import ModelSpec, Source

SPEC = ModelSpec(name="m", source=Source(kind="factory", factory="a:b"), inputs=())


def of(outputs: Any, labels: torch.Tensor, **settings: Any) -> Accuracy:
    """What a model that gives its inputs as they are reaches on these labels."""
    dataset = Dataset(path="d.npz", inputs={"x": outputs}, labels=labels, samples=len(labels))
    return measure(settings.pop("call", lambda x: x), dataset, SPEC, **{"batch_size": 3, **settings})


def one_hot(*classes: int, number: int = 4) -> torch.Tensor:
    return torch.nn.functional.one_hot(torch.tensor(classes), number).float()


def test_classes_are_the_largest_output() -> None:
    found = of(one_hot(0, 1, 2, 3, 3, 3, 3, 3), torch.tensor([0, 1, 2, 3, 0, 0, 0, 0]))
    assert (found.metric, found.value, found.samples) == ("accuracy", 0.5, 8)
    assert found.lower is not None
    assert found.upper is not None
    assert found.lower < 0.5 < found.upper


def test_the_last_batch_may_be_smaller() -> None:
    assert of(one_hot(0, 1, 2, 3), torch.tensor([0, 1, 2, 3]), batch_size=3).samples == 4


def test_tokens_count_each_and_ignored_ones_do_not() -> None:
    outputs = one_hot(0, 1, 2, 3).reshape(2, 2, 4)
    found = of(outputs, torch.tensor([[0, 1], [0, -100]]))
    assert (found.value, found.samples) == (pytest.approx(2 / 3), 3)


def test_classes_may_come_before_the_pixels() -> None:
    outputs = one_hot(0, 1, 2, 3).reshape(1, 2, 2, 4).permute(0, 3, 1, 2)
    assert of(outputs, torch.tensor([[[0, 1], [2, 0]]])).value == 0.75


def test_a_model_may_give_the_classes_themselves() -> None:
    assert of(torch.tensor([1, 2, 3]), torch.tensor([1, 2, 0])).value == pytest.approx(2 / 3)


def test_the_prediction_of_a_dictionary_is_what_it_calls_logits() -> None:
    def call(x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"hidden": torch.zeros(len(x), 9), "logits": x}

    assert of(one_hot(1, 2), torch.tensor([1, 2]), call=call).value == 1.0


def test_values_are_held_against_values() -> None:
    found = of(torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([1.0, 2.0, 5.0]))
    assert (found.metric, found.value) == ("mse", pytest.approx(4 / 3))
    assert found.lower == 0.0
    assert found.upper == pytest.approx(8 / 3, rel=0.6)
    assert of(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([1.0, 2.0, 4.0])).upper == 0.0


def test_the_interval_of_an_error_holds_the_truth_in_95_of_100_trials() -> None:
    generator = torch.Generator().manual_seed(1)
    held = 0
    for _ in range(60):
        found = of(torch.randn(100, generator=generator), torch.zeros(100), batch_size=100)
        assert found.lower is not None
        assert found.upper is not None
        held += found.lower <= 1.0 <= found.upper
    assert 52 <= held <= 60


def test_wilsons_interval_holds_the_truth_in_95_of_100_trials() -> None:
    draw = Random(5)
    for truth in (0.5, 0.97):
        intervals = [wilson_interval(sum(draw.random() < truth for _ in range(200)), 200) for _ in range(400)]
        assert 0.925 <= sum(lower <= truth <= upper for lower, upper in intervals) / 400 <= 0.985
    assert wilson_interval(10, 10)[1] == 1.0
    assert wilson_interval(0, 10)[0] == 0.0
    assert wilson_interval(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)  # as in Newcombe, 1998


def test_a_users_own_measure_sees_all_outputs_and_labels() -> None:
    found = of(one_hot(0, 1, 2, 3), torch.tensor([0, 1, 2, 3]), metric="measures:count")
    assert (found.metric, found.value, found.lower) == ("measures:count", 4.0, None)


@pytest.mark.parametrize(
    ("metric", "told"),
    [
        ("measures:gone", "cannot be imported"),
        ("measures:failing", "raised ZeroDivisionError"),
        ("measures:endless", "gave inf"),
    ],
)
def test_a_measure_that_fails_is_told(metric: str, told: str) -> None:
    with pytest.raises(ModelError) as caught:
        of(one_hot(0), torch.tensor([0]), metric=metric)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("outputs", "labels", "told"),
    [
        (torch.zeros(3), torch.tensor([0, 1, 0]), "are no classification"),
        (torch.zeros(3, 1), torch.tensor([0, 1, 0]), "are no classification"),
        (torch.zeros(3, 2, 5), torch.tensor([0, 1, 0]), "are no classification"),
        (torch.zeros(3, 2), torch.zeros(3), "cannot be held against"),
        (one_hot(1), torch.tensor([-100]), "stands for no label"),
    ],
)
def test_outputs_that_do_not_fit_the_labels_are_told(outputs: torch.Tensor, labels: torch.Tensor, told: str) -> None:
    with pytest.raises(ModelError) as caught:
        of(outputs, labels)
    assert told in str(caught.value)


@pytest.mark.parametrize("call", [lambda x: None, lambda x: x.sum(), lambda x: x[:1]])
def test_a_model_without_a_prediction_a_sample_is_told(call: Any) -> None:
    with pytest.raises(ModelError, match="no prediction a sample"):
        of(one_hot(0, 1), torch.tensor([0, 1]), call=call)
