"""Half precision inside, float32 outside, and the original as it was."""

from pathlib import Path
from typing import Any

import pytest
import torch
from optimizable import Answer, Pair, Ranker, Squaring, mlp
from torch import nn

from mmied.bench.optimize import precision_support
from mmied.bench.optimize.mixed_precision import MixedPrecisionConverter, MixedPrecisionWrapper
from mmied.bench.optimize.recipe import recipe_of
from mmied.errors import ModelError


class Spy(nn.Module):
    """Tells in which dtypes it was called and computed."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.seen: list[torch.dtype] = []

    def forward(self, nest: Any) -> Pair:
        x = nest["x"][0]
        y = self.linear(x)
        self.seen += [x.dtype, y.dtype]
        return Pair(y, nest["ids"])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("autocast", [True, False])
def test_it_computes_in_half_and_gives_float32(dtype: torch.dtype, autocast: bool, snapshot: Any) -> None:
    model = Spy().eval()
    before = snapshot(model)
    converted = MixedPrecisionConverter(model, dtype=dtype, use_auto_cast=autocast).convert_to_mixed_precision()
    ids = torch.arange(2)
    output = converted({"x": [torch.randn(2, 4)], "ids": ids})

    before.assert_untouched()
    assert model.seen == []
    assert converted.model.seen == [torch.float32 if autocast else dtype, dtype]
    assert isinstance(output, Pair)
    assert output.first.dtype is torch.float32
    assert output.second is ids
    assert converted.model.linear.weight.dtype is (torch.float32 if autocast else dtype)
    recipe = recipe_of(converted)
    assert recipe is not None
    assert recipe.changed == {"tensors": 2, "parameters": 20}


def test_dataclasses_and_keywords_go_through() -> None:
    converted = MixedPrecisionConverter(
        Ranker().eval(), torch.bfloat16, use_auto_cast=False
    ).convert_to_mixed_precision()
    answer = converted(features=torch.ones(2, 8), weights=torch.ones(2, 1))
    assert isinstance(answer, Answer)
    assert (answer.logits.dtype, answer.parts["top"].dtype) == (torch.float32, torch.float32)


def test_the_training_flag_is_kept() -> None:
    assert MixedPrecisionConverter(mlp().train(), torch.bfloat16).convert_to_mixed_precision().training
    assert not MixedPrecisionConverter(mlp(), torch.bfloat16).convert_to_mixed_precision().training


def test_an_example_tells_how_far_the_outputs_are_off() -> None:
    converter = MixedPrecisionConverter(mlp(), torch.bfloat16, example_inputs=torch.randn(4, 8))
    converter.convert_to_mixed_precision()
    assert any("off by 0." in note for note in converter.notes)


def test_an_operator_that_lacks_the_dtype_is_told_before_it_serves() -> None:
    class Solving(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.matrix = nn.Parameter(torch.eye(3))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            solved: torch.Tensor = torch.linalg.solve(self.matrix, x)
            return solved

    converter = MixedPrecisionConverter(Solving(), torch.float16, use_auto_cast=False, example_inputs=torch.ones(3, 2))
    with pytest.raises(ModelError, match=r"cannot be called in torch.float16 on this device"):
        converter.convert_to_mixed_precision()


@pytest.mark.parametrize(
    ("dtype", "sentence"),
    [(torch.float32, "is no half precision"), (torch.int8, r"For 8 bits take quantize_model\(model\)")],
)
def test_other_dtypes_are_refused(dtype: torch.dtype, sentence: str) -> None:
    with pytest.raises(ModelError, match=sentence):
        MixedPrecisionConverter(mlp(), dtype)


def test_a_device_without_the_dtype_is_told_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "mmied.bench.optimize.mixed_precision.unsupported_reason", lambda dtype, device: f"{device} has no {dtype}"
    )
    with pytest.raises(ModelError, match=r"cpu has no torch.bfloat16. Take dtype=None"):
        MixedPrecisionWrapper(mlp(), torch.bfloat16)


@pytest.mark.parametrize(
    ("flags", "best"),
    [("fpu avx512_bf16", torch.bfloat16), ("fpu avx512_fp16", torch.float16), ("fpu", torch.bfloat16)],
)
def test_without_a_dtype_the_processor_decides(
    flags: str, best: torch.dtype, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor : 0\nflags\t\t: {flags}\n")
    found = precision_support.cpu_flags(tmp_path)
    monkeypatch.setattr(precision_support, "cpu_flags", lambda: found)
    converter = MixedPrecisionConverter(mlp(), None)
    assert converter.dtype is best
    assert str(best) in converter.notes[0]


def test_nothing_to_convert_is_no_conversion() -> None:
    with pytest.raises(ModelError, match="changed nothing: the model has no floating parameters"):
        MixedPrecisionConverter(Squaring(), torch.bfloat16).convert_to_mixed_precision()
    with pytest.raises(ModelError, match=r"changed nothing: the model has torch.float64, which autocast leaves"):
        MixedPrecisionConverter(mlp().double(), torch.bfloat16).convert_to_mixed_precision()
    with pytest.raises(ModelError, match=r"changed nothing: the model has torch.bfloat16"):
        MixedPrecisionConverter(mlp().bfloat16(), torch.bfloat16, use_auto_cast=False).convert_to_mixed_precision()
