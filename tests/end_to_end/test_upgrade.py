"""A history of the release before is taken over as it is: nothing is lost, and all that shows it works."""

import signal
import socket
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from alembic import command
from builders import B1, REVISION, make_result, make_run
from daemon_process import Daemon, linear
from sqlalchemy import create_engine

from mmied.history.schema import HEAD, alembic_config
from mmied.history.store import Store
from mmied.optimization import StandingVerdict, Trial
from mmied.profiles import PairedRatio
from mmied.records import Event, Golden, HardwareSample, Run

HOST = socket.gethostname()
RELEASES = ("0001", "0002", "0003")  # those whose histories knew nothing of regressions
NEWER_KEYS = ("confirming",)  # of a run's record


GOLDEN = Golden(
    at=1.0, run_id="run-1", scenario="b1", revision="5eed", inputs="i", structure="s", content="c",
    floating=(1.0, 2.0), discrete=(),
)  # fmt: skip


def recorded(now: float) -> list[Run]:
    """Return runs of the last hours, of which the newest was just now."""
    return [
        replace(
            make_run(1, "good", results=(make_result(B1, median=0.010 + 0.0001 * number),)),
            run_id=f"run-{number}",
            started_at=now - 900.0 * (5 - number) - 60,
            ended_at=now - 900.0 * (5 - number) - 30,
            host=HOST,
        )
        for number in range(1, 6)
    ]


def verdict(now: float) -> StandingVerdict:
    ratio = PairedRatio(variant="compile", batch_size=1, pairs=24, speedup_ratio=1.5, lower=1.4, upper=1.6)
    trial = Trial(candidate="compile", verdict="helps", why="1.50×", at=now - 99, seconds=40.0, ratios=(ratio,))
    environment = make_run().environment
    assert environment is not None
    return StandingVerdict(model="good", trial=trial, revision=REVISION, environment=environment, batch_sizes=(1,))


def write_old_history(path: Path, release: str, now: float) -> None:
    """Make the tables by the migrations up to a release, and fill them with what that one would have written."""
    today = path.with_name("today.sqlite")
    with closing(Store.open(today, host=HOST)) as store:
        for run in recorded(now):
            store.record(replace(run, golden=GOLDEN))
        search = {"kind": "optimize", "run_id": "search", "results": (), "host": HOST}
        store.record(make_run(1, "good", started_at=now - 9000, ended_at=now - 8000, **search), (verdict(now),))
        store.record_event(Event(at=now - 500, kind="model_changed", model="good", message="revision 1 became 2"))
        store.record_hardware(HardwareSample(at=now - 60, load1=1.5))
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        command.upgrade(alembic_config(connection), release)
    engine.dispose()
    with closing(sqlite3.connect(path)) as old, old:
        old.execute("ATTACH ? AS today", (str(today),))
        for (table,) in old.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'").fetchall():
            if table == "alembic_version":
                continue
            columns = ", ".join(row[1] for row in old.execute(f"PRAGMA main.table_info({table})"))
            old.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM today.{table}")
        for key in NEWER_KEYS:
            old.execute(f"UPDATE main.runs SET record = json_remove(record, '$.{key}')")


@pytest.mark.parametrize("release", RELEASES)
def test_everything_of_an_older_history_is_there_after_the_upgrade(tmp_path: Path, release: str) -> None:
    now = time.time()
    write_old_history(tmp_path / "history.sqlite", release, now)

    with closing(Store.open(tmp_path / "history.sqlite", host=HOST)) as store:
        runs = recorded(now)
        assert [store.run(run.run_id) for run in runs] == runs
        assert len(store.iterations("good", "b1", "f1", limit=10)) == len(runs)
        assert store.golden("good") == (None if release == "0001" else GOLDEN)
        assert store.trials("good") == ((verdict(now),) if release == "0003" else ())
        assert [event.message for event in store.events(since=0)] == ["revision 1 became 2"]
        assert len(store.hardware_history(since=0)) == 1
        assert store.series() == ()
        assert store.notice is None
        with store._write("look") as connection:
            assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == HEAD


def test_a_daemon_shows_what_the_release_before_recorded_and_goes_on(make_daemon: Callable[..., Daemon]) -> None:
    daemon = make_daemon([linear("good")], optimize={"schedule": "0 3 1 1 *"})
    (daemon.folder / "state").mkdir()
    write_old_history(daemon.folder / "state" / "history.sqlite", RELEASES[-1], time.time())

    daemon.start()

    assert [run["run_id"] for run in daemon.runs("good")] == ["run-5", "run-4", "run-3", "run-2", "run-1", "search"]
    metrics = daemon.get("/metrics")
    assert 'mmied_profile_latency_seconds{model="good",quantile="0.5",scenario="b1"} 0.0105' in metrics
    assert 'mmied_candidate_verdict{candidate="compile",model="good",verdict="helps"} 1.0' in metrics
    assert "mmied_collector_success" in metrics
    assert "revision 1 became 2" in daemon.get("/models/good")
    assert "Median" in daemon.get("/runs/run-5")
    assert "Nothing is slower" in daemon.get("/regressions")

    daemon.settings["schedule"]["profile"] = "1s"
    daemon.write_config()
    assert daemon.process is not None
    daemon.process.send_signal(signal.SIGHUP)
    learning = 'mmied_detector_state{metric="latency_p50",model="good",scenario="b1",state="learning"} 1.0'
    daemon.wait_for(lambda: learning in daemon.get("/metrics"), "a run of today is judged")
    assert {"run-1", "run-5"} <= {run["run_id"] for run in daemon.runs("good")}
