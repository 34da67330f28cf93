"""What fills memory, and what moving it costs."""

from mmied.profiles import Profile
from mmied.verdicts.rules.advice import Advice
from mmied.verdicts.rules.evidence import (
    main_result,
    memory_of,
    memory_space,
    memory_total_bytes,
    on_cpu,
    operators,
)

TIGHT_RATIO = 0.5  # of the memory: a second copy, as a reload without a gap needs, does not fit beside it
ACTIVATION_TIMES = 2.0  # activations that outweigh the weights so much decide the peak
WEIGHTS_RATIO = 0.5  # of the memory in weights alone
CHURN_TIMES = 5.0  # blocks taken in a call, over what is held at once: each byte is given back and taken again
ALLOCATING_RATIO = 0.03  # of the time in operators that only take memory; less is not worth another allocator
ALLOCATING_NAMES = ("aten::empty", "aten::empty_strided", "aten::empty_like", "aten::resize_", "aten::zeros")
FRAGMENTED_RATIO = 0.1  # of the reserved memory, lost between blocks that are in use
SLACK_RATIO = 0.5  # of the reserved memory, kept by torch and used by nothing
SLACK_BYTES = 1_000_000_000
TRANSFER_RATIO = 0.15


def activations(profile: Profile) -> Advice | None:
    """Activations outweigh the weights, and the peak takes much of the memory there is."""
    main, total = main_result(profile), memory_total_bytes(profile)
    memory = memory_of(main, memory_space(profile)) if main else None
    if main is None or memory is None or not memory.activation_bytes or profile.sizes is None or not total:
        return None
    weights = profile.sizes.parameter_bytes + profile.sizes.buffer_bytes
    if memory.activation_bytes < ACTIVATION_TIMES * weights or memory.peak_bytes < TIGHT_RATIO * total:
        return None
    timelines = profile.inspection.timelines if profile.inspection else ()
    layer = next((timeline.peak_layer for timeline in timelines if timeline.space == memory.space), None)
    return Advice(
        title="Split batches for serving; in training, checkpoint" + (" {layer}" if layer else " the largest blocks"),
        because=(
            "At batch size {batch_size} activations take {activation_bytes} beside {weights_bytes} of weights, and "
            "the peak is {peak_bytes} of {total_bytes}." + (" It is reached in {layer}." if layer else "")
        ),
        confirm="The memory timeline at half of the batch; in training, with torch.utils.checkpoint around that part.",
        confidence="medium",
        evidence={
            "batch_size": main.workload.batch_size,
            "activation_bytes": memory.activation_bytes,
            "weights_bytes": weights,
            "peak_bytes": memory.peak_bytes,
            "total_bytes": total,
        }
        | ({"layer": layer} if layer else {}),
        saves_ratio=memory.peak_bytes / total / 2,
    )


def sharding(profile: Profile) -> Advice | None:
    """The weights alone take half of the memory or more."""
    total = memory_total_bytes(profile)
    if profile.sizes is None or not total or profile.sizes.parameter_bytes < WEIGHTS_RATIO * total:
        return None
    return Advice(
        title="Shard the model over several devices, or store its weights in fewer bits",
        because="The weights take {parameter_bytes} ({parameters} parameters) of the {total_bytes} that there are.",
        confirm="Peak memory of each part when the layers are split in two, or of the model in 16 bits.",
        confidence="medium",
        evidence={
            "parameter_bytes": profile.sizes.parameter_bytes,
            "parameters": profile.sizes.parameters,
            "total_bytes": total,
        },
        saves_ratio=min(profile.sizes.parameter_bytes / total, 1.0) / 2,
    )


def pooling(profile: Profile) -> Advice | None:
    """A call takes the same memory over and over, and that taking shows in its time."""
    timelines = profile.inspection.timelines if profile.inspection else ()
    churned = [timeline for timeline in timelines if timeline.space == memory_space(profile) and timeline.peak_bytes]
    whole = sum(operator.self_seconds for operator in operators(profile))
    taking = sum(operator.self_seconds for operator in operators(profile) if operator.name in ALLOCATING_NAMES)
    if not churned or whole <= 0 or taking < ALLOCATING_RATIO * whole:
        return None
    timeline = churned[0]
    times = timeline.traffic_bytes / timeline.peak_bytes
    if times < CHURN_TIMES:
        return None
    return Advice(
        title="Pool memory: reuse blocks from call to call",
        because=(
            "A call takes {traffic_bytes} in {allocations} allocations, {times} times its peak of {peak_bytes}, and "
            "the taking is {allocating_ratio} of the operators' time."
        ),
        confirm=(
            "The same run with jemalloc or tcmalloc in LD_PRELOAD."
            if on_cpu(profile)
            else "The same run with PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True, or replayed as a CUDA graph."
        ),
        confidence="low",
        evidence={
            "traffic_bytes": timeline.traffic_bytes,
            "allocations": timeline.allocations,
            "times": times,
            "peak_bytes": timeline.peak_bytes,
            "allocating_ratio": taking / whole,
        },
        saves_ratio=taking / whole,
    )


def fragmentation(profile: Profile) -> Advice | None:
    """Device memory is lost between blocks, where nothing can use it and nothing can be given back."""
    main = main_result(profile)
    memory = memory_of(main, "device") if main else None
    if memory is None or memory.fragmentation_ratio is None or memory.fragmentation_ratio < FRAGMENTED_RATIO:
        return None
    return Advice(
        title="Let the CUDA allocator grow its segments",
        because="{fragmentation_ratio} of the reserved device memory is lost between blocks; the peak is {peak_bytes}.",
        confirm="The same run with PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True.",
        confidence="medium",
        evidence={"fragmentation_ratio": memory.fragmentation_ratio, "peak_bytes": memory.peak_bytes},
        saves_ratio=memory.fragmentation_ratio,
    )


def cache_slack(profile: Profile) -> Advice | None:
    """Torch keeps device memory that nothing uses any more, and that no other process can have."""
    main = main_result(profile)
    memory = memory_of(main, "device") if main else None
    if memory is None or memory.cache_slack_ratio is None or memory.cache_slack_ratio < SLACK_RATIO:
        return None
    slack = memory.peak_bytes * memory.cache_slack_ratio / max(1 - memory.cache_slack_ratio, 0.01)
    if slack < SLACK_BYTES:
        return None
    return Advice(
        title="Bound the device memory that torch keeps, if others share the device",
        because="{cache_slack_ratio} of the device memory that torch has reserved is unused, about {slack_bytes}.",
        confirm="The same run after torch.cuda.memory.set_per_process_memory_fraction, its latency beside it.",
        confidence="low",
        evidence={"cache_slack_ratio": memory.cache_slack_ratio, "slack_bytes": slack},
        saves_ratio=0.2,
    )


def transfers(profile: Profile) -> Advice | None:
    """Copies between host and device take a good part of the device's time."""
    seen = profile.inspection.operators if profile.inspection else None
    if seen is None or not seen.kernels:
        return None
    between = [transfer for transfer in seen.transfers if transfer.direction in ("host_to_device", "device_to_host")]
    seconds = sum(transfer.seconds for transfer in between)
    ratio = seconds / (sum(kernel.seconds for kernel in seen.kernels) + sum(copy.seconds for copy in seen.transfers))
    if ratio < TRANSFER_RATIO:
        return None
    costliest = max(between, key=lambda transfer: transfer.seconds)
    return Advice(
        title="Move less between host and device: keep inputs there, pin what has to be copied",
        because=(
            "Copies between host and device take {transfer_ratio} of the device's time, {transfer_seconds} a call; "
            "most of it {direction}, {calls} copies a call."
        ),
        confirm="The same run with pinned inputs and non_blocking copies, or with inputs that are on the device.",
        confidence="high" if ratio >= 2 * TRANSFER_RATIO else "medium",
        evidence={
            "transfer_ratio": ratio,
            "transfer_seconds": seconds,
            "direction": costliest.direction.replace("_", " "),
            "calls": round(costliest.calls),
        },
        saves_ratio=ratio,
    )
