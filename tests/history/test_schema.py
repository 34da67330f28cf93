import re
import sqlite3
from contextlib import closing

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from mmied.errors import EXIT_CONFIG, HistoryError, NewerHistoryError
from mmied.history import schema
from mmied.history.schema import HEAD, alembic_config
from mmied.history.store import Store
from mmied.history.tables import metadata


def set_version(store: Store, version: str) -> None:
    with store._write("change the version") as connection:
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{version}'")


def downgrade(store: Store) -> None:
    with store._write("downgrade") as connection:
        command.downgrade(alembic_config(connection), "base")


def test_the_head_is_the_newest_migration(store):
    with store._write("look") as connection:
        script = ScriptDirectory.from_config(alembic_config(connection))

    assert script.get_heads() == [HEAD]


def test_an_older_history_is_migrated_to_the_same_tables_that_a_fresh_one_has(place, store):
    downgrade(store)
    store.close()

    migrated = Store.open(place, host="here")

    with migrated._write("compare") as connection:
        context = MigrationContext.configure(connection)
        assert context.get_current_revision() == HEAD
        assert compare_metadata(context, metadata) == []
    migrated.close()


def test_migrated_and_fresh_files_are_alike_to_the_letter(tmp_path):
    def statements(name: str) -> list[str]:
        with closing(sqlite3.connect(tmp_path / name)) as connection:
            found = connection.execute("SELECT sql FROM sqlite_master WHERE sql NOT NULL").fetchall()
        return sorted(re.sub(r"\s", "", sql) for (sql,) in found)

    Store.open(tmp_path / "fresh", host="here").close()
    older = Store.open(tmp_path / "migrated", host="here")
    downgrade(older)
    older.close()
    Store.open(tmp_path / "migrated", host="here").close()

    assert statements("migrated") == statements("fresh")


def test_an_empty_file_becomes_a_history(path, make_run):
    path.touch()

    store = Store.open(path, host="here")

    store.record(make_run(1))
    assert store.notice is None
    store.close()


def test_a_migration_that_fails_changes_nothing(place, store, make_run):
    downgrade(store)
    with store._write("stand in the way") as connection:
        connection.exec_driver_sql("CREATE TABLE hardware (mine TEXT)")  # the last table that the migration makes

    with pytest.raises(HistoryError, match=r"cannot open it: .*hardware.* already exists"):
        Store.open(place, host="here")

    with store._write("stand aside") as connection:
        assert not connection.dialect.has_table(connection, "runs")
        connection.exec_driver_sql("DROP TABLE hardware")
    again = Store.open(place, host="here")
    again.record(make_run(1))
    again.close()


def test_a_history_of_a_newer_mmied_is_refused_and_left_as_it_is(place, store, make_run):
    store.record(make_run(1))
    set_version(store, "9999")

    with pytest.raises(NewerHistoryError, match=r"written by a newer mmied \(schema 9999.*Update mmied") as caught:
        Store.open(place, host="here")
    assert caught.value.exit_status == EXIT_CONFIG  # systemd does not start it again
    assert store.run("run-0001") == make_run(1)


def test_an_up_to_date_history_needs_no_alembic(path, monkeypatch):
    Store.open(path, host="here").close()
    monkeypatch.setattr(schema, "alembic_config", None)

    Store.open(path, host="here").close()
