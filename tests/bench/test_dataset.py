"""A data set feeds a model with its samples, and tells at once what is wrong with it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mmied.bench.dataset import fed_by, read_dataset
from mmied.bench.dataset_file import find_dataset
from mmied.bench.models import OpenedModel
from mmied.errors import MmiedError, ModelError
from mmied.records import ModelSpec, Source

SPEC = ModelSpec(name="m", source=Source(kind="factory", factory="a:b"), inputs=())


def saved(folder: Path, name: str = "test.npz", **arrays: Any) -> Path:
    path = folder / name
    np.savez(path, **arrays)
    return path


def opened(call: Any) -> OpenedModel:
    return OpenedModel(
        call=call, make=lambda batch_size: ((), {}), revision="", artifact_bytes=0, parameters=None, digests={}
    )


class TwoInputs(torch.nn.Module):
    def forward(self, tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return tokens * mask


def test_labels_are_told_from_inputs_by_their_name(tmp_path: Path) -> None:
    for label in ("labels", "targets", "y", "Y"):
        dataset = read_dataset(str(saved(tmp_path, x=np.zeros((3, 2)), **{label: np.arange(3)})))
        assert list(dataset.inputs) == ["x"]
        assert dataset.labels is not None
        assert dataset.labels.tolist() == [0, 1, 2]
        assert dataset.samples == 3


def test_labels_may_be_missing(tmp_path: Path) -> None:
    assert read_dataset(str(saved(tmp_path, x=np.zeros((3, 2))))).labels is None


def test_safetensors_are_read_too(tmp_path: Path) -> None:
    save_file({"x": torch.ones(4, 2), "labels": torch.arange(4)}, tmp_path / "test.safetensors")
    assert read_dataset(str(tmp_path / "test.safetensors")).samples == 4


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({}, "holds no samples"),
        ({"x": np.zeros((0, 4)), "y": np.zeros(0)}, "x, y is empty"),
        ({"x": np.zeros(())}, "holds no samples"),
        ({"x": np.zeros((3, 4)), "y": np.zeros(2)}, "not equally long: x 3, y 2"),
        ({"y": np.zeros(2)}, "holds y alone"),
        ({"x": np.zeros(2), "y": np.zeros(2), "labels": np.zeros(2)}, "only one can be the labels"),
        ({"x": np.array(["a", "b"])}, "cannot be read"),
    ],
)
def test_a_data_set_that_is_none_is_told(tmp_path: Path, arrays: dict[str, Any], told: str) -> None:
    path = saved(tmp_path, **arrays)
    with pytest.raises(ModelError, match=str(path)) as caught:
        read_dataset(str(path))
    assert told in str(caught.value)


def test_pickled_objects_are_not_loaded(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        read_dataset(str(saved(tmp_path, x=np.array([{"a": 1}], dtype=object))))


def test_inputs_go_by_name_where_the_model_has_the_names(tmp_path: Path) -> None:
    path = saved(tmp_path, mask=np.full((2, 1), 2.0), tokens=np.array([[1.0], [5.0]]))
    model = fed_by(opened(TwoInputs()), read_dataset(str(path)), SPEC)
    args, kwargs = model.make(2)
    assert args == ()
    assert model.call(**kwargs).tolist() == [[2.0], [10.0]]


def test_inputs_go_in_the_files_order_where_it_has_not(tmp_path: Path) -> None:
    path = saved(tmp_path, second=np.array([[1.0]]), first=np.array([[5.0]]), y=np.zeros(1))
    args, kwargs = fed_by(opened(TwoInputs()), read_dataset(str(path)), SPEC).make(1)
    assert [float(value) for value in args] == [1.0, 5.0]
    assert kwargs == {}


def test_a_batch_larger_than_the_data_set_repeats_it(tmp_path: Path) -> None:
    path = saved(tmp_path, x=np.arange(3.0))
    args, _ = fed_by(opened(lambda value: value), read_dataset(str(path)), SPEC).make(5)
    assert args[0].tolist() == [0.0, 1.0, 2.0, 0.0, 1.0]


def test_a_folder_stands_for_its_one_file_or_the_one_named_test(tmp_path: Path) -> None:
    one = saved(tmp_path, "data.npz", x=np.zeros(1))
    assert find_dataset(tmp_path) == find_dataset(one) == one
    saved(tmp_path, "train.npz", x=np.zeros(1))
    with pytest.raises(MmiedError, match=r"several data sets: data\.npz, train\.npz"):
        find_dataset(tmp_path)
    test = saved(tmp_path, "test.npz", x=np.zeros(1))
    assert find_dataset(tmp_path) == test


def test_a_place_without_a_data_set_is_told(tmp_path: Path) -> None:
    (tmp_path / "notes.csv").touch()
    with pytest.raises(MmiedError, match="holds neither"):
        find_dataset(tmp_path)
    with pytest.raises(MmiedError, match=r"neither a \.npz nor"):
        find_dataset(tmp_path / "notes.csv")
    with pytest.raises(MmiedError, match="cannot be read: No such file"):
        find_dataset(tmp_path / "gone.npz")
