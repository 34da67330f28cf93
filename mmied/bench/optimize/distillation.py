"""Train a small model to answer as a large one does."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from mmied.bench.fidelity import output_tensors
from mmied.bench.optimize.calibration import as_inputs, places
from mmied.bench.optimize.export import Inputs
from mmied.bench.optimize.private_copy import private_copy
from mmied.bench.optimize.recipe import Recipe, attach, class_path
from mmied.bench.optimize.training_flags import training_flags
from mmied.bench.serving import as_served
from mmied.errors import ModelError

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
Batch = tuple[Inputs, torch.Tensor | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochLosses:
    """Means over the samples of one epoch. `task` is None where the loader gives no labels."""

    total: float
    distillation: float
    task: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Distilled:
    """A trained copy of the student, and how its losses went."""

    student: nn.Module
    history: tuple[EpochLosses, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Losses:
    soft: Loss
    hard: Loss
    alpha: float
    answer: Callable[[Any], torch.Tensor]


def distill_model(
    teacher: nn.Module,
    student: nn.Module,
    loader: Iterable[Any],
    *,
    epochs: int = 1,
    temperature: float = 2.0,
    alpha: float = 0.5,
    optimizer: Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer] | None = None,
    learning_rate: float = 1e-3,
    kind: str = "classification",
    task_loss: Loss | None = None,
    split: Callable[[Any], Batch] | None = None,
    answer: Callable[[Any], torch.Tensor] | None = None,
) -> Distilled:
    """Train a copy of `student` on the answers of `teacher`; both stay as they are.

    The loss is `alpha` times that against the teacher and 1 - `alpha` times that against the labels. Classification
    compares softened probabilities (Hinton et al. 2015: KL divergence at `temperature`, times its square, so that
    the gradients of both parts stay of one size) and takes cross entropy of labels; regression takes squared errors.

    A batch of `loader` is (input, …, label), or an input alone with alpha=1; `split` takes it apart otherwise, into
    inputs and labels. The answer is the first floating tensor of an output, or what `answer` takes from it; classes
    stand in its second dimension. `loader` is gone through once an epoch. `optimizer` makes one from the parameters.
    Raises ModelError for settings that cannot be, outputs that do not fit together, and a loss that is not finite.
    """
    _check(epochs, temperature, alpha, kind)
    if iter(loader) is loader and epochs > 1:
        raise ModelError("loader: an iterator is used up after one epoch. Give a DataLoader or a list of batches.")
    pupil = private_copy(student, "distillation")
    flags = training_flags(student)
    parameters = [parameter for parameter in pupil.parameters() if parameter.requires_grad]
    if not parameters:
        raise ModelError("student: has no parameter that can be trained")
    steps = (optimizer or (lambda each: torch.optim.AdamW(each, lr=learning_rate)))(parameters)
    soft = _softened(temperature) if kind == "classification" else functional.mse_loss
    hard = task_loss or (functional.cross_entropy if kind == "classification" else functional.mse_loss)
    losses = _Losses(soft=soft, hard=hard, alpha=alpha, answer=answer or _first_floating)
    before = [parameter.detach().clone() for parameter in parameters]
    history: list[EpochLosses] = []
    with as_served(teacher), torch.inference_mode(False), torch.enable_grad():
        pupil.train()
        for epoch in range(epochs):
            batches = ((split or _split(pupil, labelled=alpha < 1))(batch) for batch in loader)
            history.append(_epoch(teacher, pupil, batches, steps, losses, f"epoch {epoch}"))
    flags.restore(pupil)
    for parameter in parameters:
        parameter.grad = None
    trained = sum(int((a != b.detach()).sum()) for a, b in zip(before, parameters, strict=True))
    recipe = Recipe(
        kind="distillation",
        model=class_path(student),
        backend="torch",
        settings={"epochs": epochs, "temperature": temperature, "alpha": alpha, "kind": kind},
        changed={"parameters": trained},
    )
    return Distilled(student=attach(pupil, recipe), history=tuple(history))


def _epoch(
    teacher: nn.Module,
    pupil: nn.Module,
    batches: Iterable[Batch],
    optimizer: torch.optim.Optimizer,
    losses: "_Losses",
    where: str,
) -> EpochLosses:
    sums = {"total": 0.0, "distillation": 0.0, "task": 0.0}
    samples = 0
    labelled = False
    for step, ((args, kwargs), labels) in enumerate(batches):
        place = f"{where}, batch {step}"
        alpha = losses.alpha
        if alpha < 1 and labels is None:
            raise ModelError(f"{place}: has no labels, and alpha={alpha} asks for them. Take alpha=1 to go without.")
        with torch.no_grad():
            wanted = losses.answer(teacher(*args, **kwargs))
        given = losses.answer(pupil(*args, **kwargs))
        if given.shape != wanted.shape:
            raise ModelError(
                f"{place}: the student gives {tuple(given.shape)} and the teacher {tuple(wanted.shape)}: "
                "both have to give the same answer's form"
            )
        distillation = losses.soft(given, wanted)
        task = losses.hard(given, labels) if labels is not None and alpha < 1 else None
        loss = distillation if task is None else alpha * distillation + (1 - alpha) * task
        if not math.isfinite(float(loss.detach())):
            raise ModelError(f"{place}: the loss is {float(loss.detach())}. Take a smaller learning_rate.")
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        count = given.shape[0] if given.dim() else 1
        samples += count
        sums["total"] += float(loss.detach()) * count
        sums["distillation"] += float(distillation.detach()) * count
        if task is not None:
            labelled = True
            sums["task"] += float(task.detach()) * count
    if not samples:
        raise ModelError(f"{where}: the loader gave no batch")
    return EpochLosses(
        total=sums["total"] / samples,
        distillation=sums["distillation"] / samples,
        task=sums["task"] / samples if labelled else None,
    )


def _softened(temperature: float) -> Loss:
    def loss(given: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        if given.dim() < 2:
            raise ModelError(f"classification needs a dimension of classes, and the answer is {tuple(given.shape)}")
        student, teacher = (
            functional.log_softmax(each / temperature, dim=1).movedim(1, -1).flatten(0, -2) for each in (given, wanted)
        )
        return functional.kl_div(student, teacher, reduction="batchmean", log_target=True) * temperature**2

    return loss


def _split(model: nn.Module, *, labelled: bool) -> Callable[[Any], Batch]:
    def split(batch: Any) -> Batch:
        if isinstance(batch, tuple | list) and len(batch) > 1 and labelled:
            *inputs, labels = batch
            return as_inputs(tuple(inputs) if len(inputs) > 1 else inputs[0]), labels
        return as_inputs(batch, places(model)), None

    return split


def _first_floating(output: Any) -> torch.Tensor:
    for _, tensor in output_tensors(output):
        if tensor.is_floating_point():
            return tensor
    raise ModelError("an output holds no floating tensor to learn from. Say what to compare by answer=….")


def _check(epochs: int, temperature: float, alpha: float, kind: str) -> None:
    if epochs < 1:
        raise ModelError(f"epochs: {epochs} is not at least one")
    if not temperature > 0:
        raise ModelError(f"temperature: {temperature} is not above 0. Usual are 1 to 10.")
    if not 0 < alpha <= 1:
        raise ModelError(
            f"alpha: {alpha} is out of range: it is the teacher's share of the loss, above 0 and at most 1"
        )
    if kind not in ("classification", "regression"):
        raise ModelError(f"kind: {kind!r} is not known. Take classification or regression.")
