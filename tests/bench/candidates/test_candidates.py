"""Every candidate proves that it changed something and keeps its outputs within bounds, or says why it cannot."""

import copy
import inspect
import io
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from optimizable import Convolutional, Encoder, Recurrent, mlp
from torch import nn
from tricks import Picky

from mmied.bench.candidates.semi_structured import two_of_four
from mmied.bench.fidelity import output_tensors
from mmied.bench.importing import import_callable
from mmied.bench.models import OpenedModel
from mmied.bench.optimize.recipe import recipe_of
from mmied.bench.optimize.saving import load_optimized, save_optimized
from mmied.bench.optimize.script_export import from_torchscript
from mmied.bench.trial.agreement import compare_outputs
from mmied.bench.trial.context import Applied, Context
from mmied.bench.trial.needs import Host, missing
from mmied.bench.trial.protocol import NotApplicable
from mmied.bench.trial.served import apply_candidate
from mmied.candidates import CANDIDATES
from mmied.errors import ModelError
from mmied.optimization import Candidate, Route
from mmied.verdicts.guards import guard_fidelity

pytestmark = pytest.mark.filterwarnings("ignore")  # of compilers and runtimes, about their own insides

MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "mlp": (mlp, (8,)),
    "conv": (Convolutional, (3, 8, 8)),
    "attention": (Encoder, (5, 16)),
    "lstm": (Recurrent, (6, 8)),
}
BY_NAME = {candidate.name: candidate for candidate in CANDIDATES}
ON_CPU = [candidate for candidate in CANDIDATES if "cpu" in candidate.devices]
QUICK = [candidate for candidate in ON_CPU if "compiler" not in candidate.needs]
CHOICES = "top-1 agreement"  # says nothing of weights that were drawn: all their choices are near ties
# Each takes seconds to compile: one of them stands for all, that with the most steps.
COMPILED = "pt2e_int8_dynamic_compile"
PAGE = Path(__file__).parents[3] / "docs" / "candidates.md"
HOST = Host(cpu_flags=frozenset({"avx2", "avx512_bf16", "avx512_fp16"}), calibration=True, fine_tune=True)


class Attending(nn.Module):
    """One call of scaled_dot_product_attention: (batch, 5, 16) → the same."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(16, 16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.layer(x)[:, None]
        return nn.functional.scaled_dot_product_attention(y, y, y)[:, 0]


def model_of(kind: str) -> nn.Module:
    torch.manual_seed(0)
    return MODELS[kind][0]().eval()


def maker(kind: str) -> Callable[[int], Any]:
    def make(size: int) -> Any:
        generator = torch.Generator().manual_seed(size)
        # Within what calibration saw: what lies beyond is cut off, and that is another test's matter.
        return (torch.randn(size, *MODELS[kind][1], generator=generator).clamp(-2.5, 2.5),), {}

    return make


def on_route(model: nn.Module, kind: str, route: Route) -> Any:
    (example,), _ = maker(kind)(4)
    if route == "eager":
        return copy.deepcopy(model)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if route == "exported":
            batch = torch.export.Dim("batch", min=1, max=1024)
            return torch.export.export(model, (example,), dynamic_shapes=({0: batch},)).module()
        buffer = io.BytesIO()
        torch.jit.save(torch.jit.trace(model, example, strict=False), buffer)
        buffer.seek(0)
        return torch.jit.load(buffer).eval()


def apply(candidate: Candidate, model: Any, make: Callable[[int], Any], folder: Path, route: Route) -> Applied:
    opened = OpenedModel(call=model, make=make, revision="", artifact_bytes=0, parameters=0, digests={})
    context = Context(
        make=make,
        batch_sizes=(1, 8),
        device="cpu",
        route=route,
        threads=2,
        wait_policy=None,
        scratch=folder,
        calibration=[make(size)[0] for size in range(32, 42)],
        fine_tune=lambda pruned: 0.0,
    )
    return apply_candidate(candidate, opened, context)


def outputs(call: Callable[..., Any], inputs: Any, *, inference_mode: bool = True) -> dict[str, torch.Tensor]:
    args, kwargs = inputs
    with torch.inference_mode() if inference_mode else torch.no_grad():
        return {path: tensor.clone() for path, tensor in output_tensors(call(*args, **kwargs))}


def drive(candidate: Candidate, kind: str, route: Route, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str | None:
    """Put a candidate through its contract; returns why it does not apply, where it says so."""
    lacking = missing([need for need in candidate.needs if need not in ("bfloat16", "float16")], HOST, "cpu")
    if lacking is not None:
        pytest.skip(lacking)
    for name, value in candidate.environment.items():
        monkeypatch.setenv(name, value)
    model, make = model_of(kind), maker(kind)
    reference = outputs(model, make(8))
    try:
        applied = apply(candidate, on_route(model, kind, route), make, folder, route)
    except (NotApplicable, ModelError) as error:
        assert len(str(error)) > 20
        assert "\x1b" not in str(error)
        return str(error)
    assert any(count > 0 for count in applied.changed.values())
    assert all(count >= 0 for count in applied.changed.values())
    found = outputs(applied.call, make(8), inference_mode=applied.inference_mode)
    fidelity = compare_outputs(reference, found, 8)
    guards = [guard for guard in guard_fidelity(fidelity, candidate.exactness) if guard.name != CHOICES]
    assert [guard.shown for guard in guards if not guard.met] == []
    assert outputs(applied.call, make(1), inference_mode=applied.inference_mode)
    if recipe_of(applied.call) is not None:
        assert isinstance(applied.call, nn.Module)
        save_optimized(applied.call, folder / "saved")
        again = outputs(load_optimized(folder / "saved"), make(8))
        assert all(torch.allclose(again[path], tensor, atol=1e-5) for path, tensor in found.items())
    return None


# A contract that is kept by refusing every model is none: here is what has to work.
WORKS = {
    "mlp": {"threads_1", "wait_passive", "batch_size_x4", "onnxruntime", "openvino", "openvino_bfloat16", "bfloat16",
            "bfloat16_autocast", "float16", "onnxruntime_int8_dynamic", "onnxruntime_int8_static",
            "legacy_int8_dynamic", "legacy_int8_static", "openvino_int8_static", "script_int8_dynamic",
            "prune_structured_30", "prune_structured_30_untuned", "prune_unstructured_90"},
    "conv": {"channels_last", "bfloat16_channels_last", "conv_bn_fusion", "bfloat16_fused", "openvino_int8_static"},
    "attention": {"bfloat16", "onnxruntime_int8_dynamic", "legacy_int8_dynamic"},
    "lstm": {"bfloat16", "float16", "legacy_int8_dynamic", "onnxruntime"},
}  # fmt: skip
CASES = [
    *[(each, kind, each.routes[0]) for each in QUICK for kind in MODELS],
    *[(each, "mlp", route) for each in QUICK for route in each.routes[1:]],
    *[(BY_NAME["bfloat16"], "lstm", route) for route in ("exported", "torchscript")],
    (BY_NAME[COMPILED], "mlp", "eager"),
]


@pytest.mark.parametrize(("candidate", "kind", "route"), CASES, ids=lambda each: getattr(each, "name", each))
def test_each_keeps_its_contract(
    candidate: Candidate, kind: str, route: Route, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = drive(candidate, kind, route, tmp_path, monkeypatch)

    if candidate.name in WORKS[kind] or candidate.name == COMPILED:
        assert refusal is None


def test_attention_under_another_kernel_is_proven_by_the_calls_that_ran_there(tmp_path: Path) -> None:
    model, make = Attending().eval(), maker("attention")

    applied = apply(BY_NAME["attention_math"], model, make, tmp_path, "eager")

    assert applied.call is model
    assert applied.changed == {"attention_calls": 1}
    with pytest.raises(NotApplicable, match="1 calls of scaled_dot_product_attention take the math kernel already"):
        apply(BY_NAME["attention_math"], model, make, tmp_path, "eager")


def test_a_model_that_takes_one_sample_alone_is_not_called_with_more(tmp_path: Path) -> None:
    make = lambda size: ((torch.ones(size, 4),), {})  # noqa: E731

    with pytest.raises(NotApplicable, match=r"does not take a batch of 4: ValueError: one sample at a time"):
        apply(BY_NAME["batch_size_x4"], Picky().eval(), make, tmp_path, "eager")


def test_too_little_calibration_data_is_told_with_the_least_that_does(tmp_path: Path) -> None:
    candidate = BY_NAME["legacy_int8_static"]
    make = maker("mlp")
    few = Context(
        make=make,
        batch_sizes=(1,),
        device="cpu",
        route="eager",
        threads=1,
        wait_policy=None,
        scratch=tmp_path,
        calibration=[make(5)[0]],
    )
    opened = OpenedModel(call=mlp(), make=make, revision="", artifact_bytes=0, parameters=0, digests={})

    with pytest.raises(ModelError, match="5 samples, and 32 are the least"):
        apply_candidate(candidate, opened, few)


def test_a_script_with_named_inputs_is_converted_to_a_module_that_takes_them(tmp_path: Path) -> None:
    script = torch.jit.trace(mlp(), torch.randn(4, 8))
    name = script.forward.schema.arguments[1].name
    make = lambda size: ((), {name: torch.ones(size, 8)})  # noqa: E731

    converted = from_torchscript(script, make(4))

    assert torch.equal(converted(**make(3)[1]), script(torch.ones(3, 8)))
    assert converted is not script


def test_two_of_each_four_weights_stay() -> None:
    mask = two_of_four(torch.tensor([[1.0, -3.0, 2.0, 0.5, -4.0, 0.0, 0.1, 0.2]]))

    assert mask.tolist() == [[0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0]]


@pytest.mark.parametrize("candidate", CANDIDATES, ids=lambda each: each.name)
def test_each_row_names_a_function_that_takes_its_settings(candidate: Candidate) -> None:
    signature = inspect.signature(import_callable(candidate.function))

    signature.bind("model", "context", **candidate.settings)
    assert candidate.summary
    assert candidate.routes
    assert candidate.name.isidentifier()


def test_what_may_change_the_weights_says_so() -> None:
    for candidate in CANDIDATES:
        assert candidate.changes_weights == (candidate.exactness in ("int8", "pruned"))
        # Pruning without training after it is never sold as speed.
        assert candidate.reports_only == (candidate.exactness == "pruned" and "fine_tune" not in candidate.needs)


def test_each_candidate_stands_in_the_documentation_as_the_table_has_it() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \| (.*?) \| (.*?) \|", PAGE.read_text(), flags=re.MULTILINE)
    documented = {name: (needs, routes, exactness) for name, _, needs, routes, exactness in rows}

    assert list(documented) == [candidate.name for candidate in CANDIDATES]
    for candidate in CANDIDATES:
        needs, routes, exactness = documented[candidate.name]
        told = {*candidate.needs} | ({"a GPU"} if candidate.devices == ("cuda",) else set())
        assert needs == (", ".join(sorted(told)) or "–")
        assert routes == ("any" if len(candidate.routes) == 3 else ", ".join(candidate.routes))
        assert exactness == candidate.exactness
