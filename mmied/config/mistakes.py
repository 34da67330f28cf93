"""Say in sentences what is wrong with a configuration, whoever of the checks found it."""

import json
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from mmied.config.conflicts import find_conflicts
from mmied.config.schema import ConfigKeys, Section
from mmied.config.source import Document, KeyPath, Mistake
from mmied.config.values import suggest

SHOWN_CHARACTERS = 80
EXAMPLES = {  # of the keys that have no default
    "name": "ranker",
    "source": "{torchscript: /srv/models/ranker.pt}",
    "gap": "100ms",
    "per_sample": "128",
    "data": "/srv/samples/labelled.npz",
}
SECRET_KEYS = {("history", "url"), ("notify",)}  # a password may stand in it: it is not shown


def check_document(document: Document) -> tuple[ConfigKeys | None, list[Mistake]]:
    """Return what the document says, or None with all its mistakes."""
    data = document.data
    if isinstance(data, dict):  # a section whose keys are all commented out is a section of defaults
        data = {name: value for name, value in data.items() if value is not None or not _is_key(name)}
    keys: ConfigKeys | None = None
    found: list[Mistake] = []
    try:
        keys = ConfigKeys.model_validate(data, context={"folder": folder_of(document.path)})
    except ValidationError as error:
        found += [_from_pydantic(details, document) for details in error.errors(include_url=False)]
    found += find_conflicts(data)
    mistakes = [*document.mistakes, *(mistake for mistake in found if not _follows(mistake, document))]
    return (None if mistakes else keys), mistakes


def _follows(mistake: Mistake, document: Document) -> bool:
    """Tell whether a value that could not be read is behind the mistake, and is told already."""
    key, broken = mistake.key, [other.key for other in document.mistakes]
    return key in broken or (key[:-1] in broken and key not in document.lines)


def folder_of(path: Path) -> Path:
    """Return the folder at which the relative paths of the configuration at `path` begin."""
    return path.absolute().parent


def _is_key(name: str) -> bool:
    return name in ConfigKeys.model_fields


def _from_pydantic(details: ErrorDetails, document: Document) -> Mistake:
    key: KeyPath = details["loc"]
    shown = _shown(document, key)
    match details["type"]:
        case "value_error":
            sentence = f"{shown} {details['ctx']['error']}"
        case "missing":
            sentence = f"is missing. Try {key[-1]}: {EXAMPLES[str(key[-1])]}"
        case "extra_forbidden":
            sentence = f"is not known here. {suggest(str(key[-1]), known_keys(key[:-1]))}"
        case "tuple_type":
            sentence = f"{shown} is not a list."
        case "model_type" if known := known_keys(key):
            sentence = f"{shown} is not a mapping of keys to values. Known are {', '.join(known)}."
        case _:  # dict_type, the only other that our schema can give
            sentence = f"{shown} is not a mapping of keys to values."
    return Mistake(key=key, sentence=sentence)


def _shown(document: Document, key: KeyPath) -> str:
    """Return the value at `key` as it was written, on one line."""
    node = document.nodes.get(key)
    if key in SECRET_KEYS:
        return "the value"
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    if isinstance(node, yaml.SequenceNode):
        written = document.text[node.start_mark.index : node.end_mark.index]
        return written if node.flow_style and len(written) <= SHOWN_CHARACTERS and written.isprintable() else "a list"
    if not isinstance(node, yaml.ScalarNode) or not node.value:
        return "nothing"
    shortened = node.value if len(node.value) <= SHOWN_CHARACTERS else node.value[:SHOWN_CHARACTERS] + "…"
    return json.dumps(shortened, ensure_ascii=False) if node.tag.endswith(":str") else shortened


def known_keys(key: KeyPath) -> list[str]:
    """Return the keys that the mapping at `key` takes."""
    section: Any = ConfigKeys
    for part in key:
        if isinstance(section, type) and issubclass(section, Section):
            names = {field.alias or name: field.annotation for name, field in section.model_fields.items()}
            section = _without_wrapping(names.get(str(part)))
        else:  # a list or a mapping of sections
            section = _without_wrapping(next(item for item in get_args(section) if item not in (str, ...)))
    if isinstance(section, type) and issubclass(section, Section):
        return [field.alias or name for name, field in section.model_fields.items()]
    return []


def _without_wrapping(annotation: Any) -> Any:
    """Return the type inside `Annotated[…]` and `… | None`."""
    if get_origin(annotation) is Annotated:
        return _without_wrapping(get_args(annotation)[0])
    if get_origin(annotation) in (UnionType, Union):
        return _without_wrapping(next(item for item in get_args(annotation) if item is not type(None)))
    return annotation
