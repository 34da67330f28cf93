"""Read an input of a model from words, such as "shape=batch,64 dtype=int64 range=0,10000"."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmied.config.schema import INPUT_DTYPES
from mmied.config.values import one_of, parse_function, parse_range, parse_shape, parse_text, parse_values, suggest
from mmied.errors import MmiedError
from mmied.records import InputSpec

INPUT_EXAMPLE = '--inputs "shape=batch,64 dtype=int64 range=0,10000"'


def parse_input(text: str, option: str = "--inputs") -> InputSpec:
    """Return the input that words such as "shape=batch,64 dtype=int64 range=0,10000" declare.

    Raises MmiedError with what is wrong in them.
    """
    told: dict[str, Any] = {}
    for word in text.split():
        key, equals, value = word.partition("=")
        if not equals:
            raise MmiedError(f'{option}: "{word}" is not KEY=VALUE. Try {INPUT_EXAMPLE}.')
        if key not in _PARSERS:
            raise MmiedError(f'{option}: "{key}" is not known. {suggest(key, _PARSERS)}')
        if key in told:
            raise MmiedError(f"{option}: {key} stands twice in one input. Give each input in quotes of its own.")
        try:
            told[key] = _PARSERS[key](value)
        except ValueError as error:
            raise MmiedError(f'{option}: {key}={value}: "{value}" {error}') from error
    if len({"shape", "file", "factory"} & set(told)) != 1:
        raise MmiedError(f'{option}: "{text}" needs one of shape=, file= and factory=. Try {INPUT_EXAMPLE}.')
    return InputSpec(**told)


def _items(text: str) -> list[Any]:
    return [_number(item) for item in text.split(",")]


def _number(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _recording(text: str) -> str:
    if not text.endswith((".npz", ".safetensors")):
        raise ValueError("is neither a .npz nor a .safetensors file.")
    return str(Path(text).absolute())


_PARSERS: dict[str, Callable[[str], Any]] = {
    "shape": lambda text: parse_shape(_items(text)),
    "dtype": one_of(*INPUT_DTYPES),
    "range": lambda text: parse_range(_items(text)),
    "values": lambda text: parse_values(_items(text)),
    "name": parse_text,
    "file": _recording,
    "factory": parse_function,
}
