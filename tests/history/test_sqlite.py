"""What holds for a history in a SQLite file: its settings, its readers beside the writer."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from mmied.errors import HistoryError
from mmied.history import sqlite
from mmied.history.store import Store
from mmied.history.tables import metadata


def ask(path: Path, statement: str) -> list[tuple]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return connection.execute(statement).fetchall()


# Settings


def test_the_file_is_set_up_to_survive(sqlite_store, path):
    with sqlite_store._write("look") as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in (
                "journal_mode",
                "synchronous",
                "auto_vacuum",
                "foreign_keys",
                "busy_timeout",
                "journal_size_limit",
                "wal_autocheckpoint",
            )
        }

    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,  # FULL
        "auto_vacuum": 2,  # INCREMENTAL
        "foreign_keys": 1,
        "busy_timeout": 5000,
        "journal_size_limit": 4 * 2**20,
        "wal_autocheckpoint": 1000,
    }


def test_all_tables_are_strict(sqlite_store, path):
    ours = ask(path, "SELECT name, strict FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite%'")

    assert {name for name, _ in ours} == {*metadata.tables, "alembic_version"}
    assert {name for name, strict in ours if not strict} == {"alembic_version"}  # that one is Alembic's


def test_readers_cannot_write(sqlite_store):
    with pytest.raises(HistoryError, match="read-only"), sqlite_store._read("write") as connection:
        connection.exec_driver_sql("DELETE FROM runs")


def test_a_url_with_a_path_is_taken_as_the_path(path, make_run):
    store = Store.open(f"sqlite:///{path}", host="here")
    store.record(make_run(1))
    store.close()

    assert ask(path, "SELECT count(*) FROM runs") == [(1,)]


@pytest.mark.parametrize("url", ["mysql://somewhere/mmied", "sqlite://", "://"])
def test_another_database_is_refused_with_what_to_try(url):
    with pytest.raises(HistoryError, match="Try postgresql://USER@HOST/DATABASE, or a path"):
        Store.open(url, host="here")


# Readers beside the writer


def test_threads_read_whole_runs_while_another_writes(sqlite_store, make_run):
    done = threading.Event()
    wrong: list[object] = []
    seen = [0, 0]

    def read(slot: int) -> None:
        while not done.is_set():
            found = sqlite_store.last_runs(limit=3)
            wrong.extend(run for run in found if len(run.results) != 1)
            wrong.extend(run for run in found if sqlite_store.run(run.run_id).results[0].iterations is None)
            seen[slot] += 1

    readers = [threading.Thread(target=read, args=(slot,)) for slot in range(2)]
    for reader in readers:
        reader.start()
    for number in range(60):
        sqlite_store.record(make_run(number))
    done.set()
    for reader in readers:
        reader.join(10)

    assert wrong == []
    assert min(seen) > 0
    assert len(sqlite_store.last_runs(limit=100)) == 60


def test_several_threads_may_write(sqlite_store, make_run):
    def write(first: int) -> None:
        for number in range(first, first + 10):
            sqlite_store.record(make_run(number))

    writers = [threading.Thread(target=write, args=(first,)) for first in (0, 10, 20)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(10)

    assert len(sqlite_store.last_runs(limit=100)) == sqlite_store.writes == 30


def test_a_page_is_read_while_a_write_is_under_way(sqlite_store, make_run):
    sqlite_store.record(make_run(1))

    with sqlite_store._write("write for long"):
        assert sqlite_store.run("run-0001") is not None


def test_a_file_that_another_process_keeps_locked_can_be_read_and_says_so_when_written(path, make_run, monkeypatch):
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_SECONDS", 0.05)
    store = Store.open(path, host="here")
    store.record(make_run(1))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        assert store.run("run-0001") is not None
        with pytest.raises(HistoryError, match=r"cannot record run run-0002: another process has kept it locked"):
            store.record(make_run(2))
        assert store.write_failures == 1

    store.record(make_run(2))
    assert store.run("run-0002") is not None
    store.close()


def test_a_backup_taken_while_it_is_open_is_a_history(sqlite_store, path, tmp_path, make_run):
    sqlite_store.record(make_run(1))

    ask(path, f"VACUUM INTO '{tmp_path / 'backup.sqlite'}'")

    backup = Store.open(tmp_path / "backup.sqlite", host="here")
    assert backup.run("run-0001") == make_run(1)
    backup.close()
