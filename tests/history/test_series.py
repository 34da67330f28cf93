"""The points of series are kept with their runs, in the order of their runs, and the newest are found at once."""

import contextlib
import math
import sqlite3
from dataclasses import replace

import pytest
from alembic import command

from mmied.errors import HistoryError
from mmied.history.schema import alembic_config
from mmied.history.store import Store
from mmied.regression import HOST, SeriesKey, SeriesPoint

KEY = SeriesKey("ranker", "b8", "latency_p50")
MANY = 1_000_000
SERIES = 10
READ_ROWS = 200  # virtual machine steps that a row may take, generously


def point(number=1, key=KEY, **changes):
    whole = SeriesPoint(
        key=key, run_id=f"run-{number:04d}", at=3600.0 * number, figure=0.011, value=math.log(0.011), uncertainty=0.002
    )
    return replace(whole, **changes)


WHOLE = point(
    log=False,
    references={"compute": -6.9, "memory": -5.1},
    uncertainty=None,
    fit=False,
    contended_ratio=0.25,
    revision="5eed",
    fingerprint="f1",
    confirming=True,
)


def test_a_point_comes_back_whole_after_a_restart(place, store, make_run):
    bare = point(key=SeriesKey("ranker", "", "output_drift"), figure=0.0, value=0.0)
    store.record(make_run(1), points=(WHOLE, bare))
    store.close()

    with contextlib.closing(Store.open(place, host="here")) as again:
        assert again.points(KEY) == (WHOLE,)
        assert again.points(bare.key) == (bare,)


def test_the_newest_points_come_oldest_first_between_two_moments(store, make_run):
    for number in range(1, 7):
        store.record(make_run(number), points=(point(number),))

    def at(**asked):
        return [found.at / 3600 for found in store.points(KEY, **asked)]

    assert at() == [1, 2, 3, 4, 5, 6]
    assert at(limit=2) == [5, 6]
    assert at(since=3600.0 * 3, before=3600.0 * 5) == [3, 4]
    assert at(before=3600.0 * 5, limit=1) == [4]


def test_a_run_that_is_recorded_late_takes_its_place_in_time(store, make_run):
    for number in (3, 1, 2):
        store.record(make_run(number), points=(point(number),))
    same_moment = make_run(9, run_id="run-0000", started_at=3600.0 * 2)
    store.record(same_moment, points=(point(2, run_id="run-0000"),))

    assert [found.run_id for found in store.points(KEY)] == ["run-0001", "run-0000", "run-0002", "run-0003"]


def test_a_run_that_is_recorded_twice_keeps_its_first_points(store, make_run):
    store.record(make_run(1), points=(point(1),))
    store.record(make_run(1), points=(point(1, figure=99.0),))

    assert store.points(KEY) == (point(1),)


def test_a_run_from_before_there_were_points_can_be_given_them(store, make_run):
    store.record(make_run(1))
    store.record(make_run(1), points=(point(1),))

    assert store.points(KEY) == (point(1),)
    assert store.run("run-0001") == make_run(1)


@pytest.mark.parametrize("nothing", [math.nan, math.inf, -math.inf])
def test_a_figure_that_is_no_number_costs_no_run_its_record(store, make_run, nothing):
    bad = point(key=SeriesKey("ranker", "b8", "throughput"))
    store.record(make_run(1), points=(replace(bad, figure=nothing), replace(bad, value=nothing), point(1)))

    assert store.run("run-0001") == make_run(1)
    assert store.series() == (KEY,)


def test_a_run_is_recorded_with_its_points_or_not_at_all(store, make_run):
    with pytest.raises(HistoryError, match="cannot record run run-0001"):
        store.record(make_run(1), points=(point(1), point(2)))  # of a run that there is not

    assert store.run("run-0001") is None
    assert store.points(KEY) == ()


def test_series_are_told_by_name_of_one_model_of_the_host_or_of_all(store, make_run):
    own = SeriesKey(HOST, "cpu", "reference_compute")
    keys = [
        own,
        KEY,
        SeriesKey("ranker", "b8", "throughput"),
        SeriesKey("ranker", "", "load_time"),
        SeriesKey("tagger", "b1", "latency_p50"),
    ]
    for number in (1, 2):
        store.record(make_run(number), points=[point(number, key) for key in keys])

    assert store.series() == tuple(sorted(keys))
    assert store.series("ranker") == tuple(sorted(key for key in keys if key.model == "ranker"))
    assert store.series(HOST) == (own,)
    assert store.series("nobody") == ()


def test_hosts_that_share_a_database_have_their_own(place, store, make_run):
    store.record(make_run(1), points=(point(1),))
    with contextlib.closing(Store.open(place, host="there")) as other:
        assert other.points(KEY) == ()
        assert other.series() == ()


def test_points_go_with_their_runs(store, make_run):
    for number in (1, 2, 500):
        store.record(make_run(number), points=(point(number),))
    store.retention_seconds = 3600.0
    store.prune(3600.0 * 600)

    assert store.points(KEY) == (point(500),)


def test_a_history_from_before_series_is_migrated_and_keeps_what_it_has(place, store, make_run):
    store.record(make_run(1))
    with store._write("go back") as connection:
        command.downgrade(alembic_config(connection), "0003")
        assert not connection.dialect.has_table(connection, "points")
    store.close()

    with contextlib.closing(Store.open(place, host="here")) as again:
        assert again.run("run-0001") == make_run(1)
        assert again.series() == ()
        again.record(make_run(2), points=(point(2),))
        assert again.points(KEY) == (point(2),)


@pytest.fixture(scope="module")
def million(tmp_path_factory):
    """A history of a million points in ten series, the one asked for in their midst."""
    path = tmp_path_factory.mktemp("million") / "history.sqlite"
    Store.open(path, host="here").close()
    with contextlib.closing(sqlite3.connect(path)) as bare:
        for hurry in ("journal_mode=OFF", "synchronous=OFF"):
            bare.execute(f"PRAGMA {hurry}")
        bare.execute("DROP INDEX points_by_run")  # it takes half of the time to make, and is not read here
        for series in range(SERIES):
            bare.execute(
                "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?) INSERT INTO points "
                "SELECT 'here', 'm', 'b8', 'metric-' || ?, i, 'run', 1.0, 0.0, NULL, 1, 0, NULL, NULL, '{}' FROM n",
                (MANY // SERIES, series),
            )
        bare.commit()
    store = Store.open(path, host="here")
    yield store
    store.close()


def steps_of(store, read):
    """How many steps SQLite's virtual machine takes for what `read` asks, in thousands of ten."""
    steps = 0

    def count():
        nonlocal steps
        steps += 1

    with store._database.reader.connect() as connection:
        bare = connection.connection.dbapi_connection
        bare.set_progress_handler(count, 10)
    found = read()
    bare.set_progress_handler(None, 0)
    return steps * 10, found


def test_among_a_million_points_the_newest_of_a_series_cost_as_many_steps_as_they_are(million):
    key = SeriesKey("m", "b8", "metric-5")
    last = MANY // SERIES - 1

    steps, found = steps_of(million, lambda: million.points(key, limit=120))
    assert [one.at for one in found] == [float(last - 119 + n) for n in range(120)]
    assert 120 < steps < 120 * READ_ROWS

    steps, keys = steps_of(million, million.series)
    assert len(keys) == SERIES
    assert SERIES < steps < SERIES * READ_ROWS


def test_no_point_is_sorted_or_looked_at_in_vain(million):
    statement = (
        "SELECT at, record FROM points WHERE host = 'here' AND model = 'm' AND scenario = 'b8' AND "
        "metric = 'metric-5' AND at >= 0 AND at < 1e9 ORDER BY at DESC, run_id DESC LIMIT 120"
    )
    with million._read("look") as connection:
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")]
    assert plan == [
        "SEARCH points USING PRIMARY KEY (host=? AND model=? AND scenario=? AND metric=? AND at>? AND at<?)"
    ]
