"""Read the JSON documents that profiling wrote, and tell their schema."""

import json
import sys
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import TypeAdapter

from mmied.codec import from_json
from mmied.errors import MmiedError
from mmied.optimization import Search
from mmied.profiles import ComparisonReport, Profile

VERSION = 1
Kind = Literal["profile", "comparison", "search"]
RECORDS: dict[Kind, type] = {"profile": Profile, "comparison": ComparisonReport, "search": Search}
WRITERS = {
    "profile": "`mmied profile --format json`",
    "comparison": "`mmied compare --report-format json`",
    "flamegraph": "`mmied flamegraph`",
    "search": "`mmied optimize --format json`",
}
T = TypeVar("T")


def read_profile(text: str | bytes, name: str) -> Profile:
    """Return the profile that `text` holds. Raises MmiedError, which calls the text `name`."""
    return _read("profile", Profile, text, name)


def read_comparison(text: str | bytes, name: str) -> ComparisonReport:
    """Return the comparison that `text` holds. Raises MmiedError, which calls the text `name`."""
    return _read("comparison", ComparisonReport, text, name)


def read_search(text: str | bytes, name: str) -> Search:
    """Return the search that `text` holds. Raises MmiedError, which calls the text `name`."""
    return _read("search", Search, text, name)


def document_schema(kind: Kind) -> dict[str, Any]:
    """Return the JSON schema of a kind of document."""
    schema = TypeAdapter(RECORDS[kind]).json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"mmied:{kind}-{VERSION}",
        **schema,
        "title": f"{kind.capitalize()} of mmied, version {VERSION}",
    }


def write_schemas(folder: Path) -> None:
    """Write the schema of each kind of document into `folder`."""
    for kind in RECORDS:
        text = json.dumps(document_schema(kind), indent=2, ensure_ascii=False)
        (folder / f"{kind}-{VERSION}.json").write_text(text + "\n", encoding="utf-8")


def _read(kind: Kind, record: type[T], text: str | bytes, name: str) -> T:
    _check_header(kind, text, name)
    try:
        return from_json(record, text)
    except MmiedError as error:
        raise MmiedError(
            f"{name}: {error}. Was it edited? Measure again, or take the file as it was written."
        ) from error


def _check_header(kind: Kind, text: str | bytes, name: str) -> None:
    """Raise MmiedError unless `text` says of itself that it is such a document of this version."""
    wanted = f"Give the JSON that {WRITERS[kind]} wrote."
    try:
        document = json.loads(text if isinstance(text, str) else text.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise MmiedError(f"{name}: not JSON: byte {error.start} is not UTF-8. {wanted}") from error
    except RecursionError as error:
        raise MmiedError(f"{name}: not JSON that can be read: it is nested too deeply. {wanted}") from error
    except json.JSONDecodeError as error:
        if not text.strip():
            raise MmiedError(f"{name}: empty. {wanted}") from error
        cut = str(error.doc).lstrip().startswith("{") and not str(error.doc).rstrip().endswith("}")
        said = "it ends in the middle; was it copied wholly?" if cut else f"{error.msg} at line {error.lineno}."
        raise MmiedError(f"{name}: not JSON: {said} {wanted}") from error
    if not isinstance(document, dict) or not isinstance(document.get("kind"), str):
        raise MmiedError(f"{name}: JSON, but not a document of mmied: it does not say its kind. {wanted}")
    found = document["kind"]
    if found != kind:
        by = f", as {WRITERS[found]} writes them" if found in WRITERS else ""
        raise MmiedError(f"{name}: a {found}{by}, not a {kind}. {wanted}")
    version = document.get("version")
    if version != VERSION:
        by = f" (written by mmied {document['mmied_version']})" if document.get("mmied_version") else ""
        raise MmiedError(
            f"{name}: version {version!r} of the {kind} document{by}; this mmied reads version {VERSION}. "
            "Read it with the mmied that wrote it, or measure again."
        )


if __name__ == "__main__":
    write_schemas(Path(sys.argv[1]))
