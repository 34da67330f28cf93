"""Read the limits that a user wrote, such as latency:100ms, and tell those that no run could be held against; pure."""

import difflib
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

from mmied.errors import MmiedError
from mmied.stats import required_samples

Kind = Literal["time", "rate", "size"]

TIMES = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0}
SIZES = {"B": 1.0} | {
    unit: float(base**power)
    for power, letter in enumerate("kMGT", 1)
    for unit, base in ((f"{letter}B", 1000), (f"{letter.upper()}iB", 1024))
}
CALLS = {"requests", "request", "calls", "call", "batches", "batch"}
SAMPLES = {"", "samples", "sample"}
EXAMPLES = {"time": "100ms", "rate": "1000samples/s", "size": "2GB"}
_THRESHOLD = re.compile(r"(?P<metric>[^:@=<>]+)(?:@b?(?P<batch>[^:]*))?[:=](?P<value>.*)")
_VALUE = re.compile(
    r"(?P<number>[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?) *(?P<unit>[^\W\d_]*(?:/ *s(?:ec(?:ond)?)?)?)", re.I
)


@dataclass(frozen=True, slots=True)
class Metric:
    """What can be limited: times and sizes from above, rates from below."""

    kind: Kind
    help: str
    per_workload: bool = True


METRICS = {
    "latency": Metric("time", "mean time of a call"),
    "p50": Metric("time", "median time of a call"),
    "p95": Metric("time", "95th percentile"),
    "p99": Metric("time", "99th percentile; takes 459 calls"),
    "max": Metric("time", "slowest call"),
    "first_call": Metric("time", "first call of a batch size, compilation and all"),
    "throughput": Metric("rate", "samples, requests or items of --unit a second"),
    "memory": Metric("size", "peak memory, on the model's device"),
    "activation": Metric("size", "peak memory above the loaded model"),
    "load": Metric("time", "time to load the model", per_workload=False),
    "end_to_end": Metric("time", "mean with pre- and post-processing", per_workload=False),
    "size": Metric("size", "the model's files on disk", per_workload=False),
}
ALIASES = {"mean": "latency", "median": "p50", "peak_memory": "memory"}
QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """One limit in base units, with the unit that it was written in."""

    text: str
    metric: str  # a name of METRICS
    limit: float
    unit: str
    scale: float  # base units in one of `unit`
    batch_size: int | None = None  # None: every one that was measured


def parse_threshold(text: str) -> Threshold:
    """Return the threshold that "latency:100ms" or "p99@8:150ms" says, the number behind @ being a batch size.

    Raises MmiedError with what is wrong in it.
    """
    match = _THRESHOLD.fullmatch(text.strip())
    if match is None:
        raise MmiedError(f'--threshold: "{text}" is not METRIC:LIMIT. Try latency:100ms or throughput:1000samples/s.')
    word = match["metric"].strip().lower().replace("-", "_")
    name = ALIASES.get(word, word)
    if name not in METRICS:
        raise MmiedError(f'--threshold: "{match["metric"]}" is no metric. {_suggest(word, (*METRICS, *ALIASES))}')
    metric = METRICS[name]
    limit, unit, scale = _parse_limit(text, metric, match["value"].strip())
    return Threshold(
        text=text,
        metric=name,
        limit=limit,
        unit=unit,
        scale=scale,
        batch_size=_parse_batch(text, metric, match["batch"]),
    )


def _parse_limit(text: str, metric: Metric, value: str) -> tuple[float, str, float]:
    match = _VALUE.fullmatch(value)
    example = EXAMPLES[metric.kind]
    wrong = f'--threshold: {text}: "{value}" is not a {metric.kind}. Try {example}.'
    if match is None or float(match["number"]) <= 0:
        raise MmiedError(wrong)
    number, unit = float(match["number"]), match["unit"]
    if metric.kind == "rate":
        items, slash, _ = unit.partition("/")
        if items and not slash:
            raise MmiedError(wrong)
        return number, f"{items or 'samples'}/s", 1.0
    known = TIMES if metric.kind == "time" else SIZES
    exact = {name.lower(): name for name in known}.get(unit.lower())
    if not unit:
        raise MmiedError(f"--threshold: {text}: {value} of what? Give a unit: {example}.")
    if exact is None:
        raise MmiedError(f'--threshold: {text}: "{unit}" is no unit of a {metric.kind}. {_suggest(unit, known)}')
    return number * known[exact], exact, known[exact]


def _parse_batch(text: str, metric: Metric, batch: str | None) -> int | None:
    if batch is None:
        return None
    if not batch.isdecimal() or int(batch) < 1:
        raise MmiedError(f'--threshold: {text}: "{batch}" behind @ is not a batch size. Try p99@8:150ms.')
    if not metric.per_workload:
        raise MmiedError(f"--threshold: {text}: is the same for every batch size. Leave @{batch} out.")
    return int(batch)


def require_judgeable(
    thresholds: Iterable[Threshold],
    *,
    batch_sizes: Collection[int],
    items: Collection[str],
    end_to_end: bool,
    num_runs: int | None = None,
) -> None:
    """Raise MmiedError for a threshold that such a run will have no figure for, before the minutes are spent."""
    for threshold in thresholds:
        if threshold.batch_size is not None and threshold.batch_size not in batch_sizes:
            measured = ", ".join(str(size) for size in batch_sizes)
            raise MmiedError(
                f"--threshold: {threshold.text}: batch size {threshold.batch_size} is not measured, only {measured}. "
                f"Add it to --batch-size."
            )
        needed = required_samples(QUANTILES[threshold.metric]) if threshold.metric in QUANTILES else 0
        if num_runs is not None and num_runs < needed:
            raise MmiedError(
                f"--threshold: {threshold.text}: {threshold.metric} could not be judged: it needs {needed} samples, "
                f"and --num-runs is {num_runs}. Give --num-runs {needed}, or none."
            )
        counted = threshold.unit.partition("/")[0]
        if threshold.metric == "throughput" and counted not in {*SAMPLES, *CALLS, *items}:
            raise MmiedError(
                f"--threshold: {threshold.text}: nobody told how many {counted} a sample has. "
                f"Give --unit {counted}=NUMBER."
            )
        if threshold.metric == "end_to_end" and not end_to_end:
            raise MmiedError(
                f"--threshold: {threshold.text}: there is no pre- or post-processing to measure. Give --preprocess or "
                "--postprocess, or use latency."
            )


def _suggest(word: str, known: Iterable[str]) -> str:
    words = list(known)
    near = difflib.get_close_matches(word[:64], words, n=1, cutoff=0.5)
    return f'Did you mean "{near[0]}"?' if near else f"Known are {', '.join(words)}."
