"""Decide which files may be trusted to be loaded as code: by who can write to them, or by their hash."""

import errno
import hashlib
import os
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

from mmied.errors import MmiedError

MAX_LINKS = 40  # as the kernel follows


def digest_file(path: Path) -> str:
    """Return "sha256:" with 64 hex digits of a file's content. Raises MmiedError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    except OSError as error:
        raise MmiedError(f"{path}: cannot be read: {error.strerror}. Check the path and its permissions.") from error


def add_trust(config_path: Path, model_file: Path) -> list[str]:
    """Write the hash of `model_file` into the configuration, for each model whose source refers to it.

    Comments and layout stay. Returns the names of the models changed: none where all carry the hash already.
    Raises MmiedError when no model refers to the file, or either of the files cannot be read or written.
    """
    # Here, since a worker needs the gate alone, and is spared pydantic and APScheduler.
    from mmied.config.edit import find_references, replace_file, set_trust
    from mmied.config.source import read_document

    document = read_document(config_path)
    references = find_references(document, model_file)
    if not references:
        raise MmiedError(f"{config_path}: no model comes from {model_file}. Add it under models, then try again.")
    trust = digest_file(model_file)
    models = document.data["models"]
    stale = {key: name for key, name in references.items() if models[key[1]]["source"].get("trust") != trust}
    if stale:
        replace_file(config_path, set_trust(document, stale, trust))
    return [str(models[index].get("name", f"models[{index}]")) for _, index, _ in stale]


def unsafe_reason(path: Path, *, uid: int) -> str | None:
    """Say in a sentence why somebody other than root and `uid` could exchange what `path` leads to; None if nobody.

    Each folder and link on the way counts, before and behind links. A folder in which only owners may rename and
    delete (sticky, as /tmp is) is safe to pass, since what comes next in it has to belong to root or `uid` too.
    """
    try:
        for place, status, last in _walk(path):
            problem = _problem(status, uid, last=last)
            if problem is not None:
                return _sentence(path, place, status, problem)
    except OSError as error:
        return f"{path}: cannot be looked at: {error.strerror}. Check the path and its permissions."
    return None


def _walk(path: Path) -> Iterator[tuple[Path, os.stat_result, bool]]:
    """Yield each place on the way to `path` as the kernel walks it, with whether it is where the way ends."""
    place, links = Path("/"), 0
    parts = list(reversed(path.absolute().parts[1:]))
    yield place, place.lstat(), not parts
    while parts:
        part = parts.pop()
        if part == "..":
            place = place.parent
            continue
        status = (place / part).lstat()
        if not stat.S_ISLNK(status.st_mode):
            place /= part
            yield place, status, not parts
            continue
        links += 1
        if links > MAX_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        yield place / part, status, False
        target = (place / part).readlink()
        if target.is_absolute():
            place = Path("/")
        parts += reversed(target.parts[1:] if target.is_absolute() else target.parts)


def _problem(status: os.stat_result, uid: int, *, last: bool) -> str | None:
    if status.st_uid not in (0, uid):
        return "owner"
    if stat.S_ISLNK(status.st_mode) or not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return None  # a link's mode means nothing
    passable = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX and not last
    return None if passable else "mode"


def _sentence(path: Path, place: Path, status: os.stat_result, problem: str) -> str:
    if problem == "owner":
        what = f"belongs to uid {status.st_uid}"
        command = f"chown -h root {shlex.quote(str(place))}"
    else:
        what = f"can be written to by others than its owner (mode {stat.S_IMODE(status.st_mode):04o})"
        command = f"chmod go-w {shlex.quote(str(place))}"
    return (
        f"{path}: not safe to load, since {place} {what}, who could exchange the model for other code. "
        f"Try `{command}`, or vouch for this very file: `mmied trust add {shlex.quote(str(path))}`."
    )
