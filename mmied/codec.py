"""Turn records into JSON and back."""

from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from mmied.errors import MmiedError

T = TypeVar("T")


_adapters: dict[type, TypeAdapter[Any]] = {}  # an adapter takes milliseconds to build


def _adapter(kind: type[T]) -> TypeAdapter[T]:
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]


def to_json(record: object) -> str:
    """Return `record` as compact JSON. Its figures have to be finite: JSON has no word for the others."""
    return _adapter(type(record)).dump_json(record).decode()


def from_json(kind: type[T], text: str | bytes) -> T:
    """Return the record of type `kind` that `text` holds.

    Raises MmiedError when the text is not such a record.
    """
    try:
        return _adapter(kind).validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        raise MmiedError(f"not a {kind.__name__}: {where}: {first['msg']}") from error
