"""What surrounds the calls: the first of them, the slowest, what goes before and after, what is never called."""

from collections.abc import Sequence

from mmied.inspection import Layer
from mmied.profiles import Profile
from mmied.verdicts.rules.advice import Advice
from mmied.verdicts.rules.evidence import (
    in_own_precision,
    layers,
    main_result,
    mean_known,
    measured,
    on_cpu,
    typical_seconds,
    usage,
)

COLD_TIMES = 10.0  # the first call over a warm one
COLD_SECONDS = 0.1  # what a user of a service notices
AROUND_RATIO = 0.3  # of a request's time, outside of the model
TAIL_TIMES = 2.0  # p99 over p50; undisturbed calls of one shape differ by some percent
READING_BYTES_PER_SECOND = 1e6  # a loaded model reads nothing; pages that come back from disk pass this at once
IDLE_GPU_RATIO = 0.5
UNUSED_RATIO = 0.01  # of the parameters' memory
# They read their parts' weights without calling them.
READERS_OF_WEIGHTS = ("TransformerEncoderLayer", "MultiheadAttention", "Attention", "ParametrizationList")


def cold_start(profile: Profile) -> Advice | None:
    """The first call of the process took far longer than those after it."""
    for result in measured(profile):
        if not result.cold or result.first_call_seconds is None or result.latency is None:
            continue
        seconds = typical_seconds(result.latency)
        if result.first_call_seconds < max(COLD_TIMES * seconds, COLD_SECONDS):
            return None
        return Advice(
            title="Warm the model up before it takes requests",
            because=(
                "The first call took {first_call_seconds}, {times} times a warm one ({latency_seconds} at batch size "
                "{batch_size})."
            ),
            confirm="The first requests after a restart of the service, with and without a call at start-up.",
            confidence="high",
            evidence={
                "first_call_seconds": result.first_call_seconds,
                "times": result.first_call_seconds / seconds,
                "latency_seconds": seconds,
                "batch_size": result.workload.batch_size,
            },
            saves_ratio=0.1,  # of the time: only the first requests are met
        )
    return None


def around_the_model(profile: Profile) -> Advice | None:
    """Preparing inputs and reading outputs take a good part of a request."""
    latencies = {name: stage for name, stage in profile.stages.items() if name in ("preprocess", "postprocess")}
    total = profile.stages.get("total")
    if not latencies or total is None or typical_seconds(total) <= 0:
        return None
    seconds = sum(typical_seconds(stage) for stage in latencies.values())
    ratio = seconds / typical_seconds(total)
    if ratio < AROUND_RATIO:
        return None
    slower = max(latencies, key=lambda name: typical_seconds(latencies[name]))
    return Advice(
        title="Work on {stage} first",
        because=(
            "Of {total_seconds} that a request takes, {around_seconds} ({around_ratio}) are spent before and after "
            "the model, {stage_seconds} of them in {stage}."
        ),
        confirm="py-spy on the service while it serves: how much of its time is in {stage}, and in which functions.",
        confidence="high" if total.fit else "medium",
        evidence={
            "stage": slower,
            "stage_seconds": typical_seconds(latencies[slower]),
            "around_seconds": seconds,
            "around_ratio": ratio,
            "total_seconds": typical_seconds(total),
        },
        saves_ratio=ratio,
    )


def tail(profile: Profile) -> Advice | None:
    """Some undisturbed calls take far longer than most."""
    found = None
    for result in in_own_precision(profile):
        latency = result.latency
        if (
            latency is None
            or not latency.fit
            or latency.estimator == "wall_minus_wait"
            or not {"0.5", "0.99"} <= latency.quantiles.keys()
        ):
            continue
        times = latency.quantiles["0.99"] / latency.quantiles["0.5"]
        if times >= TAIL_TIMES and (found is None or times > found[0]):
            found = times, result, latency
    if found is None:
        return None
    times, result, latency = found
    return Advice(
        title="Find what makes one call in a hundred slow",
        because=(
            "At batch size {batch_size} p99 is {p99_seconds}, {times} times the median of {median_seconds}, over "
            "{samples} calls that other work did not disturb."
        ),
        confirm="`mmied flamegraph --profiler py-spy`; and a run with inputs of one shape only, if shapes vary.",
        confidence="medium",
        evidence={
            "batch_size": result.workload.batch_size,
            "p99_seconds": latency.quantiles["0.99"],
            "median_seconds": latency.quantiles["0.5"],
            "times": times,
            "samples": latency.samples,
        },
        saves_ratio=min(1 - 1 / times, 0.5),
    )


def disk_reads(profile: Profile) -> Advice | None:
    """The process reads from disk while the model is called."""
    seen = usage(profile)
    rate = mean_known(seen.read_bytes_per_second) if seen else None
    if seen is None or rate is None or rate < READING_BYTES_PER_SECOND:
        return None
    return Advice(
        title="Keep the model off the disk while it serves",
        because="The process read {read_bytes} a second from disk in the mean over {duration_seconds} of calls.",
        confirm="Major page faults of the service (`ps -o maj_flt`): a mapped file may be dropped and read again.",
        confidence="medium",
        evidence={"read_bytes": rate, "duration_seconds": seen.duration_seconds},
        saves_ratio=0.2,
    )


def idle_gpu(profile: Profile) -> Advice | None:
    """The GPU waits for the host for much of the time."""
    seen, main = usage(profile), main_result(profile)
    busy = mean_known(seen.gpu_utilization_ratio) if seen else None
    if on_cpu(profile) or busy is None or busy >= IDLE_GPU_RATIO or main is None:
        return None
    return Advice(
        title="Give the GPU more to do at a time",
        because="The GPU was busy {gpu_busy_ratio} of the time while the model was called at batch size {batch_size}.",
        confirm="A batch sweep, or two processes of the model on the device.",
        confidence="medium",
        evidence={"gpu_busy_ratio": busy, "batch_size": main.workload.batch_size},
        saves_ratio=(1 - busy) / 2,
    )


def unused_modules(profile: Profile) -> Advice | None:
    """Modules with parameters that no call reached."""
    rows = layers(profile)
    if not rows or not rows[0].calls or not rows[0].parameter_bytes:
        return None
    unused = _topmost_unused(rows)
    size = sum(layer.parameter_bytes for layer in unused)
    ratio = size / rows[0].parameter_bytes
    if not unused or ratio < UNUSED_RATIO:
        return None
    costliest = max(unused, key=lambda layer: layer.parameter_bytes)
    others = "" if len(unused) == 1 else " It is the largest of {modules} modules, with {all_bytes} in all."
    evidence: dict[str, float | int | str] = {
        "layer": costliest.name,
        "kind": costliest.kind,
        "unused_bytes": costliest.parameter_bytes,
        "unused_ratio": costliest.parameter_bytes / rows[0].parameter_bytes,
    }
    return Advice(
        title="Leave out what is never called, {layer} first",
        because="{layer} ({kind}) with {unused_bytes} of parameters, {unused_ratio} of all, ran in no call." + others,
        confirm="Equal outputs with {layer} replaced by nn.Identity, on inputs of each kind that it serves.",
        confidence="medium",
        evidence=evidence | ({"modules": len(unused), "all_bytes": size} if others else {}),
        saves_ratio=ratio / 2,
    )


def _topmost_unused(rows: Sequence[Layer]) -> list[Layer]:
    """Return the uncalled modules that hold parameters, none of whose parts is called; not those within them.

    A part of one that reads its parts' weights itself is left out: what is not called there is used all the same.
    """
    called = [layer.calls > 0 for layer in rows]
    for index in range(len(rows) - 1, 0, -1):  # parts come after their whole
        parent = rows[index].parent
        if parent is not None and called[index]:
            called[parent] = True
    used = [called[index] or not layer.parameter_bytes for index, layer in enumerate(rows)]
    for index, layer in enumerate(rows):
        if layer.parent is not None and used[layer.parent] and rows[layer.parent].kind.endswith(READERS_OF_WEIGHTS):
            used[index] = True
    return [
        layer for index, layer in enumerate(rows) if not used[index] and (layer.parent is None or used[layer.parent])
    ]
