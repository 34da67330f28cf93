"""Layers have the time and memory that they took, told without changing how the model runs."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mmied.bench.precision import apply_precision
from mmied.bench.profilers import layers
from mmied.bench.profilers.layer_times import sum_by_part, told_apart
from mmied.bench.profilers.locator import Locator
from mmied.bench.profilers.model_tree import layer_of, parts_of
from mmied.bench.profilers.output_shapes import describe, output_shapes
from mmied.bench.profilers.passages import CALLING_EVENTS, Passage, read_passages
from mmied.bench.profilers.recorded import Recorded, Target
from mmied.bench.profilers.scripted import carry_over
from mmied.bench.profilers.torch_trace import TENSORBOARD_FOLDER, TRACE_FILE
from mmied.errors import ModelError
from mmied.inspection import Layer, Layers


def target(model: Any, *args: Any, **kwargs: Any) -> Target:
    return Target(name="model", model=model, args=args, kwargs=kwargs, device="cpu", call_seconds=1e-3)


def look(model: Any, *args: Any, calls: int = 4, folder: Path | None = None, **kwargs: Any) -> tuple[Layers, Recorded]:
    if isinstance(model, nn.Module):
        model.eval()
    with torch.inference_mode():
        model(*args, **kwargs)
        return layers.profile(target(model, *args, **kwargs), calls=calls, folder=folder)


def by_name(found: Layers) -> Mapping[str, Layer]:
    return {layer.name: layer for layer in found.layers}


def check(found: Layers) -> None:
    """Check what holds for every model: the tree, the sums, and that what never ran has no figures."""
    assert found.layers[0].name == "" and found.layers[0].parent is None
    assert all(layer.parent is not None and layer.parent < index for index, layer in enumerate(found.layers) if index)
    assert found.bare_call_seconds is not None and found.call_seconds is not None
    own = sum(layer.self_seconds or 0 for layer in found.layers)
    assert own == pytest.approx(min(found.bare_call_seconds, found.call_seconds), rel=1e-6)
    assert found.layers[0].seconds == pytest.approx(own, rel=1e-6)
    for layer in found.layers:
        if layer.calls:
            assert layer.seconds is not None and layer.self_seconds is not None
            assert layer.seconds >= layer.self_seconds * (1 - 1e-9) >= 0
        else:
            assert (layer.seconds, layer.self_seconds, layer.allocated_bytes, layer.kept_bytes) == (None,) * 4


class Net(nn.Module):
    """A module called twice under two names, one never called, a list never called, and one made on the way."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(16, 16)
        self.body = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 16))
        self.again = self.first
        self.unused = nn.ModuleList([nn.Linear(2, 2)])

    def forward(self, *, x: torch.Tensor) -> dict[str, Any]:
        y = self.again(self.body(self.first(x)))
        y.add_(1)
        return {"y": y, "parts": [y, (y,)]}


def test_each_module_has_its_calls_its_time_and_its_memory(tmp_path: Path) -> None:
    found, recorded = look(Net(), x=torch.randn(8, 16), folder=tmp_path)

    check(found)
    assert (found.source, found.calls, found.path_changed) == ("events", 4, False)
    names = [layer.name for layer in found.layers]
    assert names == ["", "first", "body", "body.0", "body.1", "body.2", "unused", "unused.0"]
    layer = by_name(found)
    assert [layer[name].calls for name in names] == [1, 2, 1, 1, 1, 1, 0, 0]
    assert (layer["first"].shared_as, layer["body"].shared_as) == (("again",), ())
    assert layer["body"].seconds == pytest.approx(
        sum(layer[name].self_seconds or 0 for name in ("body", "body.0", "body.1", "body.2"))
    )
    assert layer["body.0"].output == "8×32" and layer[""].output == "dict of 2" and layer["unused"].output == ""
    # Of the body 32 and 32 and 16 columns of 8 floats are taken, and the last is what it leaves.
    assert (layer["body"].allocated_bytes, layer["body"].kept_bytes) == (8 * 80 * 4, 8 * 16 * 4)
    assert (layer["first"].allocated_bytes, layer["first"].kept_bytes) == (2 * 8 * 16 * 4, 2 * 8 * 16 * 4)
    assert layer[""].kept_bytes == 8 * 16 * 4  # its output
    # The flame graph is of the same calls.
    assert recorded.calls == 4
    assert any(frame.name == "body.0 (Linear)" for frame in recorded.frames)
    assert (tmp_path / TRACE_FILE).exists() and list((tmp_path / TENSORBOARD_FOLDER).iterdir())


def test_parameters_count_once_and_frozen_ones_are_not_trainable() -> None:
    net = Net()
    net.body[0].requires_grad_(False)
    net.body[2].weight = nn.Parameter(torch.zeros(16, 32, dtype=torch.bfloat16))
    tied = nn.ModuleDict({"net": net, "same": nn.ModuleList([net.first])})

    found = {part.name: layer_of(part) for part in parts_of(tied)}

    first, body = 16 * 16 + 16, 16 * 32 + 32 + 32 * 16 + 16
    assert (found["net"].parameters, found["net"].trainable_parameters) == (first + body + 6, first + body + 6 - 544)
    assert found[""].parameters == found["net"].parameters
    assert found["net.body.2"].parameter_bytes == 2 * 16 * 32 + 4 * 16
    assert found["net.first"].shared_as == ("net.again", "same.0")


def test_a_fused_encoder_stays_fused_and_says_what_that_hides() -> None:
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), 2)

    found, recorded = look(encoder, torch.randn(2, 4, 16))

    check(found)
    layer = by_name(found)
    assert layer["layers.0"].calls == layer["layers.1"].calls == 1
    assert layer["layers.0.self_attn"].calls == layer["layers.0.linear1"].calls == 0
    assert layer["layers.0"].output == "2×4×16"
    assert any("fused" in note and "layers.0" in note and "18 layers" in note for note in found.notes)
    assert any(frame.name == "aten::_transformer_encoder_layer_fwd" for frame in recorded.frames)
    assert not any(module._forward_hooks for module in encoder.modules())


def test_torchscript_tells_its_modules_by_its_operators(tmp_path: Path) -> None:
    class Looped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = nn.ModuleList([nn.Sequential(nn.Linear(8, 8), nn.ReLU()) for _ in range(2)])
            self.head = nn.Linear(8, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for block in self.blocks:
                x = block(x)
            return self.head(x) + 1

    torch.jit.script(Looped().eval()).save(tmp_path / "looped.pt")
    model = torch.jit.load(tmp_path / "looped.pt")
    with torch.inference_mode():
        for _ in range(3):
            model(torch.randn(4, 8))

    found, _ = look(model, torch.randn(4, 8))

    check(found)
    assert found.source == "script"
    called = {layer.name: layer.calls for layer in found.layers}
    assert called == {
        "": 1, "blocks": 0, "blocks.0": 1, "blocks.0.0": 1, "blocks.0.1": 1,
        "blocks.1": 1, "blocks.1.0": 1, "blocks.1.1": 1, "head": 1,
    }  # fmt: skip
    assert by_name(found)["blocks.0.0"].kind == "Linear"
    assert by_name(found)["head"].kept_bytes == 4 * 2 * 4
    assert any("interpreter" in note for note in found.notes)


def test_frozen_torchscript_tells_the_modules_that_its_operators_remember() -> None:
    model = nn.Sequential(nn.Linear(8, 8), nn.Sequential(nn.Linear(8, 8), nn.Sigmoid())).eval()
    with torch.no_grad():
        frozen = torch.jit.freeze(torch.jit.trace(model, torch.randn(2, 8)))
        for _ in range(3):
            frozen(torch.randn(2, 8))

    found, _ = look(frozen, torch.randn(2, 8))

    check(found)
    assert {"", "0", "1", "1.0", "1.1"} == {layer.name for layer in found.layers if layer.calls}
    assert any("frozen" in note for note in found.notes)


def test_a_scripted_module_inside_an_eager_one_is_looked_into() -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.eager = nn.Linear(8, 8)
            self.scripted = torch.jit.script(nn.Sequential(nn.Linear(8, 8), nn.ReLU()))

        def forward(self, x: torch.Tensor) -> Any:
            return self.scripted(self.eager(x))

    found, _ = look(Mixed(), torch.randn(2, 8))

    check(found)
    assert found.source == "events"
    assert {layer.name for layer in found.layers if layer.calls} == {
        "",
        "eager",
        "scripted",
        "scripted.0",
        "scripted.1",
    }


def test_an_exported_program_tells_its_modules_by_the_nodes_of_its_graph(tmp_path: Path) -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.shared = nn.Sequential(nn.Linear(8, 8), nn.ReLU())
            self.unused = nn.Linear(3, 3)

        def forward(self, x: torch.Tensor) -> Any:
            return {"y": self.shared(self.shared(x)) + 1}

    program = torch.export.export(Twice().eval(), (torch.randn(4, 8),))
    torch.export.save(program, tmp_path / "twice.pt2")
    model = torch.export.load(tmp_path / "twice.pt2").module()

    found, _ = look_as_served(model, torch.randn(4, 8))

    check(found)
    layer = by_name(found)
    assert layer["shared"].calls == layer["shared.0"].calls == layer["shared.1"].calls == 2
    assert (layer[""].kind, layer["shared.1"].kind) == ("Twice", "ReLU")  # of a module that has no parameters, too
    assert layer["unused"].calls == 0
    assert layer["shared.0"].parameters == 72
    assert any("exported program" in note for note in found.notes)


def look_as_served(model: Any, *args: Any) -> tuple[Layers, Recorded]:
    """Profile a model that has no train and eval modes."""
    with torch.inference_mode():
        model(*args)
        return layers.profile(target(model, *args), calls=4)


def test_what_is_no_module_is_one_layer_and_says_so() -> None:
    found, recorded = look(lambda x: x @ x, torch.randn(8, 8))

    check(found)
    assert found.source == "none"
    assert [layer.kind for layer in found.layers] == ["function"]
    assert any("tells no layers" in note for note in found.notes)
    assert any(frame.name == "aten::mm" for frame in recorded.frames)


def test_a_method_of_a_module_has_the_modules_layers() -> None:
    net = Net().eval()

    def twice(self: Net, x: torch.Tensor) -> Any:
        return self.body(self.body(x))

    found, _ = look(twice.__get__(net), torch.randn(2, 16))

    assert by_name(found)["body.0"].calls == 2


def test_a_module_that_a_function_wraps_has_its_layers() -> None:
    model = torch.jit.script(nn.Sequential(nn.Linear(4, 4), nn.ReLU()).eval())

    call = apply_precision(model, "autocast-bfloat16")

    found, _ = look(call, torch.randn(2, 4))
    check(found)
    assert {layer.name for layer in found.layers if layer.calls} == {"", "0", "1"}


def test_traces_of_two_profiles_may_share_a_folder(tmp_path: Path) -> None:
    for _ in range(2):
        look(nn.Linear(2, 2), torch.randn(1, 2), folder=tmp_path)

    assert len(list((tmp_path / TENSORBOARD_FOLDER).iterdir())) == 2


def test_a_module_that_is_no_registered_part_is_told() -> None:
    class Hiding(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.hidden = [nn.GELU()]

        def forward(self, x: torch.Tensor) -> Any:
            return self.hidden[0](x)

    found, _ = look(Hiding(), torch.randn(4))

    check(found)
    assert [layer.name for layer in found.layers] == [""]
    assert any("GELU" in note and "no registered parts" in note for note in found.notes)


def test_ten_thousand_tiny_layers_stay_within_bounds_and_say_what_cannot_be_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(layers.torch_trace, "MAX_EVENTS", 50_000)
    model = nn.Sequential(*(nn.Identity() for _ in range(10_000)))

    found, recorded = look(model, torch.randn(1), calls=50)

    check(found)
    assert len(found.layers) == 10_001
    assert all(layer.calls == 1 for layer in found.layers)
    assert found.calls == recorded.calls == 1
    assert not found.told_apart
    assert any("recorded 1 of 50 calls" in note for note in found.notes)
    assert any("cannot be told apart: one call was recorded" in note for note in found.notes)


def leaves(*calls: tuple[int, ...]) -> list[list[Passage]]:
    """Return calls in which layers one below the model took these nanoseconds."""
    return [
        [Passage(0, None, "", sum(call)), *(Passage(part, 0, "", time) for part, time in enumerate(call, start=1))]
        for call in calls
    ]


def test_layers_are_told_apart_by_more_than_their_noise() -> None:
    assert told_apart(leaves((100, 500, 90), (110, 480, 95), (105, 520, 88)))
    assert not told_apart(leaves((100, 120, 90), (120, 90, 105), (95, 100, 118)))


def test_a_call_that_was_slower_as_a_whole_is_no_noise_between_layers() -> None:
    assert told_apart(leaves((100, 130), (200, 231), (400, 429)))


def test_one_layer_is_always_told() -> None:
    assert told_apart(leaves((100,), (900,)))


def test_what_recording_took_is_taken_off_where_the_events_were() -> None:
    # Two layers of 400 ns each: one operation in 10 events, and one in 90.
    passages = [
        Passage(0, None, "", 1000),
        Passage(1, 0, "", 410, events=10),
        Passage(2, 0, "", 490, events=90),
    ]

    times = sum_by_part([passages], 3, bare_seconds=900e-9)

    assert [round(time.self_seconds * 1e9) for time in times] == [100, 400, 400]
    assert times[0].seconds == pytest.approx(900e-9)


def test_own_times_sum_to_the_bare_call_even_where_recording_took_more_than_a_layer_has() -> None:
    passages = [Passage(0, None, "", 1000), Passage(1, 0, "", 100, events=99), Passage(2, 0, "", 800, events=1)]

    times = sum_by_part([passages], 3, bare_seconds=500e-9)

    assert times[1].self_seconds == 0
    assert sum(time.self_seconds for time in times) == pytest.approx(500e-9)


def test_a_module_inside_itself_counts_its_time_once() -> None:
    passages = [Passage(0, None, "", 100), Passage(1, 0, "", 80), Passage(1, 1, "", 50)]

    times = sum_by_part([passages], 2, bare_seconds=1)

    assert (times[1].calls, round(times[1].seconds * 1e9), round(times[1].self_seconds * 1e9)) == (2, 80, 80)


def event(name: str, tag: str, nanoseconds: int, *children: Any, module: Any = None, **extra: Any) -> Any:
    return SimpleNamespace(
        name=name,
        tag=SimpleNamespace(name=tag),
        duration_time_ns=nanoseconds,
        correlation_id=0,
        children=list(children),
        typed=(None, SimpleNamespace(module=module, scope=SimpleNamespace(name="FUNCTION"), **extra)),
    )


def test_on_cuda_kernels_and_their_memory_are_of_the_layer_that_launched_them() -> None:
    model = nn.Sequential(nn.Linear(2, 2))
    kernel = event("ampere_sgemm_128x64_tn", "Kineto", 5000)
    cuda, cpu = SimpleNamespace(type="cuda"), SimpleNamespace(type="cpu")
    operation = event(
        "aten::addmm",
        "TorchOp",
        100,
        event("[memory]", "Allocation", 0, alloc_size=512, ptr=7, device=cuda),
        event("[memory]", "Allocation", 0, alloc_size=64, ptr=9, device=cpu),
        event("cudaLaunchKernel", "Kineto", 50, kernel),
    )
    module = SimpleNamespace(self_ptr=id(model[0]), cls_name="Linear")
    linear = event("nn.Module: Linear_0", "PyCall", 300, operation, module=module)
    entry = event("recorded.py(1): profiled_call", "PyCall", 1000, linear)

    ((root, inner),) = read_passages([entry], Locator(parts_of(model)), {}, space="cuda")

    assert (root.device_nanoseconds, inner.device_nanoseconds) == (0, 5000)
    assert (inner.nanoseconds, inner.allocated_bytes, inner.events) == (300, 512, 2)
    assert root.events == CALLING_EVENTS
    total, part = sum_by_part([[root, inner]], 2, bare_seconds=1)
    assert (round(total.device_seconds * 1e9), round(part.device_seconds * 1e9)) == (5000, 5000)


def test_on_cuda_layers_are_told_apart_by_their_kernels() -> None:
    calls = leaves((100, 100), (100, 100))
    for call in calls:
        call[2].device_nanoseconds = 70

    assert not told_apart(calls)
    assert told_apart(calls, on_device=True)


def test_an_exported_program_that_runs_other_operators_than_its_graph_tells_no_layers() -> None:
    model = torch.export.export(nn.Sequential(nn.Linear(2, 2), nn.ReLU()), (torch.randn(1, 2),)).module()
    operation = event("site-packages/torch/_ops.py(874): __call__", "PyCall", 90, event("aten::mm", "TorchOp", 80))
    forward = event("<eval_with_key>.0 from x.py:9 in y(3): forward", "PyCall", 100, operation)
    module = SimpleNamespace(self_ptr=id(model), cls_name="GraphModule")
    entry = event(
        "x.py(1): profiled_call", "PyCall", 200, event("nn.Module: G_0", "PyCall", 150, forward, module=module)
    )
    locator = Locator(parts_of(model))

    (passages,) = read_passages([entry], locator, {})

    assert locator.learned.unmatched
    assert [(passage.part, passage.nanoseconds) for passage in passages] == [(0, 200)]


def test_modules_of_scripted_operators_carry_over_only_to_calls_that_ran_the_same() -> None:
    def call(*operators: tuple[str, int]) -> Any:
        events = [event(name, "TorchOp", 1) for name, _ in operators]
        for one, (_, correlation) in zip(events, operators, strict=True):
            one.correlation_id = correlation
        return event("profiled_call", "TorchOp", 9, *events)

    told, same, other = (
        call(("aten::mm", 1), ("aten::relu", 2)), call(("aten::mm", 7), ("aten::relu", 8)), call(("aten::mm", 5))
    )  # fmt: skip

    assert carry_over({1: "a", 2: "b"}, told, [same]) == {7: "a", 8: "b"}
    assert carry_over({1: "a", 2: "b"}, told, [same, other]) is None


def test_a_profiler_that_saw_nothing_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers.torch_trace, "profiled_call", lambda target: None)

    with pytest.raises(ModelError, match="did not record the calls"):
        look(nn.Linear(2, 2), torch.randn(1, 2))


@dataclass
class Answer:
    """An output that torch knows nothing of."""

    logits: torch.Tensor


def test_outputs_are_described_whatever_they_are() -> None:
    y = torch.zeros(8, 4)
    assert describe(y) == "8×4"
    assert describe(torch.tensor(1.0)) == "scalar"
    assert describe((y, y)) == "2 × 8×4"
    assert describe((y, (y[0], y[0]))) == "8×4, tuple of 2"
    assert describe([y] * 9 + [y[0]]) == "list of 10"
    assert describe({"a": y, "b": 3}) == "dict of 2"
    assert describe(Answer(y)) == "Answer of 1"
    assert describe(()) == "tuple of 0"
    assert describe(3) == "int"


def test_looking_at_outputs_leaves_pythons_own_profile_function_as_it_was() -> None:
    seen: list[str] = []

    def own(frame: Any, event: str, arg: Any) -> None:
        seen.append(event)

    model = nn.Linear(4, 2)
    sys.setprofile(own)
    try:
        shapes = output_shapes(target(model, torch.zeros(3, 4)))
        kept = sys.getprofile()
    finally:
        sys.setprofile(None)

    assert kept is own
    assert shapes == {id(model): "3×2"}


def test_a_model_that_runs_another_way_each_time_has_calls_in_the_mean() -> None:
    class Variable(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.even, self.odd = nn.Linear(4, 4), nn.Linear(4, 4)
            self.calls = 0

        def forward(self, x: torch.Tensor) -> object:
            self.calls += 1
            return {"a": self.even(x)} if self.calls % 2 else Answer(self.odd(self.odd(x)))

    found, _ = look(Variable(), torch.randn(2, 4), calls=2)  # of so few, both count

    check(found)
    assert by_name(found)["even"].calls == 0.5
    assert by_name(found)["odd"].calls == 1.0


def test_a_compiled_model_says_that_its_layers_run_as_one() -> None:
    model = torch.compile(nn.Sequential(nn.Linear(4, 4), nn.ReLU()).eval(), backend="eager")

    found, _ = look(model, torch.randn(2, 4))

    check(found)
    assert by_name(found)["_orig_mod.0"].calls == 0
    assert any("torch.compile" in note for note in found.notes)


@st.composite
def recorded_calls(draw: st.DrawFn) -> list[list[Passage]]:
    """Draw calls whose passages lie within one another as in a trace: each shorter than what it is in."""
    calls = []
    for _ in range(draw(st.integers(1, 3))):
        passages = [Passage(0, None, "", draw(st.integers(1, 10**6)), events=draw(st.integers(0, 50)))]
        left = [passages[0].nanoseconds]
        for _ in range(draw(st.integers(0, 8))):
            parent = draw(st.integers(0, len(passages) - 1))
            taken = draw(st.integers(0, left[parent]))
            left[parent] -= taken
            left.append(taken)
            passages.append(Passage(draw(st.integers(1, 4)), parent, "", taken, events=draw(st.integers(0, 50))))
        calls.append(passages)
    return calls


@settings(max_examples=60)
@given(recorded_calls(), st.floats(1e-9, 2e-3))
def test_own_times_always_sum_to_the_call_and_none_is_below_zero(calls: list[list[Passage]], bare: float) -> None:
    times = sum_by_part(calls, 5, bare_seconds=bare)

    recorded = sum(passages[0].nanoseconds for passages in calls) / len(calls) / 1e9
    assert sum(time.self_seconds for time in times) == pytest.approx(min(bare, recorded))
    assert times[0].seconds == pytest.approx(min(bare, recorded))
    assert all(time.seconds >= 0 and time.self_seconds >= 0 for time in times)
