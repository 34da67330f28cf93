"""What becomes of a SQLite history whose file is damaged, out of reach or on a full disk."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mmied.errors import HistoryError
from mmied.history.store import Store
from mmied.records import JournalEntry

NOON = 1_767_268_800.0  # 2026-01-01 12:00 UTC


def ask(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement).fetchall()


# A damaged file


def test_a_corrupt_history_is_set_aside_and_a_fresh_one_begun(path, make_run):
    path.write_bytes(b"this is not a database" * 1000)

    store = Store.open(path, host="here", clock=lambda: NOON)
    store.record(make_run(1))

    aside = path.with_name("history.sqlite.corrupt-20260101T120000Z")
    assert aside.read_bytes() == b"this is not a database" * 1000
    assert str(aside) in store.notice
    assert "file is not a database" in store.notice
    assert store.run("run-0001") is not None
    store.close()


def damage(path: Path) -> None:
    """Overwrite pages in the middle of the file."""
    with path.open("r+b") as file:
        for page in range(3, 30):
            file.seek(page * 4096)
            file.write(b"\xa5" * 2048)


def test_a_page_damaged_in_the_middle_is_found(path, make_run):
    store = Store.open(path, host="here")
    for number in range(40):
        store.record(make_run(number))
    store.close()
    damage(path)

    again = Store.open(path, host="here", clock=lambda: NOON)

    assert "The history was damaged" in again.notice
    assert again.last_runs() == ()
    assert path.with_name("history.sqlite.corrupt-20260101T120000Z").exists()
    again.close()


def test_the_log_of_a_corrupt_file_goes_with_it(path, make_run):
    other = Store.open(path, host="here")  # keeps the log from being emptied and removed
    for number in range(40):
        other.record(make_run(number))
    ask(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    other.begin(JournalEntry(run_id="1", model="ranker", kind="profile", device="cpu", started_at=1.0))
    damage(path)

    store = Store.open(path, host="here", clock=lambda: NOON)

    assert path.with_name("history.sqlite.corrupt-20260101T120000Z-wal").stat().st_size > 0
    assert store.unfinished() == ()
    store.check()
    other.close()
    store.close()


def test_damage_while_it_is_open_is_found_by_the_check(path, make_run):
    store = Store.open(path, host="here")
    for number in range(40):
        store.record(make_run(number))
    ask(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    store.check()
    damage(path)
    store._database.close()  # fresh connections, without the sound pages that the old ones remember

    with pytest.raises(HistoryError, match=r"damaged.*Restart mmied"):
        store.check()
    store.close()


def test_a_sample_blob_of_another_version_is_an_error_in_words(sqlite_store, path, make_run):
    sqlite_store.record(make_run(1))
    ask(path, "UPDATE samples SET content = x'63'")

    with pytest.raises(HistoryError, match="raw samples of version 99"):
        sqlite_store.run("run-0001")


def test_a_record_that_cannot_be_read_is_an_error_in_words(sqlite_store, path, make_run):
    sqlite_store.record(make_run(1))
    ask(path, """UPDATE runs SET record = '{"run_id": 3}'""")

    with pytest.raises(HistoryError, match=r"cannot read the last runs: not a Run"):
        sqlite_store.last_runs()


# A place that cannot be had


@pytest.mark.parametrize("place", ["/proc/history.sqlite", "/nowhere/at/all/history.sqlite", "/"])
def test_a_place_where_no_file_can_be_is_an_error_in_words(place):
    with pytest.raises(HistoryError, match=f"history {place}: cannot open it: .*write access"):
        Store.open(place, host="here")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_of_somebody_else_is_an_error_in_words(tmp_path):
    tmp_path.chmod(0o500)

    with pytest.raises(HistoryError, match="write access"):
        Store.open(tmp_path / "history.sqlite", host="here")


def test_a_read_only_file_system_is_an_error_in_words(small_disk, path, make_run):
    file = small_disk.folder / "history.sqlite"
    Store.open(file, host="here").close()
    small_disk.remount("ro")

    with pytest.raises(HistoryError, match="write access"):
        Store.open(file, host="here")
    with pytest.raises(HistoryError, match="write access"):
        Store.open(small_disk.folder / "other.sqlite", host="here")


def test_a_full_disk_costs_the_run_and_nothing_else(small_disk, make_run):
    store = Store.open(small_disk.folder / "history.sqlite", host="here")
    store.record(make_run(1, samples=2000))
    small_disk.fill()

    with pytest.raises(HistoryError, match=r"cannot record run run-0002: the disk is full.*size limit"):
        store.record(make_run(2, samples=200_000))
    with pytest.raises(HistoryError, match="the disk is full"):
        while True:  # small writes fit until the pages that are there already are used up
            store.begin(
                JournalEntry(run_id=os.urandom(8).hex(), model="m" * 500, kind="profile", device="cpu", started_at=1)
            )

    assert store.write_failures == 2
    assert store.run("run-0001") == make_run(1, samples=2000)
    assert store.run("run-0002") is None

    small_disk.free()
    store.record(make_run(2, samples=2000))
    assert store.run("run-0002") == make_run(2, samples=2000)
    store.check()
    store.close()


def test_a_fresh_history_on_a_full_disk_is_an_error_in_words(small_disk):
    small_disk.fill()

    with pytest.raises(HistoryError, match="the disk is full"):
        Store.open(small_disk.folder / "history.sqlite", host="here")
