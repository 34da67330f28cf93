"""What do the optimizations cost in accuracy? `python benchmarks/optimization_accuracy.py [--quick]`.

Two small networks are trained here on scikit-learn's digits (1,797 pictures of 8 × 8 points): one of linear layers,
one of convolutions. Each reduced-precision and each pruned variant is then judged on 540 pictures that no training,
calibration or tuning has seen, and compared with the original picture by picture. One digit is 0.19 points.
"""

import argparse
import copy
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from figures import Figure, at_most, report
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

from mmied.bench.optimize.convenience import convert_to_mixed_precision, prune_model, quantize_model
from mmied.bench.optimize.distillation import distill_model
from mmied.bench.optimize.recipe import recipe_of
from mmied.errors import ModelError

TEST = 540
EPOCHS = 30
TUNING_EPOCHS = 5
DROP_POINTS = 0.5  # what a reduced precision may cost; a pruned variant's cost is told, and judged by nobody


@dataclass(frozen=True, slots=True)
class Data:
    """Pictures and labels; the last `TEST` are for judging alone."""

    train: torch.Tensor
    train_labels: torch.Tensor
    test: torch.Tensor
    test_labels: torch.Tensor


def read_data() -> Data:
    digits: Any = load_digits()
    order = torch.randperm(len(digits.target), generator=torch.Generator().manual_seed(0))
    images = torch.tensor(digits.images, dtype=torch.float32)[order].unsqueeze(1) / 16
    labels = torch.tensor(digits.target)[order]
    return Data(images[:-TEST], labels[:-TEST], images[-TEST:], labels[-TEST:])


def linear_network(width: int = 128) -> nn.Module:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10)
    )


def convolutional_network() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 32, 3, padding=1),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * 16, 10),
    )


def train(model: nn.Module, data: Data, epochs: int, learning_rate: float = 2e-3) -> None:
    """Train in place, in an order that is the same in every run."""
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    generator = torch.Generator().manual_seed(1)
    for _ in range(epochs):
        for chosen in torch.randperm(len(data.train), generator=generator).split(64):
            optimizer.zero_grad()
            functional.cross_entropy(model(data.train[chosen]), data.train_labels[chosen]).backward()
            optimizer.step()
        schedule.step()
    model.eval()


def answers(model: Callable[[torch.Tensor], torch.Tensor], images: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return torch.cat([model(part).argmax(1) for part in images.split(60)])


def variants(original: nn.Module, data: Data, tuning_epochs: int) -> list[tuple[str, bool, Callable[[], nn.Module]]]:
    """Return each variant's name, whether it is a reduced precision, and what makes it."""
    calibration = list(data.train[:300].split(60))
    example = data.train[:2]

    def tune(model: nn.Module) -> None:
        train(model, data, tuning_epochs, 1e-3)

    made: list[tuple[str, bool, Callable[[], nn.Module]]] = [
        ("bfloat16, cast", True, lambda: convert_to_mixed_precision(original, torch.bfloat16, False)),
        ("bfloat16, autocast", True, lambda: convert_to_mixed_precision(original, torch.bfloat16)),
        ("float16, cast", True, lambda: convert_to_mixed_precision(original, torch.float16, False)),
    ]
    made += [
        (
            f"int8 dynamic, {name}",
            True,
            lambda name=name: quantize_model(original, backend=name, example_inputs=example),
        )
        for name in ("onnxruntime", "torchao", "legacy", "pt2e")
    ]
    made += [
        (
            f"int8 static, {name}",
            True,
            lambda name=name: quantize_model(original, "static", backend=name, calibration_loader=calibration),
        )
        for name in ("openvino", "onnxruntime", "pt2e", "legacy")
    ]
    made += [
        ("int8 weights alone", True, lambda: quantize_model(original, "weight_only")),
        ("int4 weights alone", False, lambda: quantize_model(original, "weight_only", 4)),
    ]
    for amount in (0.5, 0.7, 0.9):
        made += [
            (f"magnitude {amount:.0%}", False, lambda a=amount: prune_model(original, amount=a, global_=True)),
            (
                f"magnitude {amount:.0%}, tuned, 3 steps",
                False,
                lambda a=amount: prune_model(original, amount=a, global_=True, n_iterations=3, fine_tune=tune),
            ),
        ]
    made.append(("random 50%", False, lambda: prune_model(original, "random", 0.5)))
    for amount in (0.25, 0.5):
        made += [
            (
                f"channels {amount:.0%}",
                False,
                lambda a=amount: prune_model(original, "structured", a, example_inputs=example),
            ),
            (
                f"channels {amount:.0%}, tuned, 2 steps",
                False,
                lambda a=amount: prune_model(
                    original, "structured", a, example_inputs=example, n_iterations=2, fine_tune=tune
                ),
            ),
        ]
    return made


def judge(name: str, original: nn.Module, data: Data, tuning_epochs: int) -> list[Figure]:
    wanted = answers(original, data.test)
    accuracy = float((wanted == data.test_labels).float().mean())
    longer = copy.deepcopy(original)
    train(longer, data, tuning_epochs, 1e-3)
    right = float((answers(longer, data.test) == data.test_labels).float().mean())
    figures = [
        Figure(what=f"{name}: original", shown=f"{accuracy:.2%} right"),
        Figure(what=f"{name}: original, tuned as a pruned one is in a step", shown=f"{right:.2%} right"),
    ]
    for what, reduced, make in variants(original, data, tuning_epochs):
        title = f"{name}: {what}"
        try:
            model = make()
        except ModelError as error:
            figures.append(Figure(what=title, shown=f"not made: {str(error)[:70]}"))
            continue
        given = answers(model, data.test)
        drop = 100 * (accuracy - float((given == data.test_labels).float().mean()))
        agree = float((given == wanted).float().mean())
        told = f"{agree:.1%} as the original, {_changed(model)}"
        if reduced:
            figure = at_most(title, drop, DROP_POINTS, "{:+.2f} points lost")
            figures.append(Figure(what=title, shown=f"{figure.shown}; {told}", bar=figure.bar, met=figure.met))
        else:
            figures.append(Figure(what=title, shown=f"{drop:+.2f} points lost; {told}"))
    return figures


def distilled(data: Data, teacher: nn.Module, epochs: int) -> list[Figure]:
    """A network with an eighth of the width, taught by the large one and taught by labels alone."""
    torch.manual_seed(2)
    student = linear_network(16)
    loader = [
        (data.train[chosen], data.train_labels[chosen])
        for chosen in torch.randperm(len(data.train), generator=torch.Generator().manual_seed(3)).split(64)
    ]
    figures = []
    for what, alpha in (("by labels, nearly alone", 0.01), ("by teacher and labels", 0.7)):
        model = distill_model(teacher, student, loader, epochs=epochs, alpha=alpha, temperature=3, learning_rate=2e-3)
        right = float((answers(model.student.eval(), data.test) == data.test_labels).float().mean())
        figures.append(Figure(what=f"width 16, taught {what}", shown=f"{right:.2%} right"))
    return figures


def _changed(model: nn.Module) -> str:
    recipe = recipe_of(model)
    assert recipe is not None
    return f"{recipe.changed['parameters']:,} parameters changed"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="train for fewer epochs, and judge the linear network alone"
    )
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    data = read_data()
    networks = (
        {"linear": linear_network()}
        if options.quick
        else {"linear": linear_network(), "convolutional": convolutional_network()}
    )
    epochs, tuning = (8, 2) if options.quick else (EPOCHS, TUNING_EPOCHS)
    figures: list[Figure] = []
    for name, network in networks.items():
        train(network, data, epochs)
        figures += judge(name, network, data, tuning)
    figures += distilled(data, networks["linear"], epochs)
    return report(figures)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
