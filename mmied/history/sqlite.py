"""Open a SQLite file the way the history wants it, and give back its free space.

The settings are for a file that must survive kill -9 and loss of power at a few writes a minute: speed is not
what they are for.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from mmied.errors import HistoryError
from mmied.history.database import BUSY_TIMEOUT_SECONDS, Database, explain, is_damage
from mmied.history.mounts import network_file_system

READERS = 8  # pages and commands that may read at once; idle ones beyond the first are closed
VACUUM_PAGES = 1000  # at a time: 4 MiB, so that the file is not locked for long

_CACHE = "cache_size=-256"  # KiB a connection: the kernel caches the file as well
_WRITER_PRAGMAS = (
    "auto_vacuum=INCREMENTAL",  # takes effect only before anything is in the file, WAL's own mark included
    "journal_mode=WAL",
    "synchronous=FULL",  # NORMAL can lose the last commits when the power fails
    "foreign_keys=ON",
    _CACHE,
    "wal_autocheckpoint=1000",
    "journal_size_limit=4194304",
)
_READER_PRAGMAS = ("query_only=ON", _CACHE)
_NO_BEGIN = "mmied_no_begin"  # an execution option, for what cannot run in a transaction: a checkpoint


def open_sqlite(path: Path, mounts: Path, clock: Callable[[], float]) -> tuple[Database, str | None]:
    """Return the database in the file `path` and a notice where a damaged file had to be set aside.

    Raises HistoryError where the file cannot be had, or lies on a network file system.
    """
    path = path.absolute()
    kind = network_file_system(path, mounts)
    if kind is not None:
        raise HistoryError(
            f"history {path}: the folder is on a network file system ({kind}), where SQLite's locks and shared "
            "memory do not hold and the file gets damaged. Try a local folder, or PostgreSQL "
            "(postgresql://USER@HOST/DATABASE)."
        )
    database = _connect(path)
    damage = _damage(database)
    if damage is None:
        return database, None
    database.close()
    aside = _set_aside(path, clock())
    database = _connect(path)
    damage_again = _damage(database)
    if damage_again is not None:
        database.close()
        raise HistoryError(f"history {path}: a fresh file is damaged too: {damage_again}. Check the disk.")
    return database, f"The history was damaged ({damage}). It is now {aside}, and a fresh one was begun."


def find_damage(connection: Connection) -> str | None:
    """Return the first thing that SQLite's quick check finds wrong with the file, or None."""
    answer = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
    return None if answer == "ok" else str(answer).replace("\n", " ")


def used_bytes(connection: Connection) -> int:
    """Return the bytes of the file's pages that hold something."""
    pages, free, page_bytes = (
        connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
        for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * page_bytes)


def size_bytes(path: Path) -> int:
    """Return the size on disk of the file and its write-ahead log."""
    return sum(part.stat().st_size for part in (path, _beside(path, "-wal")) if part.exists())


def shrink(database: Database) -> None:
    """Give free pages back to the file system, a few at a time, and empty the write-ahead log."""
    while _give_back_pages(database):
        pass
    with _without_transaction(database.writer) as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _give_back_pages(database: Database) -> int:
    """Cut up to VACUUM_PAGES free pages off the file; how many it were."""
    with database.writer.begin() as connection:
        before = _free_pages(connection)
        for _ in range(min(before, VACUUM_PAGES)):
            # Not all at once: the statement frees a page a step, and Python's sqlite3 takes one step of it.
            connection.exec_driver_sql("PRAGMA incremental_vacuum(1)")
        return before - _free_pages(connection)


def _free_pages(connection: Connection) -> int:
    return int(connection.exec_driver_sql("PRAGMA freelist_count").scalar_one())


def _without_transaction(engine: Engine) -> Connection:
    return engine.connect().execution_options(**{_NO_BEGIN: True})


def _connect(path: Path) -> Database:
    url = URL.create("sqlite", database=str(path))
    connect_args = {"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False}
    writer = create_engine(url, connect_args=connect_args, pool_size=1, max_overflow=0)
    reader = create_engine(
        url,
        connect_args=connect_args,
        pool_size=1,
        max_overflow=READERS - 1,
        pool_timeout=BUSY_TIMEOUT_SECONDS,
    )
    # IMMEDIATE: a transaction that reads first and writes later could otherwise fail half-way.
    _prepare(writer, _WRITER_PRAGMAS, "BEGIN IMMEDIATE")
    _prepare(reader, _READER_PRAGMAS, "BEGIN")
    return Database(place=str(path), path=path, reader=reader, writer=writer)


def _prepare(engine: Engine, pragmas: tuple[str, ...], begin: str) -> None:
    @event.listens_for(engine, "connect")
    def set_pragmas(dbapi_connection: Any, _record: object) -> None:
        dbapi_connection.isolation_level = None  # the driver must not begin transactions of its own
        for pragma in pragmas:
            dbapi_connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        if not connection.get_execution_options().get(_NO_BEGIN):
            connection.exec_driver_sql(begin)


def _damage(database: Database) -> str | None:
    try:
        with _without_transaction(database.writer) as connection:
            return find_damage(connection)
    except DBAPIError as error:
        if is_damage(error):
            return str(error.orig)
        database.close()
        raise explain(error, database.place, "open it") from error


def _set_aside(path: Path, now: float) -> Path:
    aside = _beside(path, f".corrupt-{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}")
    try:
        for suffix in ("", "-wal", "-shm"):
            part = _beside(path, suffix)
            if part.exists():
                part.rename(_beside(aside, suffix))
    except OSError as error:
        raise HistoryError(
            f"history {path}: the file is damaged, and cannot be set aside as {aside.name}: {error.strerror}. "
            "Move it away by hand."
        ) from error
    return aside


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
