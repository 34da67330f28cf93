"""Say the few figures of a profile that a reader looks for first, and what has to be known of them."""

from collections.abc import Iterator
from dataclasses import dataclass

from mmied.catalog import QUANTILES
from mmied.formats import NOTHING, amount, percent, rate, seconds, size
from mmied.profiles import Profile
from mmied.records import LatencySummary, WorkloadResult
from mmied.reports.words import plain, quantile_name, sentence, withheld, workload_name
from mmied.results import main_result, memory_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A figure with its name; `note` goes below it in small."""

    name: str
    text: str
    note: str = ""
    withheld: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """A sentence that a reader has to see before the figures; a bad one tells of a failure."""

    text: str
    bad: bool = False


def tiles(profile: Profile) -> Iterator[Tile]:
    """Yield the figures of the workload that stands for the profile, and of the model itself."""
    main = main_result(profile)
    latency = main.latency if main else None
    for key in map(str, QUANTILES):
        yield _quantile(latency, key)
    yield _throughput(profile, main)
    yield _memory(main)
    sizes = profile.sizes
    yield Tile(
        name="Parameters",
        text=amount(sizes.parameters) if sizes else NOTHING,
        note=f"{amount(sizes.trainable_parameters)} trainable" if sizes else "",
    )
    loaded = sizes.parameter_bytes + sizes.buffer_bytes if sizes else None
    if profile.artifact_bytes is not None:
        yield Tile(name="Size on disk", text=size(profile.artifact_bytes), note=_in_memory(loaded))
    else:
        yield Tile(name="Size in memory", text=size(loaded), note="no file on disk")
    yield _flops(profile)


def remarks(profile: Profile) -> Iterator[Remark]:
    """Yield what failed, what cannot be compared, and what was noted."""
    for result in profile.results:
        name = workload_name(result)
        if result.outcome != "succeeded":
            why = result.message or plain(result.reason or "no reason was given")
            yield Remark(text=f"{name} {plain(result.outcome)}: {why}", bad=True)
    unfit = [workload_name(each) for each in profile.results if each.latency and not each.latency.fit]
    if unfit:
        yield Remark(
            text=f"Contention left too little to stand on for {', '.join(unfit)}: "
            "do not hold these figures against other runs. Measure again on a quieter host."
        )
    unsettled = [workload_name(each) for each in profile.results if each.settled is False]
    if unsettled:
        yield Remark(text=f"The latency of {', '.join(unsettled)} never settled while it warmed up.")
    if profile.inspection is not None:
        for name, why in profile.inspection.failures.items():
            yield Remark(text=f"The pass “{name}” failed, so its figures are missing: {why}", bad=True)
    for note in profile.notes:
        yield Remark(text=sentence(note))


def _quantile(latency: LatencySummary | None, key: str) -> Tile:
    name = f"Latency {quantile_name(key)}"
    if latency is None:
        return Tile(name=name, text=NOTHING, note="not measured")
    if key not in latency.quantiles:
        return Tile(name=name, text="withheld", note=withheld(latency, key).removeprefix("withheld: "), withheld=True)
    note = ""
    if key == "0.5" and latency.median_interval_seconds is not None:
        lower, upper = latency.median_interval_seconds
        note = f"{seconds(lower)} to {seconds(upper)}, 95 % interval"
    if key != "0.5":
        note = f"wall clock {seconds(latency.wall_quantiles[key])}" if key in latency.wall_quantiles else ""
    return Tile(name=name, text=seconds(latency.quantiles[key]), note=note)


def _throughput(profile: Profile, main: WorkloadResult | None) -> Tile:
    throughput = main.throughput_samples_per_second if main else None
    items = profile.items_per_sample.items() if throughput is not None else ()
    return Tile(
        name="Throughput",
        text=rate(throughput),
        note=", ".join(rate((throughput or 0.0) * each, item) for item, each in items),
    )


def _memory(main: WorkloadResult | None) -> Tile:
    memory = memory_of(main)
    if memory is None:
        return Tile(name="Peak memory", text=NOTHING, note="not measured")
    notes = [f"of the {memory.space}"]
    if memory.activation_bytes is not None:
        notes.append(f"{size(memory.activation_bytes)} above the loaded model")
    return Tile(name="Peak memory", text=size(memory.peak_bytes), note=", ".join(notes))


def _in_memory(loaded_bytes: int | None) -> str:
    return "" if loaded_bytes is None else f"{size(loaded_bytes)} in memory"


def _flops(profile: Profile) -> Tile:
    flops = profile.inspection.flops if profile.inspection else None
    if flops is None:
        return Tile(name="FLOPs of a call", text=NOTHING, note="not counted")
    if flops.coverage_ratio is None:
        return Tile(name="FLOPs of a call", text=amount(flops.flops), note="coverage unknown")
    return Tile(
        name="FLOPs of a call", text=amount(flops.flops), note=f"covers {percent(flops.coverage_ratio)} of the time"
    )
