"""Advice follows from figures: each rule fires where they say so, is silent just beside it, and quotes them."""

import inspect
import re
from dataclasses import replace
from pathlib import Path
from string import Formatter
from types import ModuleType
from typing import Any

import pytest
from builders import make_iterations
from profile_builders import (
    B1,
    B8,
    MEGABYTE,
    bare_profile,
    cuda_profile,
    make_calls,
    make_environment,
    make_inspection,
    make_layers,
    make_operators,
    make_profile,
    make_sweep,
    make_timeline,
    make_usage,
    make_workload_result,
    sweep_profile,
)

from mmied import codec
from mmied.formats import fact
from mmied.inspection import Layer, Operator, Sizes, Transfer
from mmied.profiles import Knee, Profile
from mmied.records import Iterations, Memory, Workload
from mmied.reports.kinds import kind_of_operation
from mmied.stats import summarize
from mmied.verdicts.recommend import RULES, recommend
from mmied.verdicts.rules import arithmetic, batching, dispatch, evidence, memory, serving, threads

DOCUMENT = (Path(__file__).parents[2] / "docs" / "recommendations.md").read_text(encoding="utf-8")
MODULES = (arithmetic, batching, dispatch, evidence, memory, serving, threads)
GIGABYTE = 1000 * MEGABYTE
BFLOAT16 = Workload(scenario="b8-bfloat16", batch_size=8, precision="bfloat16")


def of_operators(*rows: tuple[str, str, float, float], **changes: object) -> Profile:
    """A profile whose operators are `rows` of name, kind, share of 20 ms and calls."""
    operators = make_operators([(*row, "") for row in rows])
    return make_profile(**{"inspection": make_inspection(operators=operators), **changes})


def of_call(median: float, **changes: object) -> Profile:
    """A profile of one workload with calls of `median` seconds."""
    return make_profile(**{"results": (make_workload_result(B8, median=median),), **changes})


def of_memory(peak: int, activation: int, weights: int, total: int) -> Profile:
    result = make_workload_result(B8, memory=(Memory(space="host", peak_bytes=peak, activation_bytes=activation),))
    sizes = Sizes(parameters=weights // 4, trainable_parameters=0, parameter_bytes=weights, buffer_bytes=0)
    return make_profile(results=(result,), sizes=sizes, environment=make_environment(memory_bytes=total))


def rising_sweep(peak: int) -> Profile:
    memory = (Memory(space="host", peak_bytes=peak, activation_bytes=8 * MEGABYTE),)
    return make_profile(results=make_sweep((1, 0.006), (4, 0.012), (8, 0.016), memory=memory))


def out_of_memory(batch_size: int) -> Profile:
    failed = make_workload_result(
        Workload(scenario=f"b{batch_size}", batch_size=batch_size),
        outcome="failed",
        reason="out_of_memory",
        latency=None,
        iterations=None,
        memory=(),
    )
    return make_profile(results=(*make_sweep((1, 0.006), (8, 0.018)), failed))


def waiting(share: float, **changes: object) -> Profile:
    """A profile of which `share` of the calls waited for a CPU that others used."""
    calls = make_iterations(0.02, 500, waiting=int(500 * share))
    return make_profile(**{"results": (make_workload_result(B8, calls=calls),), **changes})


def waiting_for_itself(wait: float) -> Profile:
    """Every call waited for `wait` of its 20 ms, while nothing else ran."""
    calls = Iterations(
        wall_seconds=(0.02,) * 500,
        wait_seconds=(0.02 * wait,) * 500,
        wait_total_seconds=(0.02 * wait,) * 500,
        others_cpus=0.01,
    )
    return make_profile(results=(make_workload_result(B8, calls=calls),))


def of_transfers(seconds: float) -> Profile:
    copies = (
        Transfer(direction="host_to_device", calls=6, bytes=40 * MEGABYTE, seconds=seconds),
        Transfer(direction="device_to_device", calls=2, bytes=MEGABYTE, seconds=0.0001),
    )
    base = cuda_profile()
    assert base.inspection is not None and base.inspection.operators is not None
    operators = replace(base.inspection.operators, transfers=copies)
    return replace(base, inspection=replace(base.inspection, operators=operators))


def of_device_memory(**changes: float) -> Profile:
    memory = Memory(space="device", peak_bytes=2 * GIGABYTE, activation_bytes=GIGABYTE, **changes)
    return cuda_profile(results=(make_workload_result(B8, median=0.004, memory=(memory,)),))


def with_stages(around: float) -> Profile:
    """Requests of 40 ms, `around` of which before and after the model."""
    stages = {"preprocess": 0.8 * around, "inference": 1 - around, "postprocess": 0.2 * around, "total": 1.0}
    return make_profile(stages={name: summarize(make_calls(0.04 * share)) for name, share in stages.items()})


def with_unused(parent: str, kind: str = "Linear", megabytes: float = 2.0) -> Profile:
    """The classifier with one more module beneath `parent`, which no call reaches."""
    layers = make_layers()
    place = next(index for index, layer in enumerate(layers.layers) if layer.name == parent)
    extra = Layer(
        name=f"{parent}.spare".strip("."),
        kind=kind,
        parent=place,
        calls=0,
        parameters=int(megabytes * MEGABYTE / 4),
        parameter_bytes=int(megabytes * MEGABYTE),
    )
    return make_profile(inspection=make_inspection(layers=replace(layers, layers=(*layers.layers, extra))))


def churning(taking: float, peak: int = 4 * MEGABYTE) -> Profile:
    """A call that takes 40 MB in all and holds `peak` at once, with `taking` of its time in aten::empty."""
    operators = make_operators(
        (("aten::addmm", "matmul", 1 - taking, 10, ""), ("aten::empty", "memory", taking, 300, ""))
    )
    timeline = make_timeline(peak=peak, traffic_bytes=40 * MEGABYTE, allocations=300)
    return make_profile(inspection=make_inspection(operators=operators, timelines=(timeline,)))


DENSE = (("aten::addmm", "matmul", 0.9, 20), ("aten::add", "elementwise", 0.1, 4))
CONVOLUTIONS = (("aten::mkldnn_convolution", "convolution", 0.8, 20), ("aten::relu_", "elementwise", 0.2, 4))
AMX = make_environment(cpu_flags="avx2 avx512f avx512_bf16 amx_bf16 amx_int8")
FLAT_KNEE = Knee(
    batch_size=16,
    throughput_samples_per_second=457.0,
    latency_seconds=0.035,
    best_batch_size=16,
    best_throughput_samples_per_second=457.0,
)

# For each rule a profile that makes it fire, and one near it that does not.
CASES: dict[str, tuple[Profile, Profile]] = {
    "contention": (waiting(0.6), waiting(0.3)),
    "batch_size": (
        make_profile(results=make_sweep((1, 0.006), (4, 0.011), (8, 0.018))),
        make_profile(results=make_sweep((1, 0.006), (4, 0.021), (8, 0.041))),
    ),
    "batch_ceiling": (sweep_profile(), sweep_profile(results=make_sweep((1, 0.006), (8, 0.018), (32, 0.060)))),
    "batch_memory": (out_of_memory(64), make_profile(results=make_sweep((1, 0.006), (8, 0.018)))),
    "batch_headroom": (rising_sweep(60 * MEGABYTE), rising_sweep(20 * GIGABYTE)),
    "faster_precision": (
        make_profile(results=(make_workload_result(B8), make_workload_result(BFLOAT16, median=0.009))),
        make_profile(results=(make_workload_result(B8), make_workload_result(BFLOAT16, median=0.0188))),
    ),
    "untried_precision": (of_operators(*DENSE, environment=AMX), of_operators(*DENSE)),
    "quantization": (of_operators(*DENSE), of_operators(("quantized::linear_dynamic", "matmul", 0.9, 20))),
    "fusion": (
        of_operators(("aten::addmm", "matmul", 0.6, 20), ("aten::gelu", "elementwise", 0.4, 12)),
        of_operators(("aten::addmm", "matmul", 0.8, 20), ("aten::gelu", "elementwise", 0.2, 12)),
    ),
    "fold_normalisation": (
        of_operators(*CONVOLUTIONS, ("aten::native_batch_norm", "normalisation", 0.1, 20)),
        of_operators(*CONVOLUTIONS, ("aten::native_layer_norm", "normalisation", 0.1, 20)),
    ),
    "dispatch": (
        of_operators(("aten::addmm", "matmul", 0.5, 20), ("aten::add", "elementwise", 0.5, 2_000)),
        of_operators(("aten::addmm", "matmul", 0.5, 20), ("aten::add", "elementwise", 0.5, 900)),
    ),
    "graph_replay": (
        cuda_profile(results=(make_workload_result(B8, median=0.004, captured_seconds=0.002),)),
        cuda_profile(results=(make_workload_result(B8, median=0.004, captured_seconds=0.0039),)),
    ),
    "threads_over_cpus": (
        make_profile(threads=8, environment=make_environment(cpus=8, cgroup_cpu_max="200000 100000")),
        make_profile(threads=8, environment=make_environment(cpus=8, cgroup_cpu_max="max 100000")),
    ),
    "idle_threads": (
        make_profile(threads=4, inspection=make_inspection(usage=make_usage(process_cpus=1.3))),
        make_profile(threads=4, inspection=make_inspection(usage=make_usage(process_cpus=3.6))),
    ),
    "threads_of_short_calls": (of_call(0.0003), of_call(0.0003, threads=1)),
    "wait_policy": (
        waiting(0.3, environment=make_environment(wait_policy=None)),
        waiting(0.3, environment=make_environment(wait_policy="PASSIVE")),
    ),
    "threads_waiting": (waiting_for_itself(0.3), waiting_for_itself(0.05)),
    "activations": (
        of_memory(9 * GIGABYTE, 8 * GIGABYTE, GIGABYTE, 16 * GIGABYTE),
        of_memory(9 * GIGABYTE, 8 * GIGABYTE, GIGABYTE, 64 * GIGABYTE),
    ),
    "sharding": (
        of_memory(12 * GIGABYTE, GIGABYTE, 10 * GIGABYTE, 16 * GIGABYTE),
        of_memory(12 * GIGABYTE, GIGABYTE, 10 * GIGABYTE, 64 * GIGABYTE),
    ),
    "pooling": (churning(0.1), churning(0.1, peak=20 * MEGABYTE)),
    "fragmentation": (of_device_memory(fragmentation_ratio=0.3), of_device_memory(fragmentation_ratio=0.03)),
    "cache_slack": (of_device_memory(cache_slack_ratio=0.7), of_device_memory(cache_slack_ratio=0.2)),
    "transfers": (of_transfers(0.002), of_transfers(0.0002)),
    "cold_start": (
        make_profile(results=(make_workload_result(B8, first_call_seconds=1.4),)),
        make_profile(results=(make_workload_result(B8, first_call_seconds=1.4, cold=False),)),
    ),
    "around_the_model": (with_stages(0.5), with_stages(0.1)),
    "tail": (
        make_profile(results=(make_workload_result(B8, calls=make_calls(0.02, tail=4.0)),)),
        make_profile(results=(make_workload_result(B8, calls=make_calls(0.02, samples=300, tail=4.0)),)),
    ),
    "disk_reads": (
        make_profile(inspection=make_inspection(usage=make_usage(read_bytes_per_second=(5e6,) * 60))),
        make_profile(inspection=make_inspection(usage=make_usage(read_bytes_per_second=(5e4,) * 60))),
    ),
    "idle_gpu": (
        cuda_profile(inspection=make_inspection(usage=make_usage(gpu_utilization_ratio=(0.2,) * 60))),
        cuda_profile(inspection=make_inspection(usage=make_usage(gpu_utilization_ratio=(0.9,) * 60))),
    ),
    "unused_modules": (with_unused(""), with_unused("encoder.layers.0.self_attn")),
}


@pytest.mark.parametrize("name", RULES)
class TestEachRule:
    def test_fires_on_its_evidence(self, name: str) -> None:
        assert name in {advice.rule for advice in recommend(CASES[name][0])}

    def test_is_silent_just_beside_it(self, name: str) -> None:
        assert name not in {advice.rule for advice in recommend(CASES[name][1])}

    def test_quotes_all_of_its_evidence(self, name: str) -> None:
        (advice,) = (advice for advice in recommend(CASES[name][0]) if advice.rule == name)
        told = f"{advice.title} {advice.because}"
        assert advice.evidence
        for entry, value in advice.evidence.items():
            assert fact(value, entry) in told, entry

    def test_tells_no_figure_that_was_not_evidence(self, name: str) -> None:
        found = RULES[name].find(CASES[name][0])
        assert found is not None
        for text in (found.title, found.because, found.confirm):
            assert {entry for _, entry, _, _ in Formatter().parse(text) if entry} <= found.evidence.keys()
        literal = re.sub(r"\{\w+\}", "", found.because)
        assert not re.search(r"\d", literal.replace("8-bit", "").replace("float32", "").replace("p99", ""))

    def test_needs_measurements(self, name: str) -> None:
        assert RULES[name].find(bare_profile()) is None
        for device in ("cpu", "cuda:0"):
            assert RULES[name].find(bare_profile(device=device, sizes=make_profile().sizes)) is None

    def test_is_documented(self, name: str) -> None:
        assert f"| `{name}` |" in DOCUMENT


def test_every_rule_has_its_cases() -> None:
    assert CASES.keys() == RULES.keys()


def test_the_document_knows_no_other_rule() -> None:
    table = DOCUMENT.partition("## Thresholds")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == RULES.keys()


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.rpartition(".")[2])
def test_thresholds_stand_in_the_document(module: ModuleType) -> None:
    constants = {
        name: value
        for name, value in vars(module).items()
        if re.fullmatch(r"[A-Z][A-Z_]+", name) and isinstance(value, int | float)
    }
    assert constants
    for name, value in constants.items():
        assert f"| `{name}` | {value:g} |" in DOCUMENT


def test_a_healthy_model_needs_no_doctor() -> None:
    quiet = of_operators(("aten::addmm", "matmul", 0.5, 8), ("aten::copy_", "memory", 0.5, 8))
    assert recommend(quiet) == ()


def test_nothing_measured_nothing_advised() -> None:
    assert recommend(bare_profile()) == ()


def test_the_greatest_expected_worth_comes_first() -> None:
    pays_more = make_sweep((1, 0.006), (4, 0.007), (8, 0.008))
    cold = replace(pays_more[0], first_call_seconds=2.0)
    rules = [advice.rule for advice in recommend(make_profile(results=(cold, *pays_more[1:])))]
    assert rules.index("batch_size") < rules.index("cold_start")


def test_contention_comes_first_and_makes_what_rests_on_times_less_sure() -> None:
    calls = make_iterations(0.02, 500, waiting=350)
    slow = make_workload_result(B8, calls=calls)
    first = make_workload_result(B1, median=0.02, first_call_seconds=3.0)
    quiet = recommend(make_profile(results=(first,), inspection=None))
    disturbed = recommend(make_profile(results=(first, slow), inspection=None))
    assert disturbed[0].rule == "contention"
    assert {advice.rule: advice.confidence for advice in quiet}["cold_start"] == "high"
    assert {advice.rule: advice.confidence for advice in disturbed}["cold_start"] == "medium"


def test_advice_already_in_the_profile_is_not_looked_at() -> None:
    profile = CASES["quantization"][0]
    once = recommend(profile)
    assert once
    assert recommend(replace(profile, recommendations=once)) == once


def test_recommendations_round_trip_with_the_profile() -> None:
    profile = CASES["batch_ceiling"][0]
    whole = replace(profile, recommendations=recommend(profile))
    assert codec.from_json(Profile, codec.to_json(whole)) == whole


def test_recurrent_layers_are_quantized_as_such() -> None:
    (advice,) = (
        advice
        for advice in recommend(
            of_operators(("aten::mkldnn_rnn_layer", kind_of_operation("aten::mkldnn_rnn_layer"), 0.9, 2))
        )
        if advice.rule == "quantization"
    )
    assert "recurrent" in advice.title


def test_a_fused_encoder_asks_for_a_tool_that_sees_into_it() -> None:
    fused = of_operators(("aten::_transformer_encoder_layer_fwd", "attention", 0.9, 6))
    (advice,) = (advice for advice in recommend(fused) if advice.rule == "quantization")
    assert "graph" in advice.title


def test_a_compiled_model_is_not_told_to_compile() -> None:
    profile = CASES["fusion"][0]
    assert "fusion" not in {advice.rule for advice in recommend(replace(profile, format="package"))}


def test_parts_of_an_unused_module_are_told_once() -> None:
    layers = make_layers()
    spare = Layer(name="spare", kind="Sequential", parent=0, calls=0, parameters=10**6, parameter_bytes=4 * 10**6)
    inner = replace(spare, name="spare.0", kind="Linear", parent=len(layers.layers))
    profile = make_profile(inspection=make_inspection(layers=replace(layers, layers=(*layers.layers, spare, inner))))
    (advice,) = (advice for advice in recommend(profile) if advice.rule == "unused_modules")
    assert "modules" not in advice.evidence
    assert advice.evidence["layer"] == "spare"


@pytest.mark.parametrize("change", [{"fit": False}, {"contended_ratio": 0.9}])
def test_a_sweep_that_was_disturbed_is_not_judged(change: dict[str, Any]) -> None:
    results = make_sweep((1, 0.006), (4, 0.011), (8, 0.018))
    unfit = tuple(replace(one, latency=replace(one.latency, **change)) for one in results if one.latency)
    rules = {advice.rule for advice in recommend(make_profile(results=unfit))}
    assert "contention" in rules
    assert not {"batch_size", "batch_ceiling", "batch_headroom"} & rules


def test_threads_that_others_kept_from_the_cpus_are_not_called_idle() -> None:
    usage = make_usage(process_cpus=1.3, host_cpu_ratio=(0.95,) * 60)
    profile = make_profile(threads=4, inspection=make_inspection(usage=usage))
    assert "idle_threads" not in {advice.rule for advice in recommend(profile)}


def test_a_container_that_is_never_called_itself_is_in_use() -> None:
    layers = make_layers()
    listed = Layer(name="list", kind="ModuleList", parent=0, calls=0, parameters=10**6, parameter_bytes=4 * 10**6)
    nested = replace(listed, name="list.0", kind="ModuleDict", parent=len(layers.layers))
    inner = replace(listed, name="list.0.a", kind="Linear", parent=len(layers.layers) + 1, calls=1)
    whole = replace(layers, layers=(*layers.layers, listed, nested, inner))
    profile = make_profile(inspection=make_inspection(layers=whole))
    assert "unused_modules" not in {advice.rule for advice in recommend(profile)}


@pytest.mark.parametrize("name", RULES)
def test_a_zero_does_not_break_a_rule(name: str) -> None:
    """Zeros are what clocks too coarse, empty models and idle devices give."""
    nothing = Operator(name="aten::add", category="elementwise", calls=0, seconds=0.0, self_seconds=0.0)
    operators = replace(make_operators(), operators=(nothing,), category_seconds={"elementwise": 0.0}, call_seconds=0.0)
    calls = Iterations(wall_seconds=(0.0,) * 20, wait_seconds=(0.0,) * 20)
    empty = make_workload_result(B8, calls=calls, first_call_seconds=0.0, throughput_samples_per_second=0.0)
    profile = make_profile(
        results=(empty, make_workload_result(Workload(scenario="b0", batch_size=0), calls=calls)),
        stages={"total": summarize(calls), "preprocess": summarize(calls)},
        sizes=Sizes(parameters=0, trainable_parameters=0, parameter_bytes=0, buffer_bytes=0),
        inspection=make_inspection(operators=operators, timelines=(make_timeline(peak_bytes=0),)),
        knees=(FLAT_KNEE,),
    )
    for device in ("cpu", "cuda:0"):
        RULES[name].find(replace(profile, device=device))


def test_rules_read_nothing_but_the_profile() -> None:
    for rule in RULES.values():
        assert list(inspect.signature(rule.find).parameters) == ["profile"]
