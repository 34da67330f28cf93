"""The timeline holds every block that a call took, when, and who took it."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from targets import Odd, target
from torch import nn

from mmied.bench.profilers import memory_timeline
from mmied.bench.profilers.locator import Locator
from mmied.bench.profilers.memory_timeline import MAX_LARGEST, MAX_POINTS, Step, replay, steps_of
from mmied.bench.profilers.model_tree import parts_of
from mmied.inspection import MemoryTimeline

MEGABYTE = 1 << 20


class Grows(nn.Module):
    """Holds 4 MB, then 4 + 8 MB, then gives the first back; in a part of its own takes 2 MB more."""

    def __init__(self) -> None:
        super().__init__()
        self.part = Last()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = torch.full((MEGABYTE,), 1.0)
        second = torch.full((2 * MEGABYTE,), 2.0)
        del first
        return self.part(second)


class Last(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[: MEGABYTE // 2].exp()


def timeline(model: Any, *args: Any, **kwargs: Any) -> MemoryTimeline:
    with torch.inference_mode():
        (host,) = memory_timeline.profile(target(model, *args, **kwargs))
    return host


def test_the_peak_is_what_lived_together() -> None:
    found = timeline(Grows(), torch.zeros(1))

    assert found.space == "host"
    assert found.peak_bytes == 12 * MEGABYTE
    assert found.traffic_bytes == 14 * MEGABYTE
    assert (found.allocations, found.frees) == (3, 3)
    assert found.allocated_bytes == tuple(size * MEGABYTE for size in (0, 4, 12, 8, 10, 2, 0, 0))
    assert 0 < found.average_bytes < found.peak_bytes
    assert found.peak_at_seconds == found.at_seconds[2]
    assert list(found.at_seconds) == sorted(found.at_seconds)


def test_the_largest_blocks_at_the_peak_have_an_operator_and_a_layer() -> None:
    found = timeline(Grows(), torch.zeros(1))

    assert [block.bytes for block in found.largest] == [8 * MEGABYTE, 4 * MEGABYTE]
    assert found.peak_operator == "aten::full"
    assert found.peak_layer == ""  # the model itself
    first = found.largest[1]
    assert first.layer == "" and first.freed_at_seconds == found.at_seconds[3]


def test_the_layer_is_the_innermost_module() -> None:
    model = nn.Sequential(nn.Linear(8, 1000), nn.Sequential(nn.Linear(1000, 100_000)))

    found = timeline(model, torch.zeros(4, 8))

    assert (found.peak_layer, found.peak_operator) == ("1.0", "aten::addmm")


def test_a_tensor_that_the_model_keeps_is_not_given_back() -> None:
    class Keeps(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.kept: list[torch.Tensor] = []

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.kept.append(torch.full((MEGABYTE,), 1.0))
            return x

    found = timeline(Keeps(), torch.zeros(1))

    assert found.allocated_bytes[-1] == 4 * MEGABYTE
    assert found.largest[0].freed_at_seconds is None


def test_odd_outputs_and_inputs_are_no_matter() -> None:
    found = timeline(Odd(), x=torch.randn(4, 8))

    assert found.peak_bytes == 2 * 4 * 8 * 4  # in place: two outputs of the shared layer
    assert found.peak_layer == "shared"


@pytest.mark.parametrize("form", [torch.jit.script, lambda model: torch.jit.trace(model, torch.zeros(4, 8))])
def test_a_torchscript_module_tells_the_layer_too(form: Any) -> None:
    scripted = form(nn.Sequential(nn.Linear(8, 10), nn.Sequential(nn.Linear(10, 1000))).eval())

    found = timeline(scripted, torch.zeros(4, 8))

    assert (found.peak_bytes, found.peak_layer, found.peak_operator) == (16_160, "1.0", "aten::addmm")


def test_an_exported_program_does_not_tell_the_layer() -> None:
    program = torch.export.export(nn.Sequential(nn.Linear(8, 1000)).eval(), (torch.zeros(4, 8),))

    found = timeline(program.module(), torch.zeros(4, 8))

    assert (found.peak_bytes, found.peak_layer) == (16_000, None)


def test_a_call_that_takes_no_memory_has_a_flat_timeline() -> None:
    found = timeline(nn.Identity(), torch.zeros(1))

    assert found.allocated_bytes == (0, 0)
    assert (found.peak_bytes, found.average_bytes, found.peak_operator, found.largest) == (0, 0, None, ())


@pytest.mark.gpu
def test_the_devices_memory_has_a_timeline_of_its_own() -> None:
    model = nn.Sequential(nn.Linear(8, 1000, device="cuda"))
    on_cuda = replace(target(model, torch.zeros(4, 8, device="cuda")), device="cuda:0")

    with torch.inference_mode():
        model(*on_cuda.args)
        host, device = memory_timeline.profile(on_cuda)

    assert (host.space, device.space) == ("host", "device")
    assert device.peak_bytes >= 16_000
    assert device.peak_layer == "0"


# Replaying


def step(at: int, size: int, address: int, operator: str = "aten::mm") -> Step:
    return Step(at_nanoseconds=at, bytes=size, address=address, on_device=False, operator=operator, layer="part")


def test_the_average_is_weighted_by_time() -> None:
    found = replay([step(1_000, 100, 1), step(2_000, -100, 1)], on_device=False, began_nanoseconds=0, nanoseconds=4_000)

    assert found.average_bytes == 25
    assert found.at_seconds == pytest.approx((0, 1e-6, 2e-6, 4e-6))
    assert found.allocated_bytes == (0, 100, 0, 0)


def test_an_address_may_be_taken_again() -> None:
    steps = [step(1, 10, 1), step(2, -10, 1), step(3, 30, 1), step(4, 20, 2), step(5, -30, 1)]

    found = replay(steps, on_device=True, began_nanoseconds=0, nanoseconds=6)

    assert found.space == "device"
    assert [(block.bytes, block.freed_at_seconds) for block in found.largest] == [(30, 5e-9), (20, None)]


def test_a_block_from_before_the_call_may_be_given_back() -> None:
    found = replay([step(1, -50, 7), step(2, 60, 8)], on_device=False, began_nanoseconds=0, nanoseconds=3)

    assert found.allocated_bytes == (0, -50, 10, 10)
    assert found.peak_bytes == 10
    assert [block.bytes for block in found.largest] == [60]


def test_of_many_steps_those_that_draw_the_curve_are_kept() -> None:
    steps = []
    for index in range(20_000):
        size = 1_000_000 if index == 12_345 else 1
        steps += [step(4 * index, size, index), step(4 * index + 2, -size, index)]

    found = replay(steps, on_device=False, began_nanoseconds=0, nanoseconds=80_000)

    assert len(found.at_seconds) == len(found.allocated_bytes) <= MAX_POINTS
    assert max(found.allocated_bytes) == found.peak_bytes == 1_000_000
    assert found.at_seconds[found.allocated_bytes.index(1_000_000)] == found.peak_at_seconds == 4 * 12_345 / 1e9
    assert (found.at_seconds[0], found.at_seconds[-1]) == (0, 80_000 / 1e9)
    assert list(found.at_seconds) == sorted(found.at_seconds)
    assert found.allocations == 20_000


def test_of_many_blocks_the_largest_are_told() -> None:
    steps = [step(index, index + 1, index) for index in range(100)]

    found = replay(steps, on_device=False, began_nanoseconds=0, nanoseconds=100)

    assert [block.bytes for block in found.largest] == list(range(100, 100 - MAX_LARGEST, -1))


def event(name: str, tag: str, *children: Any, module: int | None = None) -> Any:
    typed = SimpleNamespace(module=None if module is None else SimpleNamespace(self_ptr=module, cls_name="Hidden"))
    return SimpleNamespace(
        name=name, tag=SimpleNamespace(name=tag), children=list(children), typed=(None, typed), correlation_id=0
    )


def allocation(at: int, size: int, device: str = "cpu") -> Any:
    block = SimpleNamespace(alloc_size=size, ptr=at, device=torch.device(device))
    return SimpleNamespace(
        name="[memory]", tag=SimpleNamespace(name="Allocation"), children=[], typed=(None, block), start_time_ns=at
    )


def test_fetching_memory_is_put_down_to_who_needed_it() -> None:
    model = nn.Sequential(nn.Conv2d(1, 1, 1))
    convolution = event("aten::conv2d", "TorchOp", event("aten::empty", "TorchOp", allocation(1, 10)))
    module = event("nn.Module: Conv2d_0", "PyCall", convolution, allocation(2, 20, "cuda:0"), module=id(model[0]))
    unknown = event("nn.Module: Hidden_0", "PyCall", allocation(3, 30), module=6)
    alone = event("aten::empty", "TorchOp", allocation(4, 40))

    found = list(steps_of([module, unknown, alone], Locator(parts_of(model)), {}))

    assert [(one.bytes, one.operator, one.layer, one.on_device) for one in found] == [
        (10, "aten::conv2d", "0", False),
        (20, "", "0", True),
        (30, "", None, False),
        (40, "aten::empty", None, False),
    ]
