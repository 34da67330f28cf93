"""In which numbers a model should compute."""

from mmied.profiles import Profile
from mmied.records import WorkloadResult
from mmied.verdicts.rules.advice import Advice
from mmied.verdicts.rules.evidence import (
    DENSE,
    category_ratio,
    environment_text,
    in_own_precision,
    is_disturbed,
    main_result,
    measured,
    on_cpu,
    operators,
    typical_seconds,
)

WORTHWHILE_SPEEDUP = 1.10  # a gain below a tenth is eaten by the next change of host or library
DENSE_RATIO = 0.6  # with less of the time in dense products, faster ones cannot save a third of it
QUANTIZED_RATIO = 0.7  # so much time in products that 8-bit weights decide the latency
# bfloat16 made a multilayer perceptron of 0.4 ms slower (0.65 of its speed) and models above 1 ms 1.4 to 5 times as
# fast: below this the conversions of a call cost more than its products save.
SHORT_CALL_SECONDS = 1e-3
SIXTEEN_BIT_FLAGS = ("amx_bf16", "avx512_bf16", "avx512_fp16")
EIGHT_BIT_FLAGS = ("amx_int8", "avx512_vnni", "asimddp")
QUANTIZED_NAMES = ("quantized::", "int8", "int_mm", "qlinear", "qconv")
RECURRENT_NAMES = ("lstm", "gru", "rnn_")
FUSED_NAMES = ("transformer_encoder_layer_fwd", "native_multi_head_attention")


def faster_precision(profile: Profile) -> Advice | None:
    """A precision of the sweep was faster than the model's own."""
    best: tuple[float, WorkloadResult, WorkloadResult] | None = None
    for result in measured(profile):
        own = _in_own_precision(profile, result)
        if own is None or is_disturbed(own) or is_disturbed(result):
            continue
        least = _slowest_of(own, lower=True) / _slowest_of(result, lower=False)
        if least > WORTHWHILE_SPEEDUP and (best is None or least > best[0]):
            best = least, own, result
    if best is None:
        return None
    _, own, faster = best
    assert own.latency is not None and faster.latency is not None
    speedup = typical_seconds(own.latency) / typical_seconds(faster.latency)
    return Advice(
        title="Serve in {precision}",
        because=(
            "At batch size {batch_size} a call takes {latency_seconds} in {precision} and {own_latency_seconds} in "
            "{own_precision}: {speedup} times as fast."
        ),
        confirm="Accuracy on labelled data: `mmied compare` with `--dataset`, in both precisions.",
        confidence="high",
        evidence={
            "precision": str(faster.workload.precision),
            "own_precision": profile.precision,
            "batch_size": faster.workload.batch_size,
            "latency_seconds": typical_seconds(faster.latency),
            "own_latency_seconds": typical_seconds(own.latency),
            "speedup": speedup,
        },
        saves_ratio=1 - 1 / speedup,
    )


def _in_own_precision(profile: Profile, result: WorkloadResult) -> WorkloadResult | None:
    """Return what was timed of the same batches in the model's own precision; None for a result that is in it."""
    if result.workload.precision in (None, profile.precision):
        return None
    return next(
        (
            other
            for other in in_own_precision(profile)
            if other.workload.batch_size == result.workload.batch_size
            and other.workload.gap_seconds == result.workload.gap_seconds
        ),
        None,
    )


def _slowest_of(result: WorkloadResult, *, lower: bool) -> float:
    """Return an end of the median's interval, so that two results are held against each other at their closest."""
    assert result.latency is not None
    interval = result.latency.median_interval_seconds
    return interval[0 if lower else 1] if interval else typical_seconds(result.latency)


def untried_precision(profile: Profile) -> Advice | None:
    """The time goes to dense products in 32 bits, on a CPU that has units for 16."""
    ratio, main = category_ratio(profile, DENSE), main_result(profile)
    flags = (environment_text(profile, "cpu_flags") or "").split()
    flag = next((flag for flag in SIXTEEN_BIT_FLAGS if flag in flags), None)
    tried = any(_in_own_precision(profile, result) for result in measured(profile))
    if tried or flag is None or ratio is None or main is None or main.latency is None:
        return None
    seconds = typical_seconds(main.latency)
    plain = on_cpu(profile) and profile.precision == "float32" and main.workload.precision in (None, "float32")
    if not plain or ratio < DENSE_RATIO or seconds < SHORT_CALL_SECONDS or _is_quantized(profile):
        return None
    precision = "float16" if flag == "avx512_fp16" else "bfloat16"
    return Advice(
        title="Try {precision}",
        because=(
            "{dense_ratio} of the operators' time goes to matrix products, convolutions and attention in float32, a "
            "call takes {latency_seconds}, and the CPU has {cpu_flag}, made for {precision}."
        ),
        confirm="`mmied profile --precision float32 {precision}` on this host, then accuracy on labelled data.",
        confidence="low",
        evidence={"dense_ratio": ratio, "latency_seconds": seconds, "cpu_flag": flag, "precision": precision},
        saves_ratio=ratio / 2,
    )


def quantization(profile: Profile) -> Advice | None:
    """Linear or recurrent layers, or convolutions, take most of the time, in floating point on a CPU."""
    if not on_cpu(profile) or _is_quantized(profile) or profile.sizes is None:
        return None
    products, convolutions = category_ratio(profile, ("matmul", "attention")), category_ratio(profile, ("convolution",))
    if products is None or convolutions is None or max(products, convolutions) < DENSE_RATIO:
        return None
    title, how = _way_to_quantize(profile, convolutions > products)
    flags = (environment_text(profile, "cpu_flags") or "").split()
    flag = next((flag for flag in EIGHT_BIT_FLAGS if flag in flags), None)
    ratio = max(products, convolutions)
    evidence: dict[str, float | int | str] = {
        "product_ratio": ratio,
        "parameter_bytes": profile.sizes.parameter_bytes,
        "precision": profile.precision,
    }
    return Advice(
        title=title,
        because=(
            "{product_ratio} of the operators' time goes to "
            + ("convolutions" if convolutions > products else "matrix products")
            + " in {precision}, with {parameter_bytes} of weights."
            + (" The CPU has {cpu_flag} for 8-bit products." if flag else "")
            + how
        ),
        confirm="A quantized copy against this one: `mmied compare` with `--dataset`, for speed and accuracy together.",
        confidence="medium" if flag and ratio >= QUANTIZED_RATIO else "low",
        evidence=evidence | ({"cpu_flag": flag} if flag else {}),
        saves_ratio=ratio * 0.6,  # 8-bit products took a half to a quarter of the time where they helped
    )


def _way_to_quantize(profile: Profile, convolutional: bool) -> tuple[str, str]:
    """Return what to do and what to mind, by the operators that were seen."""
    names = [operator.name for operator in operators(profile)]
    if convolutional:
        return "Quantize statically to int8, calibrated with real inputs", ""
    if any(part in name for name in names for part in RECURRENT_NAMES):
        return "Quantize the recurrent and linear layers dynamically to int8", ""
    if any(part in name for name in names for part in FUSED_NAMES):
        how = " Its fused attention keeps weights where tools that swap nn.Linear do not look."
        return "Quantize dynamically to int8, with a tool that works on the graph", how
    return "Quantize the linear layers dynamically to int8", ""


def _is_quantized(profile: Profile) -> bool:
    names = [operator.name.lower() for operator in operators(profile)]
    return "int" in profile.precision or any(part in name for name in names for part in QUANTIZED_NAMES)
