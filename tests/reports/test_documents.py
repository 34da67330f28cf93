"""What was written can be read again, to the last bit; what cannot is told why."""

import json
import re
from collections.abc import Mapping
from dataclasses import is_dataclass, replace
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from profile_builders import cuda_profile, make_comparison, make_profile, sweep_profile

from mmied import inspection, profiles, records
from mmied.codec import to_json
from mmied.errors import MmiedError
from mmied.profiles import ComparisonReport, Profile
from mmied.reports.documents import Kind, document_schema, read_comparison, read_profile

DOCS = Path(__file__).parents[2] / "docs" / "reports.md"
SCHEMAS = DOCS.parent / "schemas"
FINITE = st.floats(allow_nan=False, allow_infinity=False)


def any_value(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a declared type, down to the leaves; collections are short, as records nest deeply."""
    if is_dataclass(kind):
        return st.builds(kind, **{name: any_value(hint) for name, hint in get_type_hints(kind).items()})
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Literal:
        return st.sampled_from(parts)
    if origin in (Union, UnionType):
        return st.one_of([any_value(part) for part in parts])
    if origin is tuple and parts[-1] is Ellipsis:
        return st.lists(any_value(parts[0]), max_size=2).map(tuple)
    if origin is tuple:
        return st.tuples(*(any_value(part) for part in parts))
    if origin is Mapping:
        return st.dictionaries(st.text(max_size=8), any_value(parts[1]), max_size=2)
    return LEAVES[kind]


LEAVES = {
    float: FINITE,  # JSON has no word for the others
    int: st.integers(-(2**63), 2**63 - 1),
    str: st.text(max_size=8),
    bool: st.booleans(),
    type(None): st.none(),
}


@settings(max_examples=20, suppress_health_check=list(HealthCheck))
@given(any_value(Profile))
def test_every_profile_survives(profile: Profile) -> None:
    assert read_profile(to_json(profile), "p.json") == profile


@settings(max_examples=10, suppress_health_check=list(HealthCheck))
@given(any_value(ComparisonReport))
def test_every_comparison_survives(report: ComparisonReport) -> None:
    assert read_comparison(to_json(report), "c.json") == report


@pytest.mark.parametrize("profile", [make_profile(), sweep_profile(), cuda_profile()], ids=["one", "sweep", "cuda"])
def test_a_whole_profile_survives(profile: Profile) -> None:
    assert read_profile(to_json(profile).encode(), "p.json") == profile


def test_a_whole_comparison_survives() -> None:
    assert read_comparison(to_json(make_comparison()), "c.json") == make_comparison()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "p.json: empty. Give the JSON that `mmied profile --format json` wrote."),
        ("<html>", "p.json: not JSON: Expecting value at line 1."),
        (b"{\xff", "p.json: not JSON: byte 1 is not UTF-8."),
        ("[1, 2]", "p.json: JSON, but not a document of mmied: it does not say its kind."),
        ('{"results": []}', "it does not say its kind."),
        ('{"kind": "flamegraph", "version": 1}', "a flamegraph, as `mmied flamegraph` writes them, not a profile."),
        (
            '{"kind": "profile", "version": 2, "mmied_version": "0.9"}',
            "version 2 of the profile document (written by mmied 0.9); this mmied reads version 1. Read it with",
        ),
        ('{"kind": "profile"}', "version None of the profile document; this mmied reads version 1."),
        ('{"kind": "profile", "version": 1}', "not a Profile: mmied_version: Field required. Was it edited?"),
        ("[" * 100_000, "it is nested too deeply."),
    ],
)
def test_what_is_no_profile_is_told_why(text: str | bytes, said: str) -> None:
    with pytest.raises(MmiedError) as raised:
        read_profile(text, "p.json")

    assert str(raised.value).startswith("p.json: ")
    assert said in str(raised.value)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_file_that_was_cut_is_told_so(share: float) -> None:
    text = to_json(make_profile())

    with pytest.raises(MmiedError, match="ends in the middle; was it copied wholly"):
        read_profile(text[: int(share * len(text))], "p.json")


def test_a_profile_is_no_comparison() -> None:
    with pytest.raises(MmiedError, match="a profile, as `mmied profile --format json` writes them, not a comparison"):
        read_comparison(to_json(make_profile()), "p.json")


def test_fields_that_a_later_version_added_are_passed_over() -> None:
    document = json.loads(to_json(make_profile())) | {"colour": "blue"}

    assert read_profile(json.dumps(document), "p.json") == make_profile()


def test_what_an_older_document_lacks_has_its_default() -> None:
    document = json.loads(to_json(make_profile()))
    del document["notes"]

    assert read_profile(json.dumps(document), "p.json") == replace(make_profile(), notes=())


@pytest.mark.parametrize("kind", ["profile", "comparison"])
def test_the_published_schema_is_current(kind: Kind) -> None:
    published = json.loads((SCHEMAS / f"{kind}-1.json").read_text(encoding="utf-8"))

    assert published == document_schema(kind), "Write it again: python -m mmied.reports.documents docs/schemas"


def test_every_record_of_a_document_is_described() -> None:
    definitions = document_schema("profile")["$defs"] | document_schema("comparison")["$defs"]
    records_of = {
        kind.__name__: kind
        for module in (records, inspection, profiles)
        for kind in vars(module).values()
        if isinstance(kind, type)
    }

    assert {"Layer", "Operator", "Variant", "PairedRatio", "LatencySummary"} <= set(definitions)
    for name, definition in definitions.items():
        assert definition["description"], name
        assert set(definition["properties"]) == set(get_type_hints(records_of[name])), name


def test_every_field_of_every_record_stands_in_the_docs() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \|[^|]*\|(.*)\|$", DOCS.read_text(encoding="utf-8"), re.MULTILINE))
    schemas = [document_schema("profile"), document_schema("comparison")]
    described = {"Profile": schemas[0], "ComparisonReport": schemas[1]} | schemas[0]["$defs"] | schemas[1]["$defs"]

    assert set(rows) >= set(described)
    for name, schema in described.items():
        assert set(re.findall(r"`(\w+)`", rows[name])) >= set(schema["properties"]), name
