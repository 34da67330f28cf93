"""Prune the history in short transactions, so that a run that ends meanwhile waits for moments only."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from sqlalchemy import Connection

from mmied.history import sqlite
from mmied.history.database import Database
from mmied.history.retention import (
    SIZE_TARGET_RATIO,
    Scope,
    drop_older,
    drop_oldest,
    drop_unused_environments,
    drop_unused_goldens,
    drop_unused_verdicts,
    find_scope,
)

Write = Callable[[], AbstractContextManager[Connection]]  # a transaction that is committed when it is left


def prune_steps(
    database: Database,
    write: Write,
    *,
    host: str,
    cutoff: float | None,
    max_size_bytes: int | None,
    chunk: int,
) -> Iterator[int]:
    """Drop what is older than `cutoff` (a Unix time), then what is too much; yield the rows of each transaction.

    The size limit is for a SQLite file: a PostgreSQL database is not this host's alone.
    """
    file = database.path
    removed = 0
    with database.reader.connect() as connection:
        scope = find_scope(connection, host, own_file=file is not None)
    if cutoff is not None:
        for dropped in _by_age(write, scope, cutoff, chunk):
            removed += dropped
            yield dropped
    oversize = file is not None and max_size_bytes is not None and sqlite.size_bytes(file) > max_size_bytes
    if oversize and max_size_bytes is not None:
        for dropped in _by_size(write, scope, SIZE_TARGET_RATIO * max_size_bytes, chunk):
            removed += dropped
            yield dropped
    if removed:
        with write() as connection:
            drop_unused_environments(connection, scope)
            drop_unused_goldens(connection, scope)
            drop_unused_verdicts(connection, scope)
    if file is not None and (removed or oversize):
        sqlite.shrink(database)


def _by_age(write: Write, scope: Scope, cutoff: float, chunk: int) -> Iterator[int]:
    dropped = chunk
    while dropped >= chunk:
        with write() as connection:
            dropped = drop_older(connection, scope, cutoff, chunk)
        yield dropped


def _by_size(write: Write, scope: Scope, target_bytes: float, chunk: int) -> Iterator[int]:
    dropped = 1
    while dropped:
        with write() as connection:
            excess_bytes = sqlite.used_bytes(connection) - target_bytes
            dropped = drop_oldest(connection, scope, excess_bytes, chunk) if excess_bytes > 0 else 0
        yield dropped
