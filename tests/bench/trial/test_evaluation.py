"""Two models are held against the same labels, sample by sample."""

from pathlib import Path
from typing import Any

import pytest
import torch

from mmied.bench.dataset import Dataset
from mmied.bench.trial import evaluation
from mmied.bench.trial.evaluation import Scores, accuracy_of, change_of, feed_as_served, samples_changed, score
from mmied.errors import ModelError
from mmied.records import ModelSpec, Source

SPEC = ModelSpec(name="m", source=Source(kind="factory", factory="a:b"), inputs=())
LABELS = torch.arange(10) % 3
RIGHT = torch.nn.functional.one_hot(LABELS, 3).float()


def scores(outputs: torch.Tensor, labels: torch.Tensor = LABELS, *, metric: str | None = None) -> Scores:
    """What a model that gives its inputs as they are scores, in batches of 4, of which the last is filled up."""
    dataset = Dataset(path="d.npz", inputs={"x": outputs}, labels=labels, samples=len(outputs))
    seen = []

    def call(x: torch.Tensor) -> torch.Tensor:
        seen.append(len(x))
        return x

    found = score(call, feed_as_served(call, dataset, SPEC, ((outputs,), {})), dataset, batch_size=4, metric=metric)
    assert set(seen) == {4}
    return found


def wrong_on(*rows: int) -> torch.Tensor:
    outputs = RIGHT.clone()
    outputs[list(rows)] = outputs[list(rows)].roll(1, dims=1)
    return outputs


def test_the_change_counts_the_samples_that_became_right_and_wrong() -> None:
    before, after = scores(wrong_on(0)), scores(wrong_on(1, 2, 3))
    estimate, lower, upper = change_of(before, after)
    assert accuracy_of(before).value == 0.9
    assert accuracy_of(after).value == 0.7
    assert samples_changed(before, after) == 4
    assert estimate == pytest.approx(-0.2)
    assert lower < -0.2 < upper


def test_tokens_of_a_sample_are_drawn_together() -> None:
    """Ten samples of 50 tokens that err all at once tell no more than ten answers do."""
    labels = LABELS[:, None].repeat(1, 50)
    before = scores(RIGHT[:, None].repeat(1, 50, 1), labels)
    after = scores(wrong_on(4)[:, None].repeat(1, 50, 1), labels)
    estimate, lower, upper = change_of(before, after)
    assert accuracy_of(after).samples == 500
    assert estimate == pytest.approx(-0.1)
    assert upper - lower > 0.2


def test_samples_of_tokens_that_all_agree_have_the_rule_of_three() -> None:
    labels = LABELS[:, None].repeat(1, 2)
    same = scores(RIGHT[:, None].repeat(1, 2, 1), labels)
    assert change_of(same, same) == (0.0, pytest.approx(-0.3), pytest.approx(0.3))


def test_values_are_compared_by_their_squared_errors() -> None:
    labels = torch.linspace(0, 1, 10)
    before, after = scores((labels + 0.1)[:, None], labels), scores((labels + 0.2)[:, None], labels)
    estimate, lower, upper = change_of(before, after)
    assert accuracy_of(before).metric == "mse"
    assert estimate == pytest.approx(0.03)
    assert lower <= estimate <= upper


def test_a_measure_of_ones_own_has_an_interval_too(monkeypatch: pytest.MonkeyPatch) -> None:
    metric = "searchable:share_of_largest"
    before, after = scores(RIGHT, metric=metric), scores(wrong_on(0, 1), metric=metric)
    estimate, lower, upper = change_of(before, after)
    assert accuracy_of(after).value == 0.8
    assert estimate == pytest.approx(-0.2)
    assert lower < -0.2 < upper
    assert change_of(before, before) == (0.0, pytest.approx(-0.3), pytest.approx(0.3))

    monkeypatch.setattr(evaluation, "OWN_SECONDS", 0.0)
    with pytest.raises(ModelError, match="a call, and the interval of a change takes"):
        change_of(before, after)


def test_a_measure_that_raises_is_told() -> None:
    with pytest.raises(ModelError, match="searchable:raises: raised ValueError: labels of another world"):
        accuracy_of(scores(RIGHT, metric="searchable:raises"))


def test_samples_without_labels_are_no_accuracy_set() -> None:
    dataset = Dataset(path="d.npz", inputs={"x": RIGHT}, labels=None, samples=10)
    with pytest.raises(ModelError, match=r"d\.npz: has no labels"):
        evaluation.labels_of(dataset)


def test_scores_go_from_process_to_process(tmp_path: Path) -> None:
    written = scores(wrong_on(3))
    evaluation.write_scores(written, tmp_path / "scores.pt")
    assert samples_changed(written, evaluation.read_scores(tmp_path / "scores.pt")) == 0


class Named(torch.nn.Module):
    def forward(self, tokens: Any, mask: Any) -> Any:
        return tokens * mask


@pytest.mark.parametrize("served", [((0, 0), {}), ((), {"tokens": 0, "mask": 0})])
def test_samples_come_in_the_form_that_the_model_is_served_with(served: Any) -> None:
    """By position where it was exported so, whatever the order of the file; by name where it is called so."""
    arrays = {"mask": torch.zeros(4, 1), "tokens": torch.ones(4, 1)}
    feed = feed_as_served(Named(), Dataset(path="d", inputs=arrays, labels=None, samples=4), SPEC, served)
    args, kwargs = feed(torch.arange(2))
    tokens, mask = args or (kwargs["tokens"], kwargs["mask"])
    assert (len(args), len(kwargs)) == (len(served[0]), len(served[1]))
    assert tokens.sum() == 2
    assert mask.sum() == 0
