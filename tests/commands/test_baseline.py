"""`mmied baseline` says what is normal: what was learned, accepted, or pinned to a saved profile."""

import time
from dataclasses import replace
from pathlib import Path
from statistics import median

import pytest
from builders import make_run
from judged_history import (
    BEFORE,
    CHANGE,
    DRIFT,
    LOAD,
    P50,
    REFERENCE,
    SLOW,
    THROUGHPUT,
    Kept,
    kept_shift,
    points_of_levels,
)

from mmied.codec import from_json
from mmied.records import Golden
from mmied.regression import Baseline, SeriesKey

GOLDEN = Golden(
    at=1.0, run_id="run-0000", scenario="b8", revision=None, inputs="1", structure="2", content="3",
    floating=(0.5,), discrete=(),
)  # fmt: skip


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return kept_shift(tmp_path)


def baseline_of(kept: Kept, key: SeriesKey) -> Baseline | None:
    with kept.opened() as store:
        return store.baseline(key)


# Accepting


def test_accepting_makes_what_is_since_the_change_the_new_normal(
    kept: Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    before = time.time()
    assert kept.call("baseline", "accept", "--model", "ranker", "--metric", "latency_p50",
                     "--why", "a larger model", "--by", "ada") == 0  # fmt: skip

    found = baseline_of(kept, P50)
    assert found is not None
    assert found.at >= before
    assert found.figure == pytest.approx(median(point.figure for point in SLOW[-5:]), rel=1e-6)
    assert replace(found, at=0.0, figure=1.0) == Baseline(
        key=P50, figure=1.0, at=0.0, source="accepted", runs=5, run_id=SLOW[-1].run_id, by="ada",
        why="a larger model",
    )  # fmt: skip
    assert baseline_of(kept, THROUGHPUT) is None, "it was not asked for"
    with kept.opened() as store:
        change = store.change(CHANGE.change_id)
    assert change is not None
    assert (change.state, change.ended_at, change.note) == ("accepted", found.at, "accepted by ada: a larger model")
    assert change.evidence == CHANGE.evidence
    assert kept.ledger() == [("baseline_accepted", "ranker", "new normal, says ada (a larger model): latency_p50 (b8)")]
    assert "12.0 ms, the median of 5 runs; accepts c0ffee0123456789" in capsys.readouterr().out


def test_runs_from_before_the_change_are_no_part_of_the_new_normal(kept: Kept) -> None:
    kept.keep_change(SLOW[-2].at)
    kept.call("baseline", "accept", "--model", "ranker", "--metric", "latency_p50")

    found = baseline_of(kept, P50)
    assert found is not None
    assert found.runs == 2
    assert found.figure == pytest.approx(median(point.figure for point in SLOW[-2:]), rel=1e-4)


def test_runs_that_are_not_fit_are_no_part_of_the_new_normal(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    busy = SeriesKey("ranker", "b1", "latency_p50")
    kept.keep(points_of_levels(busy, (3, 0.5), end=time.time(), fit=False))
    assert kept.call("baseline", "accept", "--model", "ranker", "--scenario", "b1") == 1
    said = "nothing was accepted: ranker b1 latency_p50: no run is fit to be a baseline yet."
    assert said in capsys.readouterr().err
    assert kept.ledger() == []


def test_all_series_of_a_model_are_accepted_unless_some_are_named(kept: Kept) -> None:
    kept.call("baseline", "accept", "--model", "ranker")

    with kept.opened() as store:
        assert [found.key for found in store.baselines()] == [LOAD, P50, THROUGHPUT]
    assert kept.ledger()[0][2].endswith(": load_time, latency_p50 (b8), throughput (b8)")


def test_the_host_s_own_figures_can_be_accepted(kept: Kept) -> None:
    assert kept.call("baseline", "accept", "--host", "--by", "ada") == 0

    assert baseline_of(kept, REFERENCE) is not None
    assert kept.ledger() == [("baseline_accepted", None, "new normal, says ada: reference_compute (cpu)")]


def test_accepted_outputs_are_recorded_anew(kept: Kept) -> None:
    kept.keep(points_of_levels(DRIFT, (3, 0.3), end=time.time()))
    kept.keep_change(time.time(), "drifted", key=DRIFT)
    with kept.opened() as store:
        store.record(make_run(900, host=store.host, golden=GOLDEN))
    kept.call("baseline", "accept", "--model", "ranker", "--metric", "latency_p50")
    with kept.opened() as store:
        assert store.golden("ranker") == GOLDEN, "outputs were not asked for"

    before = time.time()
    kept.call("baseline", "accept", "--model", "ranker", "--metric", "output_drift")
    with kept.opened() as store:
        assert store.golden("ranker") is None
        assert store.baseline(DRIFT) is None
        assert store.learned_since(DRIFT) >= before
        change = store.change("drifted")
        assert change is not None
        assert change.state == "accepted"


def test_outputs_that_are_those_recorded_are_left_as_they_are(kept: Kept) -> None:
    kept.keep(points_of_levels(DRIFT, (3, 0.0), end=time.time()))
    with kept.opened() as store:
        store.record(make_run(900, host=store.host, golden=GOLDEN))
    assert kept.call("baseline", "accept", "--model", "ranker", "--metric", "output_drift") == 1
    assert kept.call("baseline", "accept", "--model", "ranker") == 0

    with kept.opened() as store:
        assert store.golden("ranker") == GOLDEN
        assert store.learned_since(DRIFT) == 0.0
    assert "output_drift" not in kept.ledger()[0][2]


# Learning anew


def test_a_series_that_is_learned_anew_forgets_what_was_accepted_and_ends_its_changes(
    kept: Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    kept.call("baseline", "accept", "--model", "ranker")
    kept.keep_change(SLOW[BEFORE].at, "active")
    capsys.readouterr()
    before = time.time()
    assert (
        kept.call("baseline", "reset", "--model", "ranker", "--scenario", "b8", "--by", "ada", "--why", "new box") == 0
    )

    assert "ranker b8 latency_p50: learned anew from now on; its baseline is dropped" in capsys.readouterr().out
    assert kept.ledger()[0] == (
        "baseline_reset", "ranker", "learned anew, says ada (new box): latency_p50 (b8), throughput (b8)",
    )  # fmt: skip
    with kept.opened() as store:
        assert [found.key for found in store.baselines()] == [LOAD]
        assert store.learned_since(P50) >= before
        assert store.learned_since(LOAD) == 0.0
        change = store.change("active")
        assert change is not None
        assert (change.state, change.note) == ("superseded", "superseded by ada: new box")
    kept.call("baseline", "show", "--model", "ranker", "--metric", "latency_p50")
    assert "none yet" in capsys.readouterr().out


# Showing


def test_what_was_learned_is_told_without_the_runs_of_an_active_change(
    kept: Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kept.call("baseline", "show", "--model", "ranker", "--format", "json") == 0

    found = {one.key: one for one in (from_json(Baseline, line) for line in capsys.readouterr().out.splitlines())}
    assert set(found) == {P50, THROUGHPUT, LOAD}
    assert found[P50].figure == pytest.approx(0.010, rel=0.01)
    assert {one.source for one in found.values()} == {"learned"}


def test_what_was_accepted_is_told_with_who_and_why(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    kept.call("baseline", "accept", "--model", "ranker", "--metric", "latency_p50", "--by", "ada", "--why", "so be it")
    capsys.readouterr()
    kept.call("baseline", "show", "--model", "ranker")

    rows = {line.split()[2]: line for line in capsys.readouterr().out.splitlines() if " b8 " in line}
    assert "12.0 ms" in rows["latency_p50"]
    for part in ("accepted", "ada", "so be it"):
        assert part in rows["latency_p50"]
    assert "learned" in rows["throughput"]


# What there is not


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--model", "rankr"), 'no figures of "rankr" in the history. Did you mean "ranker"?'),
        (("--model", "ranker", "--metric", "latencyp50"), '"latencyp50" is no metric. Did you mean "latency_p50"?'),
        (("--model", "ranker", "--metric", "first_call"), '"first_call": "ranker" has no series of it. Known are'),
        (("--model", "ranker", "--scenario", "b9"), '"b9": there is no such scenario. Known are b8.'),
    ],
)
@pytest.mark.parametrize("verb", ["show", "accept", "reset"])
def test_what_there_is_not_is_told_with_what_there_is(
    kept: Kept, capsys: pytest.CaptureFixture[str], verb: str, given: tuple[str, ...], told: str
) -> None:
    assert kept.call("baseline", verb, *given) == 1
    assert told in capsys.readouterr().err
    assert kept.ledger() == []


def test_a_history_without_figures_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = Kept(tmp_path)
    with empty.opened() as store:
        store.record(make_run(1, host=store.host))
    assert empty.call("baseline", "accept", "--model", "ranker") == 1
    assert "There are none yet" in capsys.readouterr().err


def test_somebody_has_to_say_whose(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        kept.call("baseline", "accept")
    assert ended.value.code == 2
    assert "one of the arguments --model --host is required" in capsys.readouterr().err
