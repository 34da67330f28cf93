"""What the store holds of a database, and its failures in words."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from mmied.errors import HistoryError

BUSY_TIMEOUT_SECONDS = 5.0  # another process (a backup, a command) may hold the file for a moment

_SQLITE_FAILURES = {
    sqlite3.SQLITE_FULL: "the disk is full. Free some space, or set a lower size limit for the history.",
    sqlite3.SQLITE_BUSY: f"another process has kept it locked for {BUSY_TIMEOUT_SECONDS:g} s. Try `fuser` on the "
    "file to find it.",
    sqlite3.SQLITE_READONLY: "it is read-only. Give the daemon's user write access to the file and its folder.",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened. The folder has to exist, and the daemon's user needs "
    "write access to it.",
    sqlite3.SQLITE_IOERR: "the disk gave an input/output error. Look into `dmesg`, and at the free space.",
    sqlite3.SQLITE_CORRUPT: "the file is damaged. Restart mmied: it sets the file aside and begins a fresh one.",
    sqlite3.SQLITE_NOTADB: "the file is damaged or not SQLite's. Restart mmied: it sets the file aside and begins "
    "a fresh one.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """An open database. Readers have their own connections, so that no page waits for a write nor holds one up."""

    place: str  # as messages name it: a path, or a URL without its password
    path: Path | None  # of the SQLite file
    reader: Engine
    writer: Engine

    def close(self) -> None:
        """Close all connections."""
        self.reader.dispose()
        self.writer.dispose()


def explain(error: SQLAlchemyError, place: str, doing: str) -> HistoryError:
    """Return the error to raise for `error`, which came up at `place` while `doing` ("record run r1")."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    known = _SQLITE_FAILURES.get(getattr(cause, "sqlite_errorcode", 0) & 0xFF)  # the low byte is the primary code
    if known is not None:
        what = known
    elif isinstance(error, PoolTimeoutError):
        what = "all connections stayed in use. Try again when fewer pages are being read."
    else:
        what = str(cause).strip().partition("\n")[0]
    return HistoryError(f"history {place}: cannot {doing}: {what}")


def is_damage(error: DBAPIError) -> bool:
    """Whether `error` says that the SQLite file is not sound, rather than out of reach."""
    code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
