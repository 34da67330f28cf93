"""Hold a profile against thresholds; pure.

A figure that is not there is not kept: a gate that passes on nothing guards nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mmied.profiles import Profile
from mmied.records import LatencySummary, WorkloadResult
from mmied.stats import required_samples
from mmied.verdicts.thresholds import CALLS, METRICS, QUANTILES, SAMPLES, Threshold

UNFIT = " (too many calls waited for others to be sure)"
WHOLE = "model"  # the scenario of what belongs to no workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How one threshold stands in one workload; `measured` is None where it could not be judged."""

    threshold: Threshold
    scenario: str
    measured: float | None
    kept: bool
    sentence: str


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
