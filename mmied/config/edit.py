"""Write hashes into a configuration without touching its comments and layout."""

import os
import re
import stat
import tempfile
from copy import deepcopy
from pathlib import Path

import yaml

from mmied.config.mistakes import check_document, folder_of
from mmied.config.source import Document, KeyPath, label, parse_document, tell
from mmied.errors import ConfigError, MmiedError

FILE_KEYS = ("torchscript", "exported", "package", "pickle", "weights")  # of a source, whose value is one file


def find_references(document: Document, model_file: Path) -> dict[KeyPath, str]:
    """Return the sources that refer to `model_file`, by any path that leads there, with the key that does."""
    folder, target = folder_of(document.path), os.path.realpath(model_file)
    references: dict[KeyPath, str] = {}
    for key in document.nodes:
        match key:
            case ("models", int(index), "source", str(name)) if name in FILE_KEYS:
                path = document.data["models"][index]["source"][name]
                if isinstance(path, str) and os.path.realpath(folder / path) == target:
                    references[key[:3]] = name
    return references


def set_trust(document: Document, references: dict[KeyPath, str], trust: str) -> bytes:
    """Return the document's text with `trust` at each of the sources, and nothing else changed.

    Raises MmiedError where the edit would change another value or make a mistake.
    """
    edits = {_edit(document, source, name, trust) for source, name in references.items()}
    text = document.text
    for start, end, replacement in sorted(edits, reverse=True):
        text = text[:start] + replacement + text[end:]
    content = text.encode()
    wanted = deepcopy(document.data)
    for _, index, _ in references:
        wanted["models"][index]["source"]["trust"] = trust
    try:
        edited = parse_document(document.path, content)
    except ConfigError:
        edited = None
    if edited is None or edited.data != wanted:
        names = " and ".join(f"{label(document.data, source)}.trust" for source in references)
        raise MmiedError(f"{document.path}: aliases or its layout are in the way. Write by hand, as {names}: {trust}")
    before = {(mistake.key, mistake.sentence) for mistake in check_document(document)[1]}
    new = [mistake for mistake in check_document(edited)[1] if (mistake.key, mistake.sentence) not in before]
    if new:
        raise ConfigError(tell(edited, new))
    return content


def _edit(document: Document, source: KeyPath, name: str, trust: str) -> tuple[int, int, str]:
    """Return start and end of what is replaced in the text, and what it is replaced by."""
    node, value = document.nodes[source], document.nodes[*source, name]
    assert isinstance(node, yaml.MappingNode)  # since it has keys
    present = document.nodes.get((*source, "trust"))
    if present is not None:
        start, end = present.start_mark.index, present.end_mark.index
        return start, end, trust if start < end else f" {trust}"  # `trust:` with nothing after it
    end = value.end_mark.index
    if node.flow_style:
        return end, end, f", trust: {trust}"
    # Block style: a line of its own, below the file's line and whatever comment ends that.
    column = next(key.start_mark.column for key, _ in node.value if key.value == name)
    line = re.compile(r"[^\r\n]*(\r?\n)?").match(document.text, end)
    assert line is not None  # it matches the empty text as well
    newline = line[1] or ("\r\n" if "\r\n" in document.text else "\n")
    ending = newline if line[1] else ""
    at = line.end(0)
    return at, at, f"{'' if line[1] else newline}{' ' * column}trust: {trust}{ending}"


def replace_file(path: Path, content: bytes) -> None:
    """Put `content` in place of a file, whole or not at all; a link stays, and so do the file's mode and owner.

    Raises MmiedError where that is not allowed.
    """
    path = path.resolve()
    try:
        status = path.stat()
        descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with open(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                if (os.geteuid(), os.getegid()) != (status.st_uid, status.st_gid):
                    os.fchown(descriptor, status.st_uid, status.st_gid)
                os.fchmod(descriptor, stat.S_IMODE(status.st_mode))
                os.fsync(descriptor)
            Path(draft).replace(path)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise MmiedError(f"{path}: cannot be written: {error.strerror}. Try as the user who owns it.") from error
