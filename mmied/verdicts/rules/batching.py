"""How many samples a call should take."""

from math import log2

from mmied.profiles import Knee, Profile
from mmied.verdicts.rules.advice import Advice
from mmied.verdicts.rules.evidence import (
    in_own_precision,
    memory_of,
    memory_space,
    memory_total_bytes,
    samples_per_second,
    sweep,
    typical_seconds,
)

WORTHWHILE_THROUGHPUT = 1.5  # a queue that fills batches costs waiting and code; it has to pay by half
IDLE_THROUGHPUT = 1.10  # more throughput than this is worth a larger batch; less is within what hosts vary by
COSTLY_LATENCY = 1.5  # past the knee: so much longer calls for next to no throughput
ROOM_RATIO = 0.5  # a peak below half of the memory leaves room for a batch of twice the size
MEMORY_MARGIN = 0.8  # of the free memory: requests overlap and allocators round up


def larger_batches(profile: Profile) -> Advice | None:
    """The sweep reached a throughput that is worth gathering requests for."""
    results = sweep(profile)
    if len(results) < 2:
        return None
    smallest = results[0]
    knee = _knee(profile)
    chosen = next(
        (result for result in results if knee and result.workload.batch_size == knee.batch_size),
        max(results, key=samples_per_second),
    )
    gain = samples_per_second(chosen) / samples_per_second(smallest)
    if gain < WORTHWHILE_THROUGHPUT or not smallest.latency or not chosen.latency:
        return None
    return Advice(
        title="Serve in batches of {batch_size}",
        because=(
            "At batch size {batch_size} the model takes {throughput} samples/s, {gain} times the {single_throughput} "
            "at batch size {smallest_batch_size}; a call then takes {latency_seconds} instead of "
            "{single_latency_seconds}."
        ),
        confirm="A load test of the service with its real arrivals: gathering a batch adds waiting to each request.",
        confidence="high" if len(results) > 2 else "medium",
        evidence={
            "batch_size": chosen.workload.batch_size,
            "smallest_batch_size": smallest.workload.batch_size,
            "throughput": samples_per_second(chosen),
            "single_throughput": samples_per_second(smallest),
            "gain": gain,
            "latency_seconds": typical_seconds(chosen.latency),
            "single_latency_seconds": typical_seconds(smallest.latency),
        },
        saves_ratio=1 - 1 / gain,
    )


def smaller_batches(profile: Profile) -> Advice | None:
    """Beyond the knee of the sweep calls take longer, and no more samples get through."""
    results, knee = sweep(profile), _knee(profile)
    at_knee = next((result for result in results if knee and result.workload.batch_size == knee.batch_size), None)
    if at_knee is None or at_knee.latency is None or at_knee is results[-1]:
        return None
    largest = results[-1]
    assert largest.latency is not None
    longer = typical_seconds(largest.latency) / typical_seconds(at_knee.latency)
    gain = samples_per_second(largest) / samples_per_second(at_knee)
    if longer < COSTLY_LATENCY or gain > IDLE_THROUGHPUT:
        return None
    return Advice(
        title="Keep batches at {batch_size} or fewer",
        because=(
            "From batch size {batch_size} to {largest_batch_size} a call takes {longer} times as long "
            "({latency_seconds} to {largest_latency_seconds}), while throughput goes from {throughput} to "
            "{largest_throughput} samples/s."
        ),
        confirm="The batch sizes that the service really forms: this matters only where they pass {batch_size}.",
        confidence="medium",
        evidence={
            "batch_size": at_knee.workload.batch_size,
            "largest_batch_size": largest.workload.batch_size,
            "longer": longer,
            "latency_seconds": typical_seconds(at_knee.latency),
            "largest_latency_seconds": typical_seconds(largest.latency),
            "throughput": samples_per_second(at_knee),
            "largest_throughput": samples_per_second(largest),
        },
        saves_ratio=min(1 - 1 / longer, 0.5),  # of latency alone, and only of the largest batches
    )


def limit_batches_by_memory(profile: Profile) -> Advice | None:
    """A batch size of the sweep did not fit into memory."""
    failed = [
        result.workload.batch_size
        for result in profile.results
        if result.reason == "out_of_memory" and result.workload.precision in (None, profile.precision)
    ]
    sizes = [result.workload.batch_size for result in in_own_precision(profile)]
    fitting = [size for size in sizes if size < min(failed, default=0)]
    if not fitting:
        return None
    largest = max(fitting)
    return Advice(
        title="Let batches grow by free memory, and no further than {batch_size}",
        because="Batch size {failed_batch_size} ran out of memory; {batch_size} is the largest that was served.",
        confirm="`mmied profile` with batch sizes between {batch_size} and {failed_batch_size}, which finds the limit.",
        confidence="high",
        evidence={"batch_size": largest, "failed_batch_size": min(failed)},
        saves_ratio=0.9,  # a batch that does not fit is lost altogether
    )


def try_larger_batches(profile: Profile) -> Advice | None:
    """Throughput was still rising at the largest batch size of the sweep, and memory has room for more."""
    results, space, total = sweep(profile), memory_space(profile), memory_total_bytes(profile)
    if len(results) < 2 or not total or any(result.reason == "out_of_memory" for result in profile.results):
        return None
    before, largest = results[-2:]
    gain = samples_per_second(largest) / samples_per_second(before)
    memory = memory_of(largest, space)
    if (
        gain < IDLE_THROUGHPUT
        or memory is None
        or not memory.activation_bytes
        or memory.peak_bytes > ROOM_RATIO * total
    ):
        return None
    batch_size = largest.workload.batch_size
    per_sample = memory.activation_bytes / batch_size
    room = batch_size + MEMORY_MARGIN * (total - memory.peak_bytes) / per_sample
    fitting = 2 ** int(log2(room))  # no more precise than it is known
    return Advice(
        title="Measure batches beyond {batch_size}",
        because=(
            "From batch size {before_batch_size} to {batch_size} throughput still rose to {gain} times as much. There "
            "the peak is {peak_bytes} of {total_bytes}, and a sample takes {sample_bytes} of activations: memory "
            "alone would bear batches of about {fitting_batch_size}."
        ),
        confirm="`mmied profile --batch-size` with twice and four times {batch_size}.",
        confidence="medium",
        evidence={
            "batch_size": batch_size,
            "before_batch_size": before.workload.batch_size,
            "gain": gain,
            "peak_bytes": memory.peak_bytes,
            "total_bytes": total,
            "sample_bytes": per_sample,
            "fitting_batch_size": fitting,
        },
        saves_ratio=1 - 1 / gain,
    )


def _knee(profile: Profile) -> Knee | None:
    return next((knee for knee in profile.knees if knee.precision in (None, profile.precision)), None)
