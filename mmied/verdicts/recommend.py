"""Recommend what to change about a model, out of what was measured of it and of nothing else."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mmied.formats import fact
from mmied.profiles import Confidence, Profile, Recommendation
from mmied.verdicts.rules import arithmetic, batching, dispatch, memory, serving, threads
from mmied.verdicts.rules.advice import Advice

# What a promise of a given confidence is worth beside a certain one.
WORTH: Mapping[Confidence, float] = {"low": 0.25, "medium": 0.5, "high": 0.9}
LOWER: Mapping[Confidence, Confidence] = {"low": "low", "medium": "low", "high": "medium"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One thing to look for in a profile. `timed` says that it rests on times, which contention falsifies."""

    find: Callable[[Profile], Advice | None]
    timed: bool = True


RULES: Mapping[str, Rule] = {
    "contention": Rule(find=threads.contention, timed=False),
    "batch_size": Rule(find=batching.larger_batches),
    "batch_ceiling": Rule(find=batching.smaller_batches),
    "batch_memory": Rule(find=batching.limit_batches_by_memory, timed=False),
    "batch_headroom": Rule(find=batching.try_larger_batches),
    "faster_precision": Rule(find=arithmetic.faster_precision),
    "untried_precision": Rule(find=arithmetic.untried_precision),
    "quantization": Rule(find=arithmetic.quantization),
    "fusion": Rule(find=dispatch.fusion),
    "fold_normalisation": Rule(find=dispatch.fold_normalisation),
    "dispatch": Rule(find=dispatch.dispatch),
    "graph_replay": Rule(find=dispatch.graph_replay),
    "threads_over_cpus": Rule(find=threads.more_threads_than_cpus, timed=False),
    "idle_threads": Rule(find=threads.idle_threads),
    "threads_of_short_calls": Rule(find=threads.threads_of_short_calls),
    "wait_policy": Rule(find=threads.wait_policy, timed=False),
    "threads_waiting": Rule(find=threads.threads_in_each_others_way, timed=False),
    "activations": Rule(find=memory.activations, timed=False),
    "sharding": Rule(find=memory.sharding, timed=False),
    "pooling": Rule(find=memory.pooling),
    "fragmentation": Rule(find=memory.fragmentation, timed=False),
    "cache_slack": Rule(find=memory.cache_slack, timed=False),
    "transfers": Rule(find=memory.transfers),
    "cold_start": Rule(find=serving.cold_start),
    "around_the_model": Rule(find=serving.around_the_model),
    "tail": Rule(find=serving.tail),
    "disk_reads": Rule(find=serving.disk_reads, timed=False),
    "idle_gpu": Rule(find=serving.idle_gpu),
    "unused_modules": Rule(find=serving.unused_modules, timed=False),
}


def recommend(profile: Profile) -> tuple[Recommendation, ...]:
    """Return the advice that follows from `profile`, that of the greatest expected worth first.

    What rests on times is held less sure by a degree where the times were disturbed.
    """
    found = {name: advice for name, rule in RULES.items() if (advice := rule.find(profile))}
    disturbed = "contention" in found
    rows = []
    for name, advice in found.items():
        confidence = LOWER[advice.confidence] if disturbed and RULES[name].timed else advice.confidence
        rows.append((advice.saves_ratio * WORTH[confidence], _write(name, advice, confidence)))
    return tuple(row for _, row in sorted(rows, key=lambda row: -row[0]))


def _write(name: str, advice: Advice, confidence: Confidence) -> Recommendation:
    figures = {entry: fact(value, entry) for entry, value in advice.evidence.items()}
    return Recommendation(
        rule=name,
        title=advice.title.format_map(figures),
        because=advice.because.format_map(figures),
        confirm=advice.confirm.format_map(figures),
        confidence=confidence,
        evidence=advice.evidence,
    )
