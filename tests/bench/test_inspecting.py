"""The deep passes run one by one; one that fails is told, and takes no other with it."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from targets import Odd, target
from torch import nn

from mmied.bench.inspecting import PASSES, inspect
from mmied.bench.profilers import flops, layers, memory_timeline, usage
from mmied.bench.profilers.flamegraph import graph_of
from mmied.bench.profilers.recorded import Recorded
from mmied.codec import from_json, to_json
from mmied.errors import ModelError
from mmied.inspection import Inspection
from mmied.records import Workload
from mmied.reports.frames import Frame, total_seconds

B4 = Workload(scenario="b4", batch_size=4)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "RECORD_SECONDS", 0.02)
    watch = usage.profile
    monkeypatch.setattr(usage, "profile", lambda target: watch(target, seconds=0.1))


def encoder() -> nn.Module:
    layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True)
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)


def test_every_pass_tells_its_part(tmp_path: Path) -> None:
    reached: list[str] = []

    found, recorded = inspect(
        target(encoder(), torch.randn(4, 8, 32)), workload=B4, folder=tmp_path, reached=reached.append
    )

    assert found.failures == {}
    assert tuple(reached) == tuple(found.pass_seconds) == PASSES
    assert all(seconds > 0 for seconds in found.pass_seconds.values())
    assert found.workload == B4
    assert found.layers is not None and found.operators is not None and found.flops is not None
    assert found.timelines[0].peak_bytes > 0
    assert found.timelines[0].peak_layer in {layer.name for layer in found.layers.layers}
    assert found.usage is not None and found.usage.at_seconds
    assert [each.layer for each in found.attentions] == ["layers.0.self_attn", "layers.1.self_attn"]
    assert recorded is not None
    assert json.loads(gzip.decompress((tmp_path / "trace.json.gz").read_bytes()))["traceEvents"]
    assert from_json(Inspection, to_json(found)) == found


def test_a_layer_has_its_arithmetic_beside_its_time() -> None:
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU())

    found, _ = inspect(target(model, torch.randn(4, 8)), workload=B4, passes=("flops", "layers"))

    assert found.layers is not None
    by_name = {layer.name: layer for layer in found.layers.layers}
    assert by_name[""].flops == by_name["0"].flops == 2 * 4 * 8 * 16
    assert by_name["0"].seconds is not None
    assert by_name["1"].flops is None  # elementwise operations are not counted


def test_only_what_was_asked_for_runs_in_the_usual_order() -> None:
    reached: list[str] = []

    found, recorded = inspect(
        target(nn.Linear(8, 8), torch.randn(4, 8)), workload=B4, passes=["memory", "flops"], reached=reached.append
    )

    assert reached == ["flops", "memory"]
    assert (found.layers, found.operators, found.usage, recorded) == (None, None, None, None)


def test_a_pass_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="passes: flop: not one of layers, operators, flops"):
        inspect(target(nn.Linear(8, 8), torch.randn(4, 8)), workload=B4, passes=["flop"])


def test_a_pass_that_raises_is_a_sentence_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def raise_ours(target: Any) -> Any:
        raise ModelError("FLOPs cannot be counted: nobody can count.")

    def raise_theirs(target: Any) -> Any:
        raise RuntimeError("shape '[2]' is invalid\nmore\n" + "and more\n" * 1000)

    monkeypatch.setattr(flops, "profile", raise_ours)
    monkeypatch.setattr(memory_timeline, "profile", raise_theirs)

    found, _ = inspect(target(nn.Linear(8, 8), torch.randn(4, 8)), workload=B4, passes=("flops", "memory", "usage"))

    assert found.failures == {
        "flops": "FLOPs cannot be counted: nobody can count.",
        "memory": "RuntimeError: shape '[2]' is invalid",
    }
    assert found.usage is not None
    assert set(found.pass_seconds) == {"flops", "memory", "usage"}


def test_a_model_that_always_raises_fails_every_pass_in_its_own_words() -> None:
    class Raises(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise ValueError("the tokenizer is not there")

    found, recorded = inspect(target(Raises(), torch.randn(4, 8)), workload=B4)

    called = set(PASSES) - {"attention"}  # there is none to call it for
    assert set(found.failures) == called
    assert all(said == "ValueError: the tokenizer is not there" for said in found.failures.values())
    assert recorded is None


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_who_wants_to_stop_is_not_held_up(monkeypatch: pytest.MonkeyPatch, stop: type[BaseException]) -> None:
    def interrupt(target: Any) -> Any:
        raise stop

    monkeypatch.setattr(flops, "profile", interrupt)

    with pytest.raises(stop):
        inspect(target(nn.Linear(8, 8), torch.randn(4, 8)), workload=B4, passes=("flops", "memory"))


def test_what_there_is_so_far_is_told_after_each_pass() -> None:
    told: list[Inspection] = []

    inspect(
        target(nn.Linear(8, 8), torch.randn(4, 8)),
        workload=B4,
        passes=("flops", "memory"),
        so_far=lambda inspection, recorded: told.append(inspection),
    )

    assert [(bool(one.flops), bool(one.timelines), len(one.pass_seconds)) for one in told] == [
        (True, False, 1),
        (True, True, 2),
    ]


def test_an_odd_model_is_no_matter() -> None:
    found, _ = inspect(target(Odd(), x=torch.randn(4, 8)), workload=B4)

    assert found.failures == {}
    assert found.layers is not None
    by_name = {layer.name: layer for layer in found.layers.layers}
    assert (by_name["shared"].calls, by_name["unused"].calls) == (2, 0)
    assert by_name["unused"].flops is by_name["unused"].seconds is None


def forms() -> Iterator[Any]:
    model, x = nn.Sequential(nn.Linear(8, 16), nn.ReLU()).eval(), torch.randn(4, 8)
    yield pytest.param(lambda: torch.jit.trace(model, x), id="traced")
    yield pytest.param(lambda: torch.jit.script(model), id="scripted")
    yield pytest.param(lambda: torch.export.export(model, (x,)).module(), id="exported")
    yield pytest.param(lambda: lambda y: {"out": model(y)}, id="function")


@pytest.mark.parametrize("make", list(forms()))
def test_a_model_in_any_form_goes_through_every_pass(make: Any) -> None:
    found, recorded = inspect(target(make(), torch.randn(4, 8)), workload=B4)

    assert found.failures == {}
    assert found.flops is not None and found.flops.flops == 2 * 4 * 8 * 16
    assert found.timelines[0].peak_bytes == 2 * 4 * 16 * 4
    assert found.operators is not None and "aten::addmm" in {each.name for each in found.operators.operators}
    assert recorded is not None and total_seconds(recorded.frames)[0] > 0


def test_the_frames_of_the_layers_make_a_flame_graph() -> None:
    frames = (
        Frame(name="model", category="other", self_seconds=0.5, parent=None),
        Frame(name="aten::mm", category="matmul", self_seconds=1.5, parent=0),
    )

    graph = make_graph(Recorded(frames=frames, calls=2, notes=("a note",)))

    assert (graph.calls, graph.batch_size, graph.bare_call_seconds) == (2, 4, 0.9)
    assert graph.notes == ("a note",)
    assert total_seconds(graph.frames)[0] == 2


def test_a_recording_of_nothing_makes_none() -> None:
    with pytest.raises(ModelError, match="saw nothing of 2 calls"):
        make_graph(Recorded(frames=(Frame(name="m", category="other", self_seconds=0.0, parent=None),), calls=2))


def make_graph(recorded: Recorded) -> Any:
    return graph_of(
        recorded,
        model="model",
        profiler="torch",
        device="cpu",
        batch_size=4,
        revision=None,
        environment=None,
        bare_call_seconds=0.9,
    )


def test_every_pass_of_the_table_can_be_asked_for() -> None:
    for name in PASSES:
        found, _ = inspect(target(nn.Linear(8, 8), torch.randn(4, 8)), workload=B4, passes=(name,))
        assert (found.failures, tuple(found.pass_seconds)) == ({}, (name,))
