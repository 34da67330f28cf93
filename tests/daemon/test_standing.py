"""Where a model stands is a fold over its runs: nothing else has to be remembered."""

from dataclasses import replace

from builders import B1, B8, failed, make_failure, make_result, make_run, orphaned, refused, stand
from hypothesis import given
from hypothesis import strategies as st

from mmied import catalog
from mmied.daemon.standing import BY_ADMISSION, Standing, advance, fold, release
from mmied.records import Run

KINDS = {
    "success": make_run,
    "failure": failed,
    "refusal": refused,
    "budget": lambda number: refused(number, "budget"),
    "orphan": orphaned,
    "half": lambda number: make_run(number, results=(make_result(B1), make_failure(B8))),
}
HISTORIES = st.lists(st.sampled_from(sorted(KINDS)), max_size=12)


def runs_of(kinds: list[str]) -> list[Run]:
    return [KINDS[kind](number) for number, kind in enumerate(kinds)]


def test_a_new_model_has_no_past() -> None:
    assert fold([]) == Standing()
    assert not Standing().quarantined


def test_a_success_is_remembered_without_its_samples() -> None:
    run = make_run(1)
    standing = stand(run)

    assert standing.last_run is not None
    assert standing.last_run == standing.last_success == standing.last_attempt
    assert standing.last_run.run_id == run.run_id
    assert all(result.iterations is None and not result.references for result in standing.last_run.results)
    assert set(standing.successes) == set(standing.last_results) == {"b1", "b8"}
    assert standing.successes["b1"].result.latency == run.results[0].latency
    assert standing.successes["b1"].run.results == ()


def test_failures_count_until_the_next_success_and_keep_the_last_success() -> None:
    standing = stand(make_run(1), failed(2), failed(3))
    assert (standing.failures, standing.scenario_failures) == (2, {"b1": 2, "b8": 2})
    assert standing.last_success is not None
    assert standing.last_success.run_id == standing.successes["b8"].run.run_id == "run-0001"
    assert standing.last_run is not None
    assert standing.last_run.run_id == "run-0003"

    standing = advance(standing, make_run(4))
    assert (standing.failures, standing.scenario_failures) == (0, {"b1": 0, "b8": 0})


def test_a_scenario_that_fails_in_a_run_that_succeeds_counts_for_itself() -> None:
    standing = stand(make_run(1), KINDS["half"](2), KINDS["half"](3))

    assert standing.failures == 0
    assert standing.scenario_failures == {"b1": 0, "b8": 2}
    assert standing.successes["b1"].run.run_id == "run-0003"
    assert standing.successes["b8"].run.run_id == "run-0001"
    assert standing.last_results["b8"].outcome == "failed"


def test_a_refusal_is_an_attempt_and_no_run() -> None:
    standing = stand(failed(1), refused(2), refused(3))

    assert standing.last_attempt is not None
    assert standing.last_attempt.run_id == "run-0003"
    assert standing.last_run is not None
    assert standing.last_run.run_id == "run-0001"
    assert (standing.refusals, standing.failures) == (2, 1)
    assert advance(standing, failed(4)).refusals == 0


def test_refusals_by_admission_are_counted_apart() -> None:
    standing = stand(*(refused(number, reason) for number, reason in enumerate(catalog.SKIP_REASONS)))

    assert standing.turned_away == len(BY_ADMISSION) == 4
    assert standing.refusals == len(catalog.SKIP_REASONS)
    assert advance(standing, make_run(50)).turned_away == 0


def test_two_runs_in_which_the_daemon_died_put_a_model_in_quarantine() -> None:
    assert not stand(orphaned(1)).quarantined
    assert stand(orphaned(1), orphaned(2)).quarantined
    assert stand(orphaned(1), failed(2), refused(3), orphaned(4)).quarantined
    assert not stand(orphaned(1), make_run(2), orphaned(3)).quarantined


def test_a_release_forgives_and_keeps_what_was_measured() -> None:
    standing = stand(make_run(1), failed(2), orphaned(3), orphaned(4), refused(5))
    released = release(standing)

    assert not released.quarantined
    assert (released.failures, released.refusals, released.turned_away, released.orphans) == (0, 0, 0, 0)
    assert released.successes == standing.successes
    assert released.last_run == standing.last_run


def test_a_check_changes_nothing() -> None:
    assert stand(make_run(1), replace(failed(2), kind="check")) == stand(make_run(1))


@given(HISTORIES, HISTORIES)
def test_folding_a_history_equals_advancing_run_by_run(before: list[str], after: list[str]) -> None:
    runs = runs_of(before + after)
    assert fold(runs) == stand(*runs)


@given(HISTORIES, HISTORIES)
def test_a_release_is_found_again_in_the_history(before: list[str], after: list[str]) -> None:
    earlier, later = runs_of(before + after)[: len(before)], runs_of(before + after)[len(before) :]
    live = release(stand(*earlier))
    for run in later:
        live = advance(live, run)
    released_at = make_run(len(before)).started_at  # in the very moment of the first run after it

    assert fold([*earlier, *later], released_at) == live


@given(HISTORIES)
def test_a_model_is_never_in_quarantine_after_a_success(kinds: list[str]) -> None:
    assert not stand(*runs_of([*kinds, "success"])).quarantined
