"""A model runs in another precision without being changed by it."""

import pytest
import torch
from torch import nn

from mmied.bench.precision import PRECISIONS, apply_precision, canonical_precision, cast_inputs, own_precision
from mmied.errors import MmiedError, ModelError


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("fp32", "float32"),
        ("FP16", "float16"),
        ("half", "float16"),
        ("bf16", "bfloat16"),
        ("amp", "autocast-bfloat16"),
        ("autocast_float16", "autocast-float16"),
        (torch.bfloat16, "bfloat16"),
    ],
)
def test_a_precision_is_known_by_all_its_names(name: object, canonical: str) -> None:
    assert canonical_precision(name) == canonical


def test_every_canonical_name_is_a_name_of_its_own() -> None:
    assert all(PRECISIONS[canonical] == canonical for canonical in PRECISIONS.values())


def test_an_unknown_precision_shows_those_that_are_known() -> None:
    with pytest.raises(MmiedError, match=r"precision: flaot32 is not known. Did you mean .*autocast-bfloat16"):
        canonical_precision("flaot32")


def test_int8_is_said_to_take_a_quantizer() -> None:
    with pytest.raises(MmiedError, match=r"int8 .* takes a quantizer"):
        canonical_precision("int8")


def test_a_cast_works_on_a_copy() -> None:
    model = nn.Linear(4, 2)
    cast = apply_precision(model, "bf16")
    args, _ = cast_inputs((torch.ones(1, 4), torch.tensor([1])), {}, "bf16")
    assert cast(args[0]).dtype is torch.bfloat16
    assert args[1].dtype is torch.int64
    assert own_precision(model) == "float32"
    assert apply_precision(model, "fp32") is model


def test_autocast_shares_parameters_and_names_with_the_model() -> None:
    model = nn.Sequential(nn.Linear(4, 2), nn.ReLU())
    cast = apply_precision(model, "amp")
    assert cast(torch.ones(1, 4)).dtype is torch.bfloat16
    assert isinstance(cast, nn.Sequential)
    assert [name for name, _ in cast.named_modules()] == [name for name, _ in model.named_modules()]
    assert cast[0].weight is model[0].weight
    assert model(torch.ones(1, 4)).dtype is torch.float32


def test_autocast_takes_torchscript_too() -> None:
    script = torch.jit.trace(nn.Linear(4, 2), torch.ones(1, 4))
    with torch.inference_mode():
        assert apply_precision(script, "amp")(torch.ones(1, 4)).shape == (1, 2)


def test_a_model_that_cannot_be_copied_says_so() -> None:
    model = nn.Linear(4, 2)
    model.shortcut = model.weight * 2  # no leaf
    with pytest.raises(ModelError, match="Linear cannot be copied"):
        apply_precision(model, "fp16")
