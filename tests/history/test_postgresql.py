"""What holds for a history in PostgreSQL only."""

import sys

import pytest

from mmied.errors import HistoryError
from mmied.history.store import Store
from mmied.records import HardwareSample

needs_server = pytest.mark.postgresql


@needs_server
def test_a_server_that_is_gone_costs_writes_until_it_is_back(postgresql_server, postgresql_url, make_run):
    store = Store.open(postgresql_url, host="here")
    store.record(make_run(1))
    postgresql_server.stop()

    with pytest.raises(HistoryError, match=r"history postgresql\+psycopg://mmied@.*cannot record run run-0002"):
        store.record(make_run(2))
    with pytest.raises(HistoryError, match="cannot read run run-0001"):
        store.run("run-0001")
    with pytest.raises(HistoryError, match="cannot check it"):
        store.check()
    assert store.write_failures == 1

    postgresql_server.start()
    store.record(make_run(2))
    assert [run.run_id for run in store.last_runs()] == ["run-0002", "run-0001"]
    store.close()


def test_no_server_at_all_is_an_error_in_words_without_the_password(tmp_path):
    with pytest.raises(HistoryError, match="cannot open it: ") as error:
        Store.open(f"postgresql://mmied:secret@/mmied?host={tmp_path}", host="here")

    assert "secret" not in str(error.value)


def test_a_missing_driver_is_an_error_in_words(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)  # as if it were not installed

    with pytest.raises(HistoryError, match=r"pip install 'mmied\[postgresql\]'"):
        Store.open("postgresql://mmied@/mmied", host="here")


@needs_server
@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg", "postgres"])
def test_the_driver_may_be_named_or_left_out(postgresql_url, scheme):
    Store.open(postgresql_url.replace("postgresql", scheme, 1), host="here").close()


@needs_server
def test_each_host_prunes_its_own_rows(postgresql_url, make_run):
    here = Store.open(postgresql_url, host="here", retention_seconds=10.0, max_size_bytes=1)
    there = Store.open(postgresql_url, host="there")
    for number in (1, 2):
        here.record(make_run(number))
        there.record(make_run(number, host="there"))
        there.record_hardware(HardwareSample(at=float(number)))

    here.prune(1e9)

    assert [run.run_id for run in here.last_runs()] == ["run-0002"]
    assert len(there.last_runs()) == len(there.hardware_history(since=0)) == 2
    here.close()
    there.close()


@needs_server
def test_the_types_are_postgresql_s_wide_ones(postgresql_url):
    store = Store.open(postgresql_url, host="here")

    with store._read("look") as connection:
        rows = connection.exec_driver_sql(
            "SELECT DISTINCT data_type FROM information_schema.columns "
            "WHERE table_schema = current_schema() AND table_name <> 'alembic_version'"
        )
        types = set(rows.scalars())

    assert types == {"text", "bigint", "double precision", "bytea"}
    store.close()
