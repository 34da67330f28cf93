"""No run is lost to a history that cannot be written for a while, and none is recorded twice."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from builders import B1, NOW, make_iterations, make_result, make_run, refused
from optimizations import searched, trial, verdict

from mmied.codec import from_json
from mmied.daemon.recorder import RETRY_SECONDS, Recorder
from mmied.errors import HistoryError
from mmied.history.store import Store
from mmied.optimization import StandingVerdict
from mmied.records import Environment, Event, Run
from mmied.regression import SeriesKey, SeriesPoint
from mmied.stats import summarize
from mmied.verdicts.run_points import points_of


class Fickle(Store):
    """A history that can be made to fail."""

    failing = False

    def record(self, run: Run, found: Sequence[StandingVerdict] = (), points: Sequence[SeriesPoint] = ()) -> None:
        if self.failing:
            raise HistoryError("the disk is full")
        super().record(run, found, points)

    def record_event(self, event: Event) -> None:
        if self.failing:
            raise HistoryError("the disk is full")
        super().record_event(event)

    def iterations(self, *arguments: str, limit: int) -> tuple:
        if self.failing:
            raise HistoryError("the disk is broken")
        return super().iterations(*arguments, limit=limit)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Fickle]:
    store = Fickle.open(tmp_path / "history.sqlite", host="here")
    yield store
    store.close()


def make_folder(tmp_path: Path, run: Run) -> Path:
    folder = tmp_path / "runs" / run.run_id
    folder.mkdir(parents=True)
    (folder / "log.txt").write_text("noise")
    return folder


def recorded_ids(store: Store) -> list[str]:
    return [run.run_id for run in reversed(store.last_runs())]


def test_a_run_is_recorded_with_its_samples_and_its_folder_removed(store: Fickle, tmp_path: Path) -> None:
    told: list[Run] = []
    run = make_run(1)
    folder = make_folder(tmp_path, run)
    recorder = Recorder(store, recorded=told.append)
    recorder.add(run, folder, 0.0)

    assert store.run(run.run_id) == run
    assert not folder.exists()
    assert told == [run]
    assert recorder.waiting == 0


def test_runs_wait_for_a_history_that_fails_and_are_written_in_order_when_it_recovers(
    store: Fickle, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[Run] = []
    runs = [make_run(1), refused(2), make_run(3)]
    folder = make_folder(tmp_path, runs[0])
    recorder = Recorder(store, recorded=told.append)
    store.failing = True
    for second, run in enumerate(runs):
        recorder.add(run, folder if run is runs[0] else None, float(second))
    assert recorder.waiting == 3
    assert folder.exists()
    assert [record.message for record in caplog.records] == ["run_not_recorded"] * 3

    store.failing = False
    recorder.flush(2.0 + RETRY_SECONDS)
    assert recorded_ids(store) == [run.run_id for run in runs]
    assert told == runs
    assert recorder.waiting == 0
    assert not folder.exists()


def test_verdicts_wait_with_the_search_that_found_them(store: Fickle) -> None:
    found = verdict(trial("compile"))
    store.failing = True
    recorder = Recorder(store)
    recorder.add(searched(), None, 0.0, (found,))
    assert store.trials("ranker") == ()

    store.failing = False
    recorder.flush(RETRY_SECONDS)
    assert store.trials("ranker") == (found,)


def test_a_run_is_judged_once_it_is_recorded_with_its_points(store: Fickle) -> None:
    judged: list[tuple[str, int]] = []
    recorder = Recorder(store, judge=lambda run, points: judged.append((run.run_id, len(points))))
    store.failing = True
    recorder.add(make_run(1), None, 0.0)
    assert judged == []
    store.failing = False
    recorder.flush(RETRY_SECONDS)

    assert judged == [("run-0001", len(points_of(make_run(1))))]
    assert len(store.points(SeriesKey("ranker", "b1", "latency_p50"))) == 1


def test_a_judge_that_fails_costs_no_run_its_record(store: Fickle, caplog: pytest.LogCaptureFixture) -> None:
    def fail(run: Run, points: Sequence[SeriesPoint]) -> None:
        raise ZeroDivisionError

    told: list[Run] = []
    recorder = Recorder(store, judge=fail, recorded=told.append)
    recorder.add(make_run(1), None, 0.0)
    recorder.add(make_run(2), None, 1.0)

    assert recorded_ids(store) == ["run-0001", "run-0002"]
    assert len(told) == 2
    assert [record.message for record in caplog.records] == ["run_not_judged"] * 2


def test_a_run_whose_points_cannot_be_told_is_recorded_without(
    store: Fickle, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(run: Run) -> tuple[SeriesPoint, ...]:
        raise ZeroDivisionError

    monkeypatch.setattr("mmied.daemon.points.points_of", fail)
    Recorder(store).add(make_run(1), None, 0.0)

    assert recorded_ids(store) == ["run-0001"]
    assert store.series() == ()
    assert [record.message for record in caplog.records] == ["run_has_no_points"]


def test_a_history_that_fails_is_not_tried_at_every_tick(store: Fickle, caplog: pytest.LogCaptureFixture) -> None:
    recorder = Recorder(store)
    store.failing = True
    recorder.add(make_run(1), None, 100.0)
    for second in range(1, 60):
        recorder.flush(100.0 + second)

    assert len(caplog.records) == 1 + int(59 // RETRY_SECONDS)


def test_a_new_run_is_reason_to_try_at_once(store: Fickle) -> None:
    recorder = Recorder(store)
    store.failing = True
    recorder.add(make_run(1), None, 100.0)
    store.failing = False
    recorder.add(make_run(2), None, 101.0)

    assert recorded_ids(store) == ["run-0001", "run-0002"]


def test_a_daemon_that_ends_leaves_what_it_could_not_record_in_the_runs_folder(store: Fickle, tmp_path: Path) -> None:
    run = make_run(1)
    folder = make_folder(tmp_path, run)
    recorder = Recorder(store)
    store.failing = True
    recorder.add(run, folder, 0.0)
    recorder.close(0.0)

    assert from_json(Run, (folder / "record.json").read_bytes()) == run


def test_a_daemon_that_ends_tries_once_more(store: Fickle, tmp_path: Path) -> None:
    run = make_run(1)
    folder = make_folder(tmp_path, run)
    recorder = Recorder(store)
    store.failing = True
    recorder.add(run, folder, 0.0)
    store.failing = False
    recorder.close(0.1)

    assert recorded_ids(store) == [run.run_id]
    assert not folder.exists()


def test_an_event_that_cannot_be_written_is_logged_and_not_raised(
    store: Fickle, caplog: pytest.LogCaptureFixture
) -> None:
    counted: list[Event] = []
    recorder = Recorder(store, counted=counted.append)
    event = Event(at=NOW, kind="model_changed", model="ranker", message="revision a became b")
    recorder.note(event)
    store.failing = True
    with caplog.at_level(logging.ERROR):
        recorder.note(event)

    assert store.events() == (event,)
    assert counted == [event]
    assert [record.message for record in caplog.records] == ["event_not_recorded"]


# Pooled quantiles


def short_run(number: int, *, median: float = 0.01, fingerprint: str = "f1", samples: int = 100) -> Run:
    """A run of one scenario with enough samples for a p95 and too few for a p99."""
    environment = Environment(fingerprint=fingerprint, stable={}, momentary={})
    result = make_result(B1, median=median, samples=samples)
    return make_run(number, environment=environment, results=(result,))


def test_quantiles_that_a_run_does_not_support_are_had_from_earlier_runs_and_it_is_said_over_how_many(
    store: Fickle,
) -> None:
    for number in range(1, 10):
        store.record(short_run(number))
    run = short_run(10)
    assert run.results[0].latency is not None
    assert "0.99" not in run.results[0].latency.quantiles
    latency = Recorder(store).with_pooled_quantiles(run).results[0].latency

    assert latency is not None
    assert "0.99" in latency.quantiles
    assert (latency.pooled_runs, latency.pooled_samples) == (5, 500)
    assert latency.samples == 100
    assert latency.quantiles["0.95"] == run.results[0].latency.quantiles["0.95"], "what it bears itself stays its own"


def test_only_runs_under_the_same_fingerprint_are_pooled(store: Fickle) -> None:
    for number in range(1, 10):
        store.record(short_run(number, median=0.5, fingerprint="other"))
    run = short_run(10)

    assert Recorder(store).with_pooled_quantiles(run) == run


def test_no_more_is_said_to_be_pooled_than_helped(store: Fickle) -> None:
    store.record(short_run(1))
    latency = Recorder(store).with_pooled_quantiles(short_run(2)).results[0].latency

    assert latency is not None
    assert "0.99" not in latency.quantiles, "200 samples are still too few"
    assert (latency.pooled_runs, latency.pooled_samples) == (1, 100)


def test_the_newest_runs_are_pooled(store: Fickle) -> None:
    for number in range(1, 20):
        store.record(short_run(number, median=0.5 if number < 10 else 0.01))
    latency = Recorder(store).with_pooled_quantiles(short_run(20)).results[0].latency

    assert latency is not None
    assert latency.quantiles["0.99"] < 0.02


def test_a_run_that_bears_all_quantiles_does_not_ask_the_history(store: Fickle) -> None:
    store.failing = True
    run = short_run(1, samples=459)

    assert Recorder(store).with_pooled_quantiles(run) == run


def test_a_history_that_cannot_be_read_leaves_a_run_with_its_own_quantiles(
    store: Fickle, caplog: pytest.LogCaptureFixture
) -> None:
    store.failing = True
    run = short_run(1)

    assert Recorder(store).with_pooled_quantiles(run) == run
    assert [record.message for record in caplog.records] == ["history_unreadable"]


def test_contended_runs_are_pooled_with_their_like_alone(store: Fickle) -> None:
    calls = make_iterations(0.01, 100, waiting=90)
    contended = replace(make_result(B1), iterations=calls, latency=summarize(calls))
    assert contended.latency is not None
    assert contended.latency.estimator == "wall_minus_wait"
    for number in range(1, 10):
        store.record(short_run(number))
    run = replace(short_run(10), results=(contended,))

    assert Recorder(store).with_pooled_quantiles(run) == run


def test_a_run_that_failed_is_left_as_it_is(store: Fickle) -> None:
    run = make_run(1, environment=None, results=())

    assert Recorder(store).with_pooled_quantiles(run) == run
