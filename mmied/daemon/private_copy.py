"""Copy a file for our own use, in a way that costs little and says exactly what was copied."""

import errno
import fcntl
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mmied.identity import file_identity

FICLONE = 0x40049409  # of linux/fs.h: the copy shares the blocks until one of the two is written to
CHUNK_BYTES = 1 << 20
# What file systems say that cannot clone, or not these two files.
NO_CLONE = (errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY, errno.ENOSYS, errno.EPERM, errno.ETXTBSY)


@dataclass(frozen=True, slots=True, kw_only=True)
class CopiedFile:
    """What a copy holds, and of which state of the original."""

    identity: str  # of the original, as mmied.identity tells it
    digest: str  # 64 hex digits of SHA-256 of the copy
    size_bytes: int


def copy_file(path: Path, target: Path) -> CopiedFile:
    """Copy `path` to `target`, which must not exist, readable by us alone; it is on disk when this returns.

    Never a hard link: a file that is overwritten in place would change with its copy. Raises OSError, also for one
    that was written to meanwhile.
    """
    with path.open("rb", buffering=0) as original:
        identity = file_identity(os.fstat(original.fileno()))
        descriptor = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w+b", buffering=0) as copy:
            if not _clone(original, copy):
                _copy_chunks(original, copy)
            if file_identity(os.fstat(original.fileno())) != identity:
                raise OSError(errno.ESTALE, "was written to while it was copied", str(path))
            os.fsync(copy.fileno())
            copy.seek(0)
            digest = hashlib.file_digest(copy, "sha256").hexdigest()
            size_bytes = os.fstat(copy.fileno()).st_size
            # Nobody reads it soon: its pages should not push out those of others.
            os.posix_fadvise(copy.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return CopiedFile(identity=identity, digest=digest, size_bytes=size_bytes)


def _clone(original: BinaryIO, copy: BinaryIO) -> bool:
    try:
        fcntl.ioctl(copy.fileno(), FICLONE, original.fileno())
    except OSError as error:
        if error.errno in NO_CLONE:
            return False
        raise
    return True


def _copy_chunks(original: BinaryIO, copy: BinaryIO) -> None:
    while chunk := original.read(CHUNK_BYTES):
        left = memoryview(chunk)
        while left:
            left = left[copy.write(left) :]
