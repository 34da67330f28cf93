"""Score a model on labelled samples, and tell how the scores of two models differ on the same samples.

The samples are what is drawn again: tokens of one sentence, or pixels of one image, do not err independently.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mmied.bench.accuracy import (
    class_matches,
    classification,
    mean_squared_error,
    own_measure,
    prediction_of,
    squared_errors,
)
from mmied.bench.dataset import Dataset, take
from mmied.bench.models import Inputs
from mmied.bench.parameters import parameters_of
from mmied.errors import ModelError
from mmied.profiles import Accuracy
from mmied.records import ModelSpec
from mmied.verdicts.paired_scores import paired_proportions

RESAMPLES = 2000
OWN_RESAMPLES = 400  # of the user's own function, which may be slow; an end of the interval is then its tenth draw
FEWEST_RESAMPLES = 80  # below, the ends of a 95 % interval are single accidents
OWN_SECONDS = 20.0  # for them
Change = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """What each sample gave: classes met and counted, or an error in `values`; of a user's own measure the outputs."""

    metric: str  # accuracy, mse or an import path
    values: torch.Tensor  # (samples,) of accuracy and mse, outputs of all samples otherwise
    counted: torch.Tensor  # (samples,) of accuracy; of a user's own measure the labels


def score(
    call: Callable[..., Any],
    feed: Callable[[torch.Tensor], Inputs],
    dataset: Dataset,
    *,
    batch_size: int,
    metric: str | None,
) -> Scores:
    """Return how `call` does on each sample; `feed` gives the inputs of the samples of these numbers.

    Every batch has `batch_size` samples, the last one some of the first again: a compiled model may take no other.
    Raises ModelError where the labels, the outputs and the metric do not fit, and whatever the model raises.
    """
    labels = labels_of(dataset)
    metric = metric or ("mse" if labels.is_floating_point() else "accuracy")
    outputs, first, second = [], [], []
    for start in range(0, dataset.samples, batch_size):
        rows = torch.arange(start, start + batch_size)
        args, kwargs = feed(rows % dataset.samples)
        kept = min(batch_size, dataset.samples - start)
        predicted = prediction_of(call(*args, **kwargs), batch_size)[:kept]
        truth = labels[start : start + kept]
        if metric == "accuracy":
            right, counted = class_matches(predicted, truth)
            first.append(right.reshape(kept, -1).sum(1))
            second.append(counted.reshape(kept, -1).sum(1))
        elif metric == "mse":
            first.append(squared_errors(predicted, truth))
        else:
            outputs.append(predicted)
    if outputs:
        return Scores(metric=metric, values=torch.cat(outputs), counted=labels)
    return Scores(metric=metric, values=torch.cat(first), counted=torch.cat(second) if second else torch.empty(0))


def feed_as_served(
    deployed: Callable[..., Any], dataset: Dataset, spec: ModelSpec, served: Inputs
) -> Callable[[torch.Tensor], Inputs]:
    """Return what gives samples of `dataset` in the form in which the deployed model gets its inputs, as `served` does.

    A model that was exported with positional inputs takes no named ones, and a wrapper may have lost their names: so
    they are told by the deployed model's parameters, and put into the form that every candidate was made for.
    """
    args_served, kwargs_served = served

    def feed(rows: torch.Tensor) -> Inputs:
        args, kwargs = take(deployed, dataset, rows, spec)
        if kwargs and not kwargs_served:
            order = [name for name in parameters_of(deployed).names if name in kwargs]
            return tuple(kwargs[name] for name in order), {}
        if args and not args_served and len(args) == len(kwargs_served):
            return (), dict(zip(kwargs_served, args, strict=True))
        return args, kwargs

    return feed


def labels_of(dataset: Dataset) -> torch.Tensor:
    """Return the labels of a data set. Raises ModelError where it has none."""
    if dataset.labels is None:
        raise ModelError(
            f"{dataset.path}: has no labels to hold predictions against. Call their array labels, targets or y."
        )
    return dataset.labels


def accuracy_of(scores: Scores) -> Accuracy:
    """Return the score over all samples. Raises ModelError, also where the user's own function fails."""
    if scores.metric == "accuracy":
        return classification(int(scores.values.sum()), int(scores.counted.sum()))
    if scores.metric == "mse":
        return mean_squared_error(scores.values)
    value = own_measure(scores.metric, scores.values, scores.counted)
    return Accuracy(metric=scores.metric, value=value, lower=None, upper=None, samples=len(scores.values))


def change_of(baseline: Scores, candidate: Scores) -> Change:
    """Return the candidate's score less the baseline's on the same samples, with its 95 % interval.

    One class a sample has Tango's score interval, which keeps its promise where few or no samples differ; all else a
    bootstrap over the samples. Raises ModelError.
    """
    if baseline.values.shape != candidate.values.shape or baseline.metric != candidate.metric:
        raise ModelError("the predictions of the two models are not of the same samples")
    if baseline.metric not in ("accuracy", "mse"):
        return _own_change(baseline, candidate)
    if baseline.metric == "mse":
        return _bootstrap(candidate.values - baseline.values, torch.ones_like(baseline.values))
    difference = candidate.values - baseline.values
    if int(baseline.counted.max()) <= 1:
        gained, lost = int((difference > 0).sum()), int((difference < 0).sum())
        return paired_proportions(gained, lost, int(baseline.counted.sum()))
    return _with_floor(_bootstrap(difference.double(), baseline.counted.double()), len(difference))


def samples_changed(baseline: Scores, candidate: Scores) -> int:
    """Return on how many samples the two differ, in what was met or in their outputs."""
    differs = (baseline.values != candidate.values).reshape(len(baseline.values), -1)
    return int(differs.any(1).sum())


def write_scores(scores: Scores, path: str | Path) -> None:
    """Write scores for another process to read. Raises OSError."""
    torch.save({"metric": scores.metric, "values": scores.values, "counted": scores.counted}, path)


def read_scores(path: str | Path) -> Scores:
    """Return what `write_scores` wrote."""
    return Scores(**torch.load(path, weights_only=True))


def _bootstrap(differences: torch.Tensor, weights: torch.Tensor) -> Change:
    """Return the weighted mean of the samples' differences with the percentile bootstrap's interval."""
    generator = torch.Generator().manual_seed(0)
    means = []
    for _ in range(RESAMPLES):
        rows = torch.randint(len(differences), (len(differences),), generator=generator)
        means.append(differences[rows].sum() / weights[rows].sum().clamp_min(1e-300))
    lower, upper = _ends(torch.stack(means))
    return float(differences.sum() / weights.sum()), lower, upper


def _own_change(baseline: Scores, candidate: Scores) -> Change:
    """Return the change of a user's own measure, which is asked again for each draw of the samples."""
    began = time.perf_counter()
    labels = candidate.counted
    before = own_measure(baseline.metric, baseline.values, labels)
    estimate = own_measure(candidate.metric, candidate.values, labels) - before
    one = (time.perf_counter() - began) / 2
    draws = min(OWN_RESAMPLES, int(OWN_SECONDS / (2 * max(one, 1e-9))))
    if draws < FEWEST_RESAMPLES:
        raise ModelError(
            f"--metric {baseline.metric}: takes {one:.2g} s a call, and the interval of a change takes "
            f"{2 * FEWEST_RESAMPLES} of them in {OWN_SECONDS:.0f} s. Give fewer samples, or a quicker function."
        )
    generator = torch.Generator().manual_seed(0)
    found = []
    for _ in range(draws):
        rows = torch.randint(len(labels), (len(labels),), generator=generator)
        after = own_measure(candidate.metric, candidate.values[rows], labels[rows])
        found.append(after - own_measure(baseline.metric, baseline.values[rows], labels[rows]))
    lower, upper = _ends(torch.tensor(found, dtype=torch.float64))
    change = (estimate, lower, upper)
    return _with_floor(change, len(labels)) if 0 <= before <= 1 else change


def _with_floor(change: Change, samples: int) -> Change:
    """Widen an interval of no width by the rule of three.

    No draw from samples that all agree shows a difference, however few they are. Of `samples` that agree, up to a
    share of 3/samples of all there are may differ (at 95 %), and a measure between 0 and 1 moves by no more than that.
    """
    estimate, lower, upper = change
    if upper > lower:
        return change
    return estimate, estimate - 3 / samples, estimate + 3 / samples


def _ends(draws: torch.Tensor) -> tuple[float, float]:
    lower, upper = draws.quantile(torch.tensor([0.025, 0.975], dtype=draws.dtype)).tolist()
    return lower, upper
