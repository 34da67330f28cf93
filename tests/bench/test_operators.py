"""Operators have the time that they took by themselves, and on CUDA kernels, copies and ranges have theirs."""

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn
from torch.profiler import record_function

from mmied.bench.profilers import operators
from mmied.bench.profilers.device_work import read_device_work
from mmied.bench.profilers.nvtx import mirrored_ranges
from mmied.bench.profilers.recorded import Target
from mmied.inspection import Kernel, Operator, Operators, Transfer


def look(model: Callable[..., Any], *args: Any, calls: int = 4, **kwargs: Any) -> Operators:
    target = Target(name="model", model=model, args=args, kwargs=kwargs, device="cpu", call_seconds=1e-3)
    with torch.inference_mode():
        model(*args, **kwargs)
        return operators.profile(target, calls=calls)


def by_name(found: Operators) -> Mapping[str, Operator]:
    return {operator.name: operator for operator in found.operators}


def test_operators_are_summed_by_name_with_what_they_call() -> None:
    found = look(nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 16)).eval(), torch.randn(8, 64))

    operator = by_name(found)
    assert (found.calls, operator["aten::linear"].calls, operator["aten::addmm"].calls) == (4, 2, 2)
    assert operator["aten::addmm"].category == "matmul"
    assert operator["aten::linear"].seconds > operator["aten::addmm"].seconds > operator["aten::addmm"].self_seconds > 0
    assert operator["aten::linear"].self_seconds < operator["aten::linear"].seconds
    own = [one.self_seconds for one in found.operators]
    assert own == sorted(own, reverse=True)
    assert sum(own) <= found.call_seconds
    assert sum(found.category_seconds.values()) == pytest.approx(sum(own))
    assert found.bare_call_seconds is not None
    # What the parts of an operator allocate is the operator's too.
    assert operator["aten::addmm"].allocated_bytes == operator["aten::linear"].allocated_bytes == 8 * (128 + 16) * 4
    assert operator["aten::relu"].allocated_bytes == 8 * 128 * 4


def test_shapes_are_of_the_costliest_call() -> None:
    small, large = torch.randn(2, 2), torch.randn(512, 512)

    found = look(lambda: (small @ small, large @ large, small @ small))

    assert by_name(found)["aten::mm"].calls == 3
    assert by_name(found)["aten::mm"].shapes == "512×512, 512×512"


def test_tensors_in_lists_have_shapes_too() -> None:
    found = look(lambda x, y: torch.cat([x, y]), torch.zeros(2, 3), torch.zeros(4, 3))

    assert by_name(found)["aten::cat"].shapes == "2×3, 4×3"


def test_ranges_of_the_program_are_no_operators_and_ours_are_not_there() -> None:
    def model(x: torch.Tensor) -> torch.Tensor:
        for _ in range(3):
            with record_function("block"):
                x = x @ x
        with record_function("outer"), record_function("inner"):
            return x + 1

    found = look(model, torch.randn(32, 32))

    ranges = {one.name: one for one in found.ranges}
    assert {name: one.calls for name, one in ranges.items()} == {"block": 3, "outer": 1, "inner": 1}
    assert ranges["outer"].seconds > ranges["inner"].seconds > 0
    assert {name.partition("::")[0] for name in by_name(found)} == {"aten"}
    assert ranges["block"].seconds >= by_name(found)["aten::matmul"].seconds


class FakeNvtx:
    """Stands for NVIDIA's library, which a build for the CPU lacks."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def rangePushA(self, message: str) -> int:
        self.told.append(message)
        return len(self.told) - 1

    def rangePop(self) -> int:
        self.told.append("")
        return 0


def test_nvtx_ranges_become_ranges_and_still_reach_nvidias_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeNvtx()
    monkeypatch.setattr(torch.cuda.nvtx, "_nvtx", fake)
    push = torch.cuda.nvtx.range_push

    def model(x: torch.Tensor) -> torch.Tensor:
        torch.cuda.nvtx.range_push("encode")
        x = x @ x
        torch.cuda.nvtx.range_pop()
        with torch.cuda.nvtx.range("decode"):
            return x @ x

    found = look(model, torch.randn(16, 16))

    assert {one.name: one.calls for one in found.ranges} == {"encode": 1, "decode": 1}
    assert fake.told[:4] == ["encode", "", "decode", ""]
    assert torch.cuda.nvtx.range_push is push


def test_a_range_that_the_program_leaves_open_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda.nvtx, "_nvtx", FakeNvtx())
    before = torch.cuda.nvtx.range_push, torch.cuda.nvtx.range_pop

    with mirrored_ranges():
        torch.cuda.nvtx.range_push("for ever")

    assert (torch.cuda.nvtx.range_push, torch.cuda.nvtx.range_pop) == before


def test_time_in_no_operator_is_told() -> None:
    def python(x: torch.Tensor) -> torch.Tensor:
        sum(range(20_000))
        return x + 1

    assert any("in no operator" in note for note in look(python, torch.zeros(1)).notes)


def test_a_model_with_too_many_events_is_recorded_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operators, "MAX_EVENTS", 300)

    found = look(nn.Sequential(*(nn.ReLU() for _ in range(50))).eval(), torch.zeros(1), calls=40)

    assert found.calls == 3
    assert any("recorded 3 of 40 calls" in note for note in found.notes)
    assert by_name(found)["aten::relu"].calls == 50


def test_keyword_inputs_in_place_work_and_odd_outputs_are_no_matter() -> None:
    def model(*, x: torch.Tensor) -> object:
        x = x.clone()
        x.mul_(2)
        return {"x": [x, (x, None)], "name": "it"}

    assert by_name(look(model, x=torch.ones(4)))["aten::mul_"].calls == 1


def event(name: str, tag: str, nanoseconds: int, *children: Any, scope: str = "FUNCTION") -> Any:
    typed = (None, SimpleNamespace(scope=SimpleNamespace(name=scope), inputs=[], module=None))
    return SimpleNamespace(
        name=name, tag=SimpleNamespace(name=tag), duration_time_ns=nanoseconds, children=list(children), typed=typed
    )


def test_on_cuda_kernels_count_for_the_operator_that_launched_them() -> None:
    kernel = event("ampere_sgemm_128x64_tn", "Kineto", 5000)
    addmm = event("aten::addmm", "TorchOp", 80, event("cudaLaunchKernel", "Kineto", 30, kernel))
    # The device's image of a range bears its name, spans its kernels and is no work.
    image = event("block", "Kineto", 6000)
    block = event("block", "TorchOp", 200, event("aten::linear", "TorchOp", 100, addmm), image, scope="USER_SCOPE")

    found = operators._find([event("profiled_call", "TorchOp", 300, block, scope="USER_SCOPE")])

    one = found.operators
    assert (one["aten::linear"].device_nanoseconds, one["aten::addmm"].device_nanoseconds) == (0, 5000)
    assert (one["aten::linear"].self_nanoseconds, one["aten::addmm"].self_nanoseconds) == (20, 80)
    assert found.ranges["block"].nanoseconds == 200


def test_an_operator_inside_its_own_kind_counts_its_time_once() -> None:
    add = event("aten::add", "TorchOp", 100, event("aten::add", "TorchOp", 60))

    found = operators._find([event("profiled_call", "TorchOp", 300, add, scope="USER_SCOPE")])

    one = found.operators["aten::add"]
    assert (one.calls, one.nanoseconds, one.self_nanoseconds) == (2, 100, 100)


# A trace of two calls in the format of Kineto with CUDA, written by hand: none was recorded yet.
TRACE: list[dict[str, Any]] = [
    {"ph": "X", "cat": "cpu_op", "name": "aten::addmm", "pid": 1, "tid": 1, "ts": 1.0, "dur": 20.0, "args": {}},
    {"ph": "X", "cat": "cuda_runtime", "name": "cudaLaunchKernel", "ts": 2.0, "dur": 5.0, "args": {"correlation": 3}},
    *(
        {
            "ph": "X", "cat": "kernel", "name": "ampere_sgemm_32x128_tn", "pid": 0, "tid": 7, "ts": at, "dur": 40.0,
            "args": {"External id": 12, "device": 0, "stream": 7, "correlation": 3, "grid": [8, 1, 1]},
        }
        for at in (10.0, 60.0)
    ),
    {
        "ph": "X", "cat": "kernel", "ts": 101.0, "dur": 4.0, "args": {},
        "name": "void at::native::vectorized_elementwise_kernel<4, at::native::relu_functor>(int)",
    },
    {
        "ph": "X", "cat": "gpu_memcpy", "name": "Memcpy HtoD (Pageable -> Device)", "ts": 5.0, "dur": 3.0,
        "args": {"device": 0, "stream": 7, "bytes": 4096, "memory bandwidth (GB/s)": 1.3},
    },
    {
        "ph": "X", "cat": "gpu_memcpy", "name": "Memcpy HtoD (Pinned -> Device)", "ts": 9.0, "dur": 1.0,
        "args": {"bytes": 4096},
    },
    {"ph": "X", "cat": "gpu_memcpy", "name": "Memcpy DtoH (Device -> Pinned)", "ts": 120.0, "dur": 2.0, "args": {}},
    {"ph": "X", "cat": "gpu_memset", "name": "Memset (Device)", "ts": 4.0, "dur": 1.0, "args": {"bytes": 128}},
    {"ph": "X", "cat": "gpu_user_annotation", "name": "block", "ts": 5.0, "dur": 100.0, "args": {}},
    {"ph": "M", "name": "process_name", "pid": 0},
]  # fmt: skip


def test_kernels_and_transfers_are_read_from_the_trace() -> None:
    work = read_device_work(TRACE, calls=2)

    relu, sgemm = sorted(work.kernels, key=lambda kernel: kernel.seconds)
    assert sgemm == Kernel(name="ampere_sgemm_32x128_tn", category="matmul", calls=1.0, seconds=pytest.approx(40e-6))
    assert (relu.category, relu.calls, relu.seconds) == ("elementwise", 0.5, pytest.approx(2e-6))
    assert work.kernels == (sgemm, relu)  # the costliest first
    assert work.transfers == (
        Transfer(direction="host_to_device", calls=1.0, bytes=4096, seconds=pytest.approx(2e-6)),
        Transfer(direction="device_to_host", calls=0.5, bytes=None, seconds=pytest.approx(1e-6)),
        Transfer(direction="memset", calls=0.5, bytes=64, seconds=pytest.approx(0.5e-6)),
    )
