"""Open a model's files only when they may be trusted, and tell what they are by their content.

TorchScript, `.pt2` and pickles are code. Their bytes are taken from one descriptor: the one that was checked and
hashed is the one that is loaded, so that nobody can exchange the file in between.
"""

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mmied.errors import ModelError
from mmied.identity import file_identity
from mmied.trust import unsafe_reason

CHUNK_BYTES = 1 << 20
Stream = io.BufferedReader | io.BufferedRandom


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """A checked file: `stream` is positioned at its start, `path` opens the same inode whatever its name now holds."""

    stream: Stream
    name: str
    digest: str  # 64 hex digits of SHA-256
    identity: str  # device, inode, size and times: equal for a file that nobody wrote to
    size_bytes: int

    @property
    def path(self) -> str:
        return f"/proc/self/fd/{self.stream.fileno()}"


def open_trusted(
    path: str, trust: str | None, *, code: bool, scratch: Path, known_digests: Mapping[str, str]
) -> OpenedFile:
    """Open `path` for loading.

    `code` says that loading it runs what it holds: then its owner and mode must be safe, or `trust` must match its
    SHA-256. A file that is trusted for its hash alone could still be written to between the hash and the loading,
    so that its content is first copied to an unnamed file in `scratch`. `known_digests` spares the hashing of a
    file that has not changed since; a hash that `trust` asks for is always taken anew.

    Raises ModelError when the file cannot be read or is not to be trusted.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}. Check `source` in the configuration.") from error
    stream: Stream = os.fdopen(descriptor, "rb")
    status = os.fstat(descriptor)
    identity = file_identity(status)
    if code and (unsafe := unsafe_reason(Path(path), uid=os.geteuid())) is not None:
        if trust is None:
            stream.close()
            raise ModelError(unsafe)
        stream = _private_copy(stream, scratch)
    digest = known_digests.get(identity) if trust is None else None
    if digest is None:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        stream.seek(0)
    if trust is not None and trust != f"sha256:{digest}":
        stream.close()
        raise ModelError(
            f"{path}: its SHA-256 is {digest}, not the {trust.removeprefix('sha256:')} of the configuration's `trust`. "
            "If the new file is meant, run `mmied trust add` on it."
        )
    return OpenedFile(stream=stream, name=path, digest=digest, identity=identity, size_bytes=status.st_size)


def _private_copy(stream: Stream, folder: Path) -> Stream:
    copy = os.fdopen(os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600), "w+b")
    with stream:
        while chunk := stream.read(CHUNK_BYTES):
            copy.write(chunk)
    copy.flush()
    copy.seek(0)
    return copy


def kind_of(opened: OpenedFile) -> str:
    """Tell a file's kind by its content: torchscript, exported, package, pickle, safetensors or unknown."""
    try:
        with zipfile.ZipFile(opened.stream) as archive:
            names = {name.partition("/")[2] for name in archive.namelist()}
    except (zipfile.BadZipFile, OSError):
        return _kind_without_archive(opened)
    if any(name.startswith("data/aotinductor/") for name in names):
        return "package"
    if "archive_format" in names or any(name.startswith("models/") for name in names):
        return "exported"
    if "constants.pkl" in names:
        return "torchscript"
    return "pickle" if "data.pkl" in names else "unknown"


def _kind_without_archive(opened: OpenedFile) -> str:
    opened.stream.seek(0)
    head = opened.stream.read(8)
    if head[:1] == b"\x80":
        return "pickle"
    header_bytes = int.from_bytes(head, "little")
    if len(head) == 8 and 0 < header_bytes < opened.size_bytes:
        try:
            json.loads(opened.stream.read(min(header_bytes, 100 * CHUNK_BYTES)))
        except ValueError:
            return "unknown"
        return "safetensors"
    return "unknown"


def require_kind(opened: OpenedFile, expected: str) -> None:
    """Raise ModelError when the file is not of the `expected` kind, naming what it is."""
    found = kind_of(opened)
    opened.stream.seek(0)
    if found == expected:
        return
    if found == "unknown":
        raise ModelError(
            f"{opened.name}: not a {expected} file: it is truncated, or of a kind that mmied does not know. "
            "Compare its size with the original's and copy it again."
        )
    raise ModelError(f"{opened.name}: holds a {found} model, not a {expected} one. Write `source: {{{found}: …}}`.")
