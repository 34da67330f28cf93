"""Find the mistakes that no key makes alone: two keys that do not go together, or one that lacks another.

It reads the plain data, whatever its types, since a value that is wrong by itself must not hide these.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from mmied.config.schedule import Every, parse_schedule_or_never
from mmied.config.schema import INPUT_FORMS, INTEGER_DTYPES, MAX_MODELS, SOURCE_KINDS, InputKeys, SourceKeys
from mmied.config.source import KeyPath, Mistake
from mmied.config.units import format_duration, parse_duration
from mmied.config.values import parse_listen, suggest
from mmied.config.workloads import make_workload

DEFAULT_SEARCH = "30m"
MOST_SEARCH_RATIO = 0.5  # of the time that searches may take


def find_conflicts(data: Any) -> Iterator[Mistake]:
    """Yield a mistake for each conflict in the data of a configuration."""
    root = _mapping(data)
    yield from _in_http(_mapping(root.get("http")))
    yield from _in_schedule(root.get("schedule"), ("schedule",))
    yield from _in_optimize(root.get("optimize"), {}, ("optimize",))
    models = _list(root.get("models"))
    if len(models) > MAX_MODELS:
        yield Mistake(key=("models",), sentence=f"has {len(models)} models, more than the {MAX_MODELS} that are taken.")
    first_of: dict[str, int] = {}
    for index, item in enumerate(models):
        name = _mapping(item).get("name")
        if isinstance(name, str) and first_of.setdefault(name, index) != index:
            sentence = f'"{name}" is the name of models[{first_of[name]}] too. Give one of them another.'
            yield Mistake(key=("models", index, "name"), sentence=sentence)
        if isinstance(item, dict):
            yield from _in_model(item, ("models", index))
            yield from _in_optimize(item.get("optimize"), _mapping(root.get("optimize")), ("models", index, "optimize"))
            if _is_searched(item.get("optimize")) and "package" in _mapping(item.get("source")):
                sentence = "has nothing to try on a compiled package, in which nothing can be changed. Leave it out."
                yield Mistake(key=("models", index, "optimize"), sentence=sentence)


def _in_model(model: dict[str, Any], key: KeyPath) -> Iterator[Mistake]:
    yield from _in_source(model.get("source"), (*key, "source"))
    yield from _in_inputs(model, key)
    yield from _in_schedule(model.get("schedule"), (*key, "schedule"))
    yield from _in_objectives(model, (*key, "objectives"))


def _in_objectives(model: dict[str, Any], key: KeyPath) -> Iterator[Mistake]:
    """Yield a mistake for each scenario with objectives that the model is not called in."""
    sizes, pacings = model.get("batch_sizes", [1]), model.get("pacing", ["tight"])
    try:
        gaps = [0.0 if pacing == "tight" else parse_duration(_mapping(pacing)["gap"]) for pacing in _list(pacings)]
        known = [make_workload(size, gap).scenario for gap in gaps for size in _list(sizes)]
    except (KeyError, ValueError, TypeError):
        return  # told already
    for name, inner in _mapping(model.get("objectives")).items():
        if isinstance(inner, dict) and name not in known:
            yield Mistake(key=(*key, name), sentence=f"is no scenario of this model. {suggest(str(name), known)}")


def _in_http(http: dict[str, Any]) -> Iterator[Mistake]:
    try:
        address = parse_listen(http.get("listen"))
    except ValueError:
        return
    if not address.is_loopback and http.get("web_config") is None and http.get("insecure") is not True:
        yield Mistake(
            key=("http", "listen"),
            sentence=f"{address.host} can be reached from elsewhere, by anybody. "
            'Name a file with TLS or users in "web_config", or accept it with "insecure: true".',
        )


def _in_schedule(value: Any, key: KeyPath) -> Iterator[Mistake]:
    schedule = _mapping(value)
    if schedule.get("profile") is not None and schedule.get("cron") is not None:
        yield Mistake(key=key, sentence='has both "profile" and "cron". Keep one.')


def _is_searched(optimize: Any) -> bool:
    return _mapping(optimize).get("schedule") not in (None, "off", "never", False)


def _in_optimize(value: Any, otherwise: dict[str, Any], key: KeyPath) -> Iterator[Mistake]:
    """Hold the time that a search may take against the time to the next; what one level leaves out, the other has."""
    own = _mapping(value)
    if own.get("schedule") is None and own.get("budget") is None:
        return
    try:
        schedule = parse_schedule_or_never(own.get("schedule") or otherwise.get("schedule") or "never")
        budget_seconds = parse_duration(own.get("budget") or otherwise.get("budget") or DEFAULT_SEARCH)
    except ValueError:
        return  # the schema tells
    if isinstance(schedule, Every) and budget_seconds > MOST_SEARCH_RATIO * schedule.seconds:
        yield Mistake(
            key=(*key, "budget" if own.get("budget") is not None else "schedule"),
            sentence=f"has searches of {format_duration(budget_seconds)} every {format_duration(schedule.seconds)}: "
            'more than half of the time. Search less often, such as "0 3 * * *", or for a shorter time.',
        )


def _in_source(source: Any, key: KeyPath) -> Iterator[Mistake]:
    if not isinstance(source, dict):
        return  # the schema tells
    given = {name for name, value in source.items() if value is not None}
    kinds = [kind for kind in SOURCE_KINDS if kind in given]
    if len(kinds) > 1:
        yield Mistake(key=key, sentence=f"has {_and(kinds)}. Keep one.")
    elif not kinds and not _unknown(source, SourceKeys):
        yield Mistake(key=key, sentence=f"has to name one of {_or(SOURCE_KINDS)}.")
    if kinds and "factory" not in kinds:
        for name in ("weights", "arguments"):
            if name in given:
                yield Mistake(key=(*key, name), sentence='goes with "factory" only.')
    if kinds == ["pickle"] and "trust" not in given:
        sentence = f"runs what it holds, so needs a hash beside it. Try: mmied trust add {source['pickle']!s:.200}"
        yield Mistake(key=(*key, "pickle"), sentence=sentence)
    if kinds == ["huggingface"] and "trust" in given:
        yield Mistake(
            key=(*key, "trust"), sentence="is the hash of one file, and this source is a folder. Leave it out."
        )
    if kinds == ["factory"] and "trust" in given and "weights" not in given:
        yield Mistake(key=(*key, "trust"), sentence='is the hash of "weights", and there are none. Leave it out.')


def _in_inputs(model: dict[str, Any], key: KeyPath) -> Iterator[Mistake]:
    if model.get("inputs", []) == [] and "exported" not in _mapping(model.get("source")):
        sentence = 'are missing: only an "exported" model tells them itself. Try [{shape: [batch, 128]}].'
        yield Mistake(key=(*key, "inputs"), sentence=sentence)
    first_of: dict[str, int] = {}
    for index, item in enumerate(_list(model.get("inputs"))):
        name = _mapping(item).get("name")
        if isinstance(name, str) and first_of.setdefault(name, index) != index:
            sentence = f'"{name}" is the name of inputs[{first_of[name]}] too. Give one of them another.'
            yield Mistake(key=(*key, "inputs", index, "name"), sentence=sentence)
        yield from _in_input(item, (*key, "inputs", index), nested=False)


def _in_input(item: Any, key: KeyPath, *, nested: bool) -> Iterator[Mistake]:
    if not isinstance(item, dict):
        return  # the schema tells
    given = {name for name, value in item.items() if value is not None}
    forms = [form for form in INPUT_FORMS if form in given]
    if len(forms) > 1:
        yield Mistake(key=key, sentence=f"has {_and(forms)}. Keep one.")
    elif not forms and not _unknown(item, InputKeys):
        yield Mistake(key=key, sentence=f"has to give one of {_or(INPUT_FORMS)}.")
    if nested and "name" in given:
        yield Mistake(key=(*key, "name"), sentence="goes with a whole input only, not with a part of one.")
    if forms and "shape" not in forms:
        for name in ("dtype", "range", "values"):
            if name in given:
                yield Mistake(key=(*key, name), sentence='goes with "shape" only.')
    if {"range", "values"} <= given:
        yield Mistake(key=(*key, "values"), sentence='goes without "range". Keep one.')
    yield from _in_numbers(item, key)
    for index, part in enumerate(_list(item.get("list"))):
        yield from _in_input(part, (*key, "list", index), nested=True)
    for name, part in _mapping(item.get("dict")).items():
        yield from _in_input(part, (*key, "dict", name), nested=True)


def _in_numbers(item: dict[str, Any], key: KeyPath) -> Iterator[Mistake]:
    dtype = item.get("dtype")
    for name in ("range", "values"):
        numbers = _list(item.get(name))
        if dtype in INTEGER_DTYPES and any(isinstance(number, float) and number % 1 for number in numbers):
            yield Mistake(key=(*key, name), sentence=f"has to hold whole numbers, as {dtype} does.")
        elif dtype == "bool" and numbers:
            yield Mistake(key=(*key, name), sentence="says nothing of bool: leave it out.")


def _unknown(data: dict[str, Any], section: type[SourceKeys] | type[InputKeys]) -> bool:
    """Tell whether a key is misspelt: that is told already, and is likely the one that is missing."""
    return not data.keys() <= {field.alias or name for name, field in section.model_fields.items()}


def _and(words: Iterable[str]) -> str:
    return " and ".join(f'"{word}"' for word in words)


def _or(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
