"""A part of the daemon's search tries what had no turn yet, ends when its time is up, and says what is left."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from mmied.bench import worker
from mmied.bench.trial import search_worker, slice_worker
from mmied.candidates import known_candidates
from mmied.codec import from_json, to_json
from mmied.errors import ModelError
from mmied.optimization import OPTIONS_FILE, SEARCH_FILE, Candidate, Search, SearchOptions, Trial
from mmied.records import Job, ModelSpec, Run, Source, Workload


def options(**changes: Any) -> SearchOptions:
    whole = {"budget_seconds": 600.0, "slice_seconds": 300.0, "began_at": 1.0, "round_at": 1.0}
    return SearchOptions(**{**whole, "candidates": ("tricks:nothing", "tricks:refuse", "threads_1"), **changes})


def test_candidates_are_looked_up_by_name_and_those_that_had_their_turn_left_out() -> None:
    order = slice_worker.order_of(
        options(done=("tricks.nothing",), spent_seconds=250.0, evaluation="/e.npz", max_drop=0.1)
    )

    assert [candidate.name for candidate in order.candidates] == ["tricks.refuse", "threads_1"]
    assert (order.budget_seconds, order.spent_seconds) == (350.0, 250.0)
    assert (order.data.evaluation, order.data.max_drop) == ("/e.npz", 0.1)
    everything = slice_worker.order_of(options(candidates=()))
    assert everything.candidates == known_candidates()


def test_a_candidate_that_is_not_known_any_more_is_told_with_its_key() -> None:
    with pytest.raises(ModelError, match=r"optimize\.candidates: candidate gone: is not known"):
        slice_worker.order_of(options(candidates=("gone",)))


def test_a_part_ends_after_the_trial_that_passes_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []

    def quick(order: Sequence[Candidate], *unused: object, **ignored: object) -> Iterator[Trial]:
        try:
            for candidate in order:
                yield Trial(candidate=candidate.name, verdict="cannot_tell", why="", at=1.0, seconds=0.0)
        finally:
            closed.append(True)

    monkeypatch.setattr(search_worker, "search", quick)
    monkeypatch.setattr(worker, "die_with_parent", lambda: None)
    spec = ModelSpec(name="m", source=Source(kind="factory", factory="tricks:Work"), inputs=())
    job = Job(
        run_id="r",
        kind="optimize",
        model=spec,
        workloads=(Workload(scenario="b1", batch_size=1),),
        scenario_seconds=1.0,
    )
    (tmp_path / "job.json").write_text(to_json(job))
    (tmp_path / OPTIONS_FILE).write_text(to_json(options(slice_seconds=0.0, spent_seconds=100.0)))
    assert worker.main(tmp_path, slice_worker.optimize) == 0
    run = from_json(Run, (tmp_path / "run.json").read_bytes())
    search = from_json(Search, (tmp_path / SEARCH_FILE).read_bytes())

    assert (run.kind, run.outcome, run.message) == ("optimize", "succeeded", None)
    assert [trial.candidate for trial in search.trials] == ["tricks.nothing"]
    assert search.left == ("tricks.refuse", "threads_1")
    assert search.spent_seconds > 100.0
    assert closed == [True], "the processes that serve are ended"
