"""A student learns a teacher's answers, and neither is changed by it."""

from typing import Any

import pytest
import torch
from optimizable import Answer, Ranker
from torch import nn

from mmied.bench.optimize.distillation import distill_model
from mmied.bench.optimize.recipe import recipe_of
from mmied.errors import ModelError


def teacher() -> nn.Module:
    model = nn.Sequential(nn.Linear(8, 64), nn.Tanh(), nn.Linear(64, 4))
    with torch.no_grad():
        model[2].weight *= 8  # so that its answers are decided
    return model


def student() -> nn.Module:
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4)).eval()


def batches(count: int = 16) -> list[torch.Tensor]:
    return [torch.randn(32, 8) for _ in range(count)]


def agreement(one: nn.Module, other: nn.Module) -> float:
    x = torch.randn(500, 8)
    return float((one(x).argmax(1) == other(x).argmax(1)).float().mean())


def test_a_student_comes_to_agree_with_its_teacher(snapshot: Any) -> None:
    large, small = teacher(), student()
    before = snapshot(large), snapshot(small)
    distilled = distill_model(large, small, batches(), epochs=10, alpha=1.0, learning_rate=0.02)

    for each in before:
        each.assert_untouched()
    assert agreement(large, small) < 0.5
    assert agreement(large, distilled.student) > 0.75
    losses = [epoch.distillation for epoch in distilled.history]
    assert len(losses) == 10
    assert losses[-1] < losses[0] / 3
    assert distilled.history[0].task is None
    assert not distilled.student.training
    recipe = recipe_of(distilled.student)
    assert recipe is not None
    assert recipe.changed["parameters"] > 100


def test_labels_and_teacher_share_the_loss_by_alpha() -> None:
    labelled = [(x, torch.randint(4, (32,))) for x in batches(2)]
    distilled = distill_model(teacher(), student(), labelled, epochs=1, alpha=0.25)
    epoch = distilled.history[0]
    assert epoch.task is not None
    assert epoch.total == pytest.approx(0.25 * epoch.distillation + 0.75 * epoch.task, rel=1e-5)


def test_regression_and_dataclass_answers() -> None:
    large, small = Ranker(), Ranker()
    data = [{"features": torch.randn(32, 8)} for _ in range(4)]
    distilled = distill_model(
        large,
        small,
        data,
        epochs=20,
        alpha=1.0,
        kind="regression",
        optimizer=lambda parameters: torch.optim.Adam(parameters, lr=0.02),
        answer=lambda answer: answer.logits,
    )
    assert distilled.history[-1].distillation < distilled.history[0].distillation / 3
    assert isinstance(distilled.student(torch.ones(1, 8)), Answer)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"epochs": 0}, "epochs: 0"),
        ({"temperature": 0}, "temperature: 0 is not above 0"),
        ({"alpha": 0}, "alpha: 0 is out of range"),
        ({"alpha": 0.5}, "has no labels, and alpha=0.5 asks for them"),
        ({"kind": "ranking"}, "kind: 'ranking' is not known"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ModelError, match=sentence):
        distill_model(teacher(), student(), batches(1), **({"alpha": 1.0} | settings))


def test_answers_of_two_forms_are_told() -> None:
    with pytest.raises(ModelError, match=r"epoch 0, batch 0: the student gives \(32, 5\) and the teacher \(32, 4\)"):
        distill_model(teacher(), nn.Linear(8, 5), batches(1), alpha=1.0)


def test_a_loader_that_is_used_up_is_told() -> None:
    with pytest.raises(ModelError, match="an iterator is used up after one epoch"):
        distill_model(teacher(), student(), iter(batches(1)), epochs=2, alpha=1.0)
    with pytest.raises(ModelError, match="the loader gave no batch"):
        distill_model(teacher(), student(), [], alpha=1.0)


def test_a_loss_that_is_not_finite_stops_at_once() -> None:
    with pytest.raises(ModelError, match=r"the loss is nan. Take a smaller learning_rate"):
        distill_model(teacher(), student(), [torch.full((4, 8), float("nan"))], alpha=1.0)


def test_a_student_that_learns_nothing_is_told() -> None:
    with pytest.raises(ModelError, match="distillation with torch changed nothing"):
        distill_model(teacher(), student(), batches(1), alpha=1.0, learning_rate=0.0)
