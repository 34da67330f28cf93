"""Look at a model's outputs: are they there, and are they finite?"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from mmied.errors import ModelError


def output_tensors(output: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the tensors of an output with their paths: through mappings, sequences and dataclasses, however nested."""
    yield from _walk("output", output)


def _walk(path: str, value: Any) -> Iterator[tuple[str, torch.Tensor]]:
    if isinstance(value, torch.Tensor):
        yield path, value
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from _walk(f"{path}[{key!r}]", part)
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        for index, part in enumerate(value):
            yield from _walk(f"{path}[{index}]", part)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from _walk(f"{path}.{field.name}", getattr(value, field.name))


def check_outputs(output: Any) -> None:
    """Raise ModelError("bad_output") when an output is NaN or +infinity, or when there is no output at all.

    Minus infinity is let through: it is how models mask logits.
    """
    if output is None:
        raise ModelError("the forward pass returned None", "bad_output")
    for path, tensor in output_tensors(output):
        if not tensor.is_floating_point():
            continue
        bad = int((tensor.isnan() | tensor.isposinf()).sum())
        if bad:
            raise ModelError(
                f"{path}: {bad} of {tensor.numel()} values are NaN or infinite. "
                "Check the weights, and whether the inputs are in the range that the model was made for.",
                "bad_output",
            )
