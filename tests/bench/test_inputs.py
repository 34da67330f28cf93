"""Inputs are what was declared, and the same in every run."""

from pathlib import Path

import numpy
import pytest
import torch
from safetensors.torch import save_file

from mmied.bench.inputs import DTYPES, make_inputs, repeat_example
from mmied.config.schema import INPUT_DTYPES
from mmied.errors import ModelError
from mmied.records import InputSpec, ModelSpec, Source


def spec(*inputs: InputSpec, dtype: str = "float32", seed: int = 0) -> ModelSpec:
    return ModelSpec(name="m", source=Source(kind="pickle"), inputs=inputs, dtype=dtype, seed=seed)


def test_the_configuration_knows_the_same_dtypes() -> None:
    assert set(INPUT_DTYPES) == set(DTYPES)


@pytest.mark.parametrize("dtype", sorted(DTYPES))
def test_a_declared_input_has_shape_and_dtype(dtype: str) -> None:
    (value,), _ = make_inputs(spec(InputSpec(shape=("batch", 3), dtype=dtype)), 5)
    assert value.shape == (5, 3)
    expected = torch.float32 if DTYPES[dtype].is_floating_point else DTYPES[dtype]
    assert value.dtype == expected, "floating inputs come in the model's dtype"


def test_random_inputs_are_the_same_in_every_run_and_differ_by_seed_place_and_batch() -> None:
    item = InputSpec(shape=("batch", 64))
    (first, second), _ = make_inputs(spec(item, item), 2)
    (again, _), _ = make_inputs(spec(item, item), 2)
    (other, _), _ = make_inputs(spec(item, item, seed=1), 2)
    assert torch.equal(first, again)
    assert not torch.equal(first, second)
    assert not torch.equal(first, other)


def test_range_and_values_bound_what_is_drawn() -> None:
    inputs = (
        InputSpec(shape=("batch", 100), dtype="int64", range=(5, 8)),
        InputSpec(shape=("batch", 100), range=(-1, 1)),
        InputSpec(shape=("batch", 100), dtype="int32", values=(3, 9)),
    )
    (integers, floats, chosen), _ = make_inputs(spec(*inputs), 4)
    assert set(integers.unique().tolist()) == {5, 6, 7}
    assert floats.min() >= -1
    assert floats.max() < 1
    assert set(chosen.unique().tolist()) == {3, 9}


def test_named_and_nested_inputs() -> None:
    nested = InputSpec(
        name="state",
        dict={"h": InputSpec(shape=("batch", 2)), "cs": InputSpec(list=(InputSpec(shape=(1,)), InputSpec(shape=(2,))))},
    )
    args, kwargs = make_inputs(spec(InputSpec(shape=("batch", 4)), nested, dtype="bfloat16"), 3)
    assert args[0].dtype is torch.bfloat16
    assert kwargs["state"]["h"].shape == (3, 2)
    assert [tensor.shape[0] for tensor in kwargs["state"]["cs"]] == [1, 2]


def test_recorded_samples_are_repeated_to_the_batch(tmp_path: Path) -> None:
    save_file({"ids": torch.arange(6).reshape(3, 2)}, tmp_path / "ids.safetensors")
    numpy.savez(tmp_path / "mask.npz", mask=numpy.ones((2, 2), dtype=bool))
    inputs = (
        InputSpec(file=str(tmp_path / "ids.safetensors")),
        InputSpec(file=str(tmp_path / "mask.npz"), name="mask"),
    )
    (ids,), kwargs = make_inputs(spec(*inputs), 4)
    assert ids.tolist() == [[0, 1], [2, 3], [4, 5], [0, 1]]
    assert kwargs["mask"].shape == (4, 2)


@pytest.mark.parametrize("name", ["broken.npz", "broken.safetensors", "gone.npz"])
def test_recordings_that_cannot_be_read_are_told(tmp_path: Path, name: str) -> None:
    if "gone" not in name:
        (tmp_path / name).write_bytes(b"not an archive")
    with pytest.raises(ModelError, match=f"{name}: cannot be read as recorded inputs"):
        make_inputs(spec(InputSpec(file=str(tmp_path / name))), 1)


def test_a_recorded_pickle_is_not_run(tmp_path: Path) -> None:
    numpy.savez(tmp_path / "evil.npz", evil=numpy.array([{"a": 1}], dtype=object))
    with pytest.raises(ModelError, match="cannot be read"):
        make_inputs(spec(InputSpec(file=str(tmp_path / "evil.npz"))), 1)


def test_an_example_call_is_stretched_along_its_batch() -> None:
    example = (torch.arange(4).reshape(2, 2), torch.ones(3))
    (ids, other), kwargs = repeat_example(example, {"flag": True}, 2, 5, spec())
    assert ids.shape == (5, 2)
    assert other.shape == (3,)
    assert kwargs == {"flag": True}
