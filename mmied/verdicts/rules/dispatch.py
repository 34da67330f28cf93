"""What small operators cost beside the work they do."""

from mmied.profiles import Profile
from mmied.verdicts.rules.advice import Advice
from mmied.verdicts.rules.evidence import category_ratio, main_result, on_cpu, operators, typical_seconds

SMALL_KINDS = ("elementwise", "normalisation")  # bound by memory: fused, they read and write once
SMALL_RATIO = 0.3  # fusing halves such work at best; less than this saves no seventh of a call
SMALL_CALLS = 8  # fewer have little to be fused with
NORM_RATIO = 0.05  # of the time in normalisation that a convolution could take in for nothing
SHORT_SECONDS = 10e-6  # calling an operator from eager code costs 2 to 5 µs, so this much is mostly the calling
SHORT_RATIO = 0.3
SHORT_CALLS = 50
REPLAY_SPEEDUP = 1.10  # as WORTHWHILE_SPEEDUP: a smaller gain does not pay for fixed shapes
COMPILED_NAMES = ("cpp_fused", "triton_", "cpp_wrapper", "CompiledFxGraph", "Torch-Compiled")


def fusion(profile: Profile) -> Advice | None:
    """Elementwise and normalising operators take a good part of the time, one pass over memory each."""
    ratio = category_ratio(profile, SMALL_KINDS)
    calls = sum(operator.calls for operator in operators(profile) if operator.category in SMALL_KINDS)
    if ratio is None or ratio < SMALL_RATIO or calls < SMALL_CALLS or _is_compiled(profile):
        return None
    costliest = next(operator for operator in operators(profile) if operator.category in SMALL_KINDS)
    return Advice(
        title="Fuse the small operators, as torch.compile does",
        because=(
            "{small_ratio} of the operators' time goes to {calls} elementwise and normalising calls, "
            "{operator} first among them ({operator_seconds})."
        ),
        confirm="The same model compiled (with freezing on a CPU) in `mmied compare`, at the batch sizes it serves.",
        confidence="medium",
        evidence={
            "small_ratio": ratio,
            "calls": round(calls),
            "operator": costliest.name,
            "operator_seconds": costliest.self_seconds,
        },
        saves_ratio=ratio / 2,
    )


def fold_normalisation(profile: Profile) -> Advice | None:
    """Batch normalisation runs by itself behind convolutions that could have it in their weights."""
    norms = [operator for operator in operators(profile) if "batch_norm" in operator.name]
    convolutions = category_ratio(profile, ("convolution",))
    whole = sum(operator.self_seconds for operator in operators(profile))
    seconds = sum(operator.self_seconds for operator in norms)
    if not convolutions or whole <= 0 or seconds / whole < NORM_RATIO or _is_compiled(profile):
        return None
    return Advice(
        title="Fold batch normalisation into the convolutions before it",
        because=(
            "{norm_ratio} of the operators' time ({norm_seconds} a call) goes to batch normalisation, which in "
            "evaluation only scales what convolutions gave."
        ),
        confirm="`mmied compare` with the model after torch.nn.utils.fusion.fuse_conv_bn_eval, or compiled and frozen.",
        confidence="medium",
        evidence={"norm_ratio": seconds / whole, "norm_seconds": seconds},
        saves_ratio=seconds / whole,
    )


def dispatch(profile: Profile) -> Advice | None:
    """The time goes to so many short operators that calling them is the work."""
    timed = [operator for operator in operators(profile) if operator.calls > 0 and operator.self_seconds > 0]
    short = [operator for operator in timed if operator.self_seconds / operator.calls < SHORT_SECONDS]
    calls = sum(operator.calls for operator in short)
    whole = sum(operator.self_seconds for operator in timed)
    if calls < SHORT_CALLS or sum(operator.self_seconds for operator in short) < SHORT_RATIO * whole:
        return None
    seconds = sum(operator.self_seconds for operator in short)
    return Advice(
        title="Save the calling of operators: compile the model, or give it larger batches",
        because=(
            "{short_ratio} of the operators' time goes to {calls} calls of {call_seconds} in the mean, hardly more "
            "than what calling an operator costs."
        ),
        confirm="A batch sweep: where this is the cause, latency hardly grows with the first few batch sizes.",
        confidence="medium",
        evidence={
            "short_ratio": seconds / whole,
            "calls": round(calls),
            "call_seconds": seconds / calls,
        },
        saves_ratio=seconds / whole / 2,
    )


def graph_replay(profile: Profile) -> Advice | None:
    """Replayed as a CUDA graph the call was faster: the rest is the launching of kernels."""
    main = main_result(profile)
    if on_cpu(profile) or main is None or main.latency is None or not main.captured_seconds:
        return None
    seconds = typical_seconds(main.latency)
    speedup = seconds / main.captured_seconds
    if speedup < REPLAY_SPEEDUP:
        return None
    return Advice(
        title="Replay the call as a CUDA graph",
        because=(
            "At batch size {batch_size} a call takes {latency_seconds}, and {captured_seconds} when its kernels are "
            "replayed as a graph: {speedup} times as fast."
        ),
        confirm="The service with torch.cuda.graph or torch.compile(mode='reduce-overhead'), at its fixed shapes.",
        confidence="high",
        evidence={
            "batch_size": main.workload.batch_size,
            "latency_seconds": seconds,
            "captured_seconds": main.captured_seconds,
            "speedup": speedup,
        },
        saves_ratio=1 - 1 / speedup,
    )


def _is_compiled(profile: Profile) -> bool:
    return profile.format == "package" or any(
        part in operator.name for operator in operators(profile) for part in COMPILED_NAMES
    )
