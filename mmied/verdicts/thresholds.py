"""Hold a profile against limits that a user wrote, such as latency:100ms; pure.

A figure that is not there is not kept: a gate that passes on nothing guards nothing.
"""

import difflib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from mmied.errors import MmiedError
from mmied.profiles import Profile
from mmied.records import LatencySummary, WorkloadResult
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
UNFIT = " (too many calls waited for others to be sure)"
WHOLE = "model"  # the scenario of what belongs to no workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """One limit in base units, with the unit that it was written in."""

    text: str
    metric: str  # a name of METRICS
    limit: float
    unit: str
    scale: float  # base units in one of `unit`
    batch_size: int | None = None  # None: every one that was measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How one threshold stands in one workload; `measured` is None where it could not be judged."""

    threshold: Threshold
    scenario: str
    measured: float | None
    kept: bool
    sentence: str


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


def judge(thresholds: Sequence[Threshold], profile: Profile) -> tuple[Verdict, ...]:
    """Return a verdict for each threshold in each workload that it speaks of."""
    return tuple(verdict for threshold in thresholds for verdict in _judge(threshold, profile))


def _judge(threshold: Threshold, profile: Profile) -> Iterable[Verdict]:
    if not METRICS[threshold.metric].per_workload:
        figures: Mapping[str, float | None] = {
            "load": profile.load_seconds,
            "size": profile.artifact_bytes,
            "end_to_end": profile.stages["total"].mean_seconds if "total" in profile.stages else None,
        }
        yield _hold(threshold, WHOLE, figures[threshold.metric], missing="it was not measured")
        return
    results = [result for result in profile.results if threshold.batch_size in (None, result.workload.batch_size)]
    if not results:
        yield _hold(threshold, WHOLE, None, missing=f"batch size {threshold.batch_size} was not measured")
    for result in results:
        workload = result.workload
        scenario = f"{workload.scenario} {workload.precision}" if workload.precision else workload.scenario
        if result.outcome != "succeeded":
            missing = f"it {result.outcome.replace('_', ' ')}: {result.message}"
            yield _hold(threshold, scenario, None, missing=missing)
            continue
        measured, missing = _figure(threshold, profile, result)
        unfit = METRICS[threshold.metric].kind != "size" and result.latency is not None and not result.latency.fit
        yield _hold(threshold, scenario, measured, missing=missing, caveat=UNFIT if unfit else "")


def _figure(threshold: Threshold, profile: Profile, result: WorkloadResult) -> tuple[float | None, str]:
    """Return the figure that the threshold limits, and why there is none where that is so."""
    latency = result.latency
    match threshold.metric:
        case "first_call":
            return result.first_call_seconds, "it was not measured"
        case "memory" | "activation":
            space = "device" if profile.device.startswith("cuda") else "host"
            memory = next((memory for memory in result.memory if memory.space == space), None)
            if memory is None:
                return None, "memory was not measured"
            return (memory.peak_bytes if threshold.metric == "memory" else memory.activation_bytes), "it is not known"
    if latency is None:
        return None, "no latency was measured"
    match threshold.metric:
        case "latency":
            return latency.mean_seconds, ""
        case "max":
            return latency.max_seconds, ""
        case "throughput":
            return _throughput(threshold, profile, result), "throughput was not measured"
    quantile = QUANTILES[threshold.metric]
    return latency.quantiles.get(str(quantile)), _withheld(latency, quantile)


def _throughput(threshold: Threshold, profile: Profile, result: WorkloadResult) -> float | None:
    samples = result.throughput_samples_per_second
    counted = threshold.unit.partition("/")[0]
    if samples is None or counted in SAMPLES:
        return samples
    if counted in CALLS:
        return samples / result.workload.batch_size
    per_sample = profile.items_per_sample.get(counted)
    return None if per_sample is None else samples * per_sample


def _withheld(latency: LatencySummary, quantile: float) -> str:
    needed = required_samples(quantile)
    sentence = f"it needs {needed} samples, has {latency.samples}"
    if latency.iterations < needed:
        return f"{sentence}; give --num-runs {needed}"
    return f"{sentence}, since {latency.contended_ratio:.0%} of the calls waited for others; give more --num-runs"


def _hold(threshold: Threshold, scenario: str, measured: float | None, *, missing: str, caveat: str = "") -> Verdict:
    name = threshold.metric if scenario == WHOLE else f"{threshold.metric} of {scenario}"
    if measured is None:
        sentence = f"{name} could not be judged: {missing}"
        return Verdict(threshold=threshold, scenario=scenario, measured=None, kept=False, sentence=sentence)
    rate = METRICS[threshold.metric].kind == "rate"
    kept = measured >= threshold.limit if rate else measured <= threshold.limit
    relation = ("at least" if rate else "at most") if kept else ("below" if rate else "above")
    sentence = f"{name} is {say(threshold, measured)}, {relation} {say(threshold, threshold.limit)}"
    return Verdict(threshold=threshold, scenario=scenario, measured=measured, kept=kept, sentence=sentence + caveat)


def say(threshold: Threshold, value: float) -> str:
    """Return a figure in the unit that the threshold was written in: 132 ms."""
    scaled = value / threshold.scale
    return f"{scaled:,.0f} {threshold.unit}" if scaled >= 1000 else f"{scaled:.3g} {threshold.unit}"


def _suggest(word: str, known: Iterable[str]) -> str:
    words = list(known)
    near = difflib.get_close_matches(word[:64], words, n=1, cutoff=0.5)
    return f'Did you mean "{near[0]}"?' if near else f"Known are {', '.join(words)}."
