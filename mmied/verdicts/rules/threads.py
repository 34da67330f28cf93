"""Threads, the CPUs that they run on, and how they wait for one another."""

from mmied.inspection import Usage
from mmied.profiles import Profile
from mmied.records import WorkloadResult
from mmied.stats import waited_for_itself
from mmied.verdicts.rules.advice import Advice
from mmied.verdicts.rules.evidence import (
    cpus_available,
    environment_text,
    is_disturbed,
    main_result,
    mean_known,
    measured,
    on_cpu,
    typical_seconds,
    usage,
)

IDLE_THREADS_RATIO = 0.6  # two threads that keep 1.2 CPUs busy spend most of their second CPU on waiting
SHORT_CALL_SECONDS = 1e-3  # handing work to a thread and back takes tens of microseconds, and more on a virtual CPU
SPINNING_CONTENDED_RATIO = 0.1  # a tenth of the calls beside a neighbour is where spinning threads were seen to stall
SELF_WAIT_RATIO = 0.1


def contention(profile: Profile) -> Advice | None:
    """The calls were disturbed by other work, so that none of the figures are the model's own."""
    worst = max(filter(is_disturbed, measured(profile)), key=_contended_ratio, default=None)
    if worst is None or worst.latency is None:
        return None
    latency = worst.latency
    wall = latency.wall_quantiles.get("0.5")
    felt = " A typical one took {wall_seconds} by the clock." if wall else ""
    return Advice(
        title="Measure again on a quieter host before acting on the rest",
        because=(
            "{contended_ratio} of the calls at batch size {batch_size} waited for a CPU or a device that others "
            "used." + felt
        ),
        confirm="A run with the neighbours stopped or moved, or with CPUs of its own (a cpuset).",
        confidence="high",
        evidence={"contended_ratio": latency.contended_ratio, "batch_size": worst.workload.batch_size}
        | ({"wall_seconds": wall} if wall else {}),
        saves_ratio=1.0,  # everything else rests on it
    )


def more_threads_than_cpus(profile: Profile) -> Advice | None:
    """The model computes with more threads than it may use CPUs."""
    cpus = cpus_available(profile)
    if not on_cpu(profile) or cpus is None or profile.threads <= max(cpus, 1):
        return None
    return Advice(
        title="Use no more threads than CPUs",
        because="The model computes with {threads} threads and may use {cpus} CPUs, by its affinity and its cgroup.",
        confirm="`mmied profile --threads` with {threads}, and with the CPUs that there are.",
        confidence="high",
        evidence={"threads": profile.threads, "cpus": int(cpus) if cpus == int(cpus) else cpus},
        saves_ratio=1 - cpus / profile.threads,
    )


def idle_threads(profile: Profile) -> Advice | None:
    """The threads of the model keep fewer CPUs busy than there are of them."""
    seen = usage(profile)
    busy = mean_known(seen.process_cpus) if seen else None
    if not on_cpu(profile) or busy is None or profile.threads < 2 or busy <= 0:
        return None
    if busy >= IDLE_THREADS_RATIO * profile.threads or seen is None or not _had_cpus(seen, busy, profile.threads):
        return None
    return Advice(
        title="Use fewer threads, and several copies of the model beside each other instead",
        because="With {threads} threads the process kept {busy} CPUs busy in the mean while it was called.",
        confirm="`mmied profile --threads 1`, then two processes of one thread against one of {threads}.",
        confidence="medium",
        evidence={"threads": profile.threads, "busy": busy},
        saves_ratio=(profile.threads - max(busy, 1.0)) / profile.threads / 2,
    )


def threads_of_short_calls(profile: Profile) -> Advice | None:
    """Calls are so short that handing work to other threads may cost more than it saves."""
    main = main_result(profile)
    if not on_cpu(profile) or profile.threads < 2 or main is None or main.latency is None:
        return None
    seconds = typical_seconds(main.latency)
    if seconds >= SHORT_CALL_SECONDS:
        return None
    return Advice(
        title="Try one thread",
        because="A call at batch size {batch_size} takes {latency_seconds} and is shared by {threads} threads.",
        confirm="`mmied profile --threads 1`, on a host as busy as the one that serves.",
        confidence="low",
        evidence={"batch_size": main.workload.batch_size, "latency_seconds": seconds, "threads": profile.threads},
        saves_ratio=0.3,
    )


def wait_policy(profile: Profile) -> Advice | None:
    """Threads that spin while they wait share their CPUs with other work."""
    worst = max(measured(profile), key=_contended_ratio, default=None)
    if not on_cpu(profile) or profile.threads < 2 or worst is None or profile.environment is None:
        return None
    policy = environment_text(profile, "wait_policy") or "not set"
    ratio = _contended_ratio(worst)
    if policy.upper() == "PASSIVE" or ratio < SPINNING_CONTENDED_RATIO:
        return None
    return Advice(
        title="Set OMP_WAIT_POLICY=PASSIVE where the model is served",
        because=(
            "OMP_WAIT_POLICY is {policy}, so that OpenMP's {threads} threads spin while they wait, and "
            "{contended_ratio} of the calls at batch size {batch_size} met other work on their CPUs."
        ),
        confirm="The same run with OMP_WAIT_POLICY=PASSIVE in its environment.",
        confidence="medium",
        evidence={
            "policy": policy,
            "threads": profile.threads,
            "contended_ratio": ratio,
            "batch_size": worst.workload.batch_size,
        },
        saves_ratio=ratio,
    )


def threads_in_each_others_way(profile: Profile) -> Advice | None:
    """The threads of the model waited for CPUs that nothing else used: for one another's."""
    found = max(measured(profile), key=_self_wait_ratio, default=None)
    if not on_cpu(profile) or profile.threads < 2 or found is None or _self_wait_ratio(found) < SELF_WAIT_RATIO:
        return None
    ratio = _self_wait_ratio(found)
    return Advice(
        title="Keep the model's threads apart: fewer of them, or pinned",
        because=(
            "At batch size {batch_size} the {threads} threads waited for a CPU for {wait_ratio} of the time, while "
            "other work kept {others_ratio} of one CPU busy: they waited for one another."
        ),
        confirm="`mmied profile --threads 1`, or OMP_PROC_BIND=true with OMP_PLACES=cores.",
        confidence="medium",
        evidence={
            "batch_size": found.workload.batch_size,
            "threads": profile.threads,
            "wait_ratio": ratio,
            "others_ratio": found.iterations.others_cpus if found.iterations and found.iterations.others_cpus else 0.0,
        },
        saves_ratio=ratio,
    )


def _had_cpus(seen: Usage, busy: float, threads: int) -> bool:
    """Tell whether the CPUs that the process did not use stood free, as far as that is known."""
    host = mean_known(seen.host_cpu_ratio)
    return host is None or seen.cpus is None or busy + (1 - host) * seen.cpus >= threads


def _contended_ratio(result: WorkloadResult) -> float:
    return result.latency.contended_ratio if result.latency else 0.0


def _self_wait_ratio(result: WorkloadResult) -> float:
    calls = result.iterations
    if calls is None or not waited_for_itself(calls) or not sum(calls.wall_seconds):
        return 0.0
    return min(sum(calls.wait_seconds) / sum(calls.wall_seconds), 1.0)
