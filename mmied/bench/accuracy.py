"""How well does a model do on labelled data? Classification, regression, or the user's own measure."""

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import torch

from mmied.bench.dataset import Dataset, take
from mmied.bench.fidelity import output_tensors
from mmied.bench.importing import import_callable
from mmied.errors import ModelError
from mmied.profiles import Accuracy
from mmied.records import ModelSpec

RESAMPLES = 2000
IGNORED_LABEL = -100  # what torch's own losses leave out


def measure(
    call: Callable[..., Any], dataset: Dataset, spec: ModelSpec, *, batch_size: int, metric: str | None = None
) -> Accuracy:
    """Return how well `call` predicts the labels of `dataset`, each sample once.

    `metric` is the import path of a function of outputs and labels that returns a number. Without it, labels that
    are whole numbers are classes, and others are values to be met. Raises ModelError where neither fits.
    """
    labels = dataset.labels
    assert labels is not None
    batches = (
        torch.arange(start, min(start + batch_size, dataset.samples)) for start in range(0, dataset.samples, batch_size)
    )
    pairs = ((predict(call, dataset, rows, spec), labels[rows]) for rows in batches)
    if metric is not None:
        value = own_measure(metric, torch.cat([outputs for outputs, _ in pairs]), labels)
        return Accuracy(metric=metric, value=value, lower=None, upper=None, samples=dataset.samples)
    # Batch by batch: the outputs of all samples together may be many times what the model takes.
    if labels.is_floating_point():
        return mean_squared_error(torch.cat([squared_errors(*pair) for pair in pairs]))
    met = [class_matches(*pair) for pair in pairs]
    return classification(sum(int(right.sum()) for right, _ in met), sum(int(counted.sum()) for _, counted in met))


def predict(call: Callable[..., Any], dataset: Dataset, rows: torch.Tensor, spec: ModelSpec) -> torch.Tensor:
    """Return the model's prediction for these samples, on the CPU. Raises ModelError where it is not one a sample."""
    args, kwargs = take(call, dataset, rows, spec)
    return prediction_of(call(*args, **kwargs), len(rows))


def prediction_of(output: Any, samples: int) -> torch.Tensor:
    """Return what stands for the prediction in a model's output, on the CPU. Raises ModelError."""
    tensors = list(output_tensors(output))
    # A model that gives several names its prediction so, by the custom of transformers; others give it first.
    chosen = next((tensor for path, tensor in tensors if "logits" in path), tensors[0][1] if tensors else None)
    if chosen is None or chosen.dim() == 0 or chosen.shape[0] != samples:
        found = "no tensor" if chosen is None else f"one of the shape {tuple(chosen.shape)}"
        raise ModelError(f"for {samples} samples the model gave {found}: there is no prediction a sample")
    return chosen.to("cpu")


def own_measure(metric: str, outputs: torch.Tensor, labels: torch.Tensor) -> float:
    """Return what the user's own function says of outputs and labels. Raises ModelError."""
    try:
        value = float(import_callable(metric)(outputs, labels))
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"--metric {metric}: raised {type(error).__name__}: {error}") from error
    if not math.isfinite(value):
        raise ModelError(f"--metric {metric}: gave {value}, which is no figure")
    return value


def class_matches(outputs: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return which classes were met and which counted: labels of IGNORED_LABEL do not. Raises ModelError."""
    labels = labels.squeeze(-1) if labels.dim() == outputs.dim() > 1 and labels.shape[-1] == 1 else labels
    shape = tuple(outputs.shape)
    if tuple(labels.shape) == shape and not outputs.is_floating_point():
        predicted = outputs  # the model gives classes
    elif len(shape) >= 2 and shape[-1] > 1 and tuple(labels.shape) == shape[:-1]:
        predicted = outputs.argmax(-1)
    elif len(shape) >= 2 and shape[1] > 1 and tuple(labels.shape) == (shape[0], *shape[2:]):
        predicted = outputs.argmax(1)  # (samples, classes, …), as torch's losses have it
    else:
        raise ModelError(
            f"outputs of the shape {shape} and labels of {tuple(labels.shape)} are no classification: outputs need "
            "one more dimension, with an entry for each class. Give --metric package.module:function."
        )
    counted = labels != IGNORED_LABEL
    return (predicted == labels) & counted, counted


def classification(right: int, total: int) -> Accuracy:
    """Return the share of classes that were met, with Wilson's interval. Raises ModelError where none counted."""
    if not total:
        raise ModelError(f"all labels are {IGNORED_LABEL}, which stands for no label")
    lower, upper = wilson_interval(right, total)
    return Accuracy(metric="accuracy", value=right / total, lower=lower, upper=upper, samples=total)


def wilson_interval(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return Wilson's score interval of a proportion (1927), which keeps its promise near 0 and 1 too."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = successes / trials
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials)) / (1 + z * z / trials)
    return (centre - half if successes else 0.0), (centre + half if successes < trials else 1.0)


def squared_errors(outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the mean squared error of each sample. Raises ModelError."""
    if outputs.numel() != labels.numel():
        raise ModelError(
            f"outputs of the shape {tuple(outputs.shape)} cannot be held against labels of {tuple(labels.shape)}. "
            "Give --metric package.module:function."
        )
    return (outputs.double().reshape(len(labels), -1) - labels.double().reshape(len(labels), -1)).square().mean(1)


def mean_squared_error(errors: torch.Tensor) -> Accuracy:
    """Return the mean of the samples' errors, with the percentile bootstrap's interval over samples."""
    generator = torch.Generator().manual_seed(0)
    means = torch.stack(
        [errors[torch.randint(len(errors), errors.shape, generator=generator)].mean() for _ in range(RESAMPLES)]
    )
    lower, upper = means.quantile(torch.tensor([0.025, 0.975], dtype=means.dtype)).tolist()
    return Accuracy(metric="mse", value=float(errors.mean()), lower=lower, upper=upper, samples=len(errors))
