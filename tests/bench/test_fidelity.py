"""Outputs are looked at wherever they are."""

import pytest
import torch

from mmied.bench.fidelity import check_outputs, output_tensors
from mmied.errors import ModelError


def test_tensors_are_found_in_nests_with_their_paths() -> None:
    output = {"a": [torch.ones(1), (torch.ones(2),)], "b": "text"}
    assert [path for path, _ in output_tensors(output)] == ["output['a'][0]", "output['a'][1][0]"]


def test_masked_logits_and_integers_are_fine() -> None:
    check_outputs((torch.tensor([1.0, float("-inf")]), torch.tensor([1, 2]), None))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_nan_and_overflow_are_not(value: float) -> None:
    with pytest.raises(ModelError, match=r"output\['y'\]: 1 of 2 values") as caught:
        check_outputs({"y": torch.tensor([1.0, value], dtype=torch.float16)})
    assert caught.value.reason == "bad_output"
