"""Make a model's inputs for one batch size: declared, recorded, made by the user's own function, or inferred."""

import hashlib
from collections.abc import Mapping
from typing import Any

import torch
from torch.utils._pytree import tree_map

from mmied.bench.importing import import_callable
from mmied.errors import ModelError
from mmied.records import InputSpec, ModelSpec

DTYPES = {
    name: getattr(torch, name)
    for name in ("float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool")
}


def make_inputs(spec: ModelSpec, batch_size: int) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return positional and keyword inputs on the model's device, floating ones in its dtype.

    Random values depend on the spec and the batch size alone: they are the same in every run.
    Raises ModelError when an input cannot be made.
    """
    positional: list[Any] = []
    keyword: dict[str, Any] = {}
    for index, item in enumerate(spec.inputs):
        value = place_inputs(_make(item, batch_size, f"{spec.seed}/{index}"), spec)
        if item.name is None:
            # A factory may return all inputs at once: (inputs, …) or {name: input, …}.
            if item.factory is not None and isinstance(value, dict):
                keyword |= value
            elif item.factory is not None and isinstance(value, tuple):
                positional += value
            else:
                positional.append(value)
        else:
            keyword[item.name] = value
    return tuple(positional), keyword


def repeat_example(
    args: tuple[Any, ...], kwargs: Mapping[str, Any], example_batch: int, batch_size: int, spec: ModelSpec
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return a recorded example call for `batch_size`, on the model's device and its floating parts in its dtype."""
    args, kwargs = stretch_inputs(args, kwargs, example_batch, batch_size)
    return place_inputs(args, spec), place_inputs(kwargs, spec)


def stretch_inputs(
    args: tuple[Any, ...], kwargs: Mapping[str, Any], example_batch: int, batch_size: int
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return inputs whose tensors of `example_batch` rows are repeated or cut to `batch_size` rows."""

    def stretch(value: Any) -> Any:
        if not isinstance(value, torch.Tensor) or value.dim() == 0 or value.shape[0] != example_batch:
            return value
        times = -(-batch_size // example_batch)
        return value.repeat(times, *[1] * (value.dim() - 1))[:batch_size].contiguous()

    return tree_map(stretch, args), tree_map(stretch, dict(kwargs))


def place_inputs(value: Any, spec: ModelSpec) -> Any:
    """Return a value, however nested, with its tensors on the model's device, floating ones in its dtype."""

    def move(leaf: Any) -> Any:
        if not isinstance(leaf, torch.Tensor):
            return leaf
        return leaf.to(spec.device, DTYPES[spec.dtype] if leaf.is_floating_point() else leaf.dtype)

    return tree_map(move, value)


def _make(item: InputSpec, batch_size: int, path: str) -> Any:
    if item.list is not None:
        return [_make(part, batch_size, f"{path}/{index}") for index, part in enumerate(item.list)]
    if item.dict is not None:
        return {key: _make(part, batch_size, f"{path}/{key}") for key, part in item.dict.items()}
    if item.factory is not None:
        return import_callable(item.factory)(batch_size)
    if item.file is not None:
        return _recorded(item, batch_size)
    return _random(item, batch_size, path)


def _random(item: InputSpec, batch_size: int, path: str) -> torch.Tensor:
    shape = [batch_size if size == "batch" else int(size) for size in item.shape or ()]
    dtype = DTYPES[item.dtype]
    seed = int.from_bytes(hashlib.sha256(f"{path}/{batch_size}".encode()).digest()[:8], "big") >> 1
    generator = torch.Generator().manual_seed(seed)
    if item.values is not None:
        choices = torch.tensor(item.values, dtype=dtype)
        return choices[torch.randint(len(item.values), shape, generator=generator)]
    if dtype is torch.bool:
        return torch.randint(2, shape, generator=generator).bool()
    if dtype.is_floating_point:
        if item.range is None:
            return torch.randn(shape, generator=generator).to(dtype)
        low, high = item.range
        return (torch.rand(shape, generator=generator) * (high - low) + low).to(dtype)
    low, high = item.range if item.range is not None else (0, 2)
    return torch.randint(int(low), int(high), shape, generator=generator, dtype=dtype)


def _recorded(item: InputSpec, batch_size: int) -> torch.Tensor | dict[str, torch.Tensor]:
    arrays = read_arrays(str(item.file))
    lengths = {array.shape[0] if array.dim() else 0 for array in arrays.values()}
    if 0 in lengths or not arrays:
        raise ModelError(f"{item.file}: holds no samples. Its arrays need a leading dimension of samples.")
    rows = {name: array[torch.arange(batch_size) % array.shape[0]].contiguous() for name, array in arrays.items()}
    if item.name is not None and item.name in rows:
        return rows[item.name]
    return next(iter(rows.values())) if len(rows) == 1 else rows


def read_arrays(path: str) -> dict[str, torch.Tensor]:
    """Return the arrays of a .npz or .safetensors file. Raises ModelError."""
    try:
        if path.endswith(".safetensors"):
            from safetensors.torch import load_file  # only for those who record so

            return load_file(path)
        import numpy

        with numpy.load(path, allow_pickle=False) as archive:
            return {name: torch.from_numpy(archive[name]) for name in archive.files}
    except Exception as error:
        raise ModelError(f"{path}: cannot be read as recorded inputs: {error}") from error
