"""A file that comes back ends a regression, and does not change what caused it."""

import pytest
from builders import REVISION
from judged_host import OTHER_REVISION, JudgedHost

from mmied.profiles import PairedRatio
from mmied.regression import PredecessorResult, RecordedChange


def compare(host: JudgedHost, *revisions: str, times: float) -> None:
    """Take in that the second of two files takes so many times as long as the first."""
    before, after = revisions
    run = host.make_run(kind="compare", revision=after, results=())
    host.take(run)
    speedup = 1 / times
    ratio = PairedRatio(
        variant="ranker", batch_size=8, pairs=120, speedup_ratio=speedup, lower=0.99 * speedup, upper=1.01 * speedup,
        control_lower=0.997, control_upper=1.003,
    )  # fmt: skip
    found = PredecessorResult(model="ranker", revision=after, predecessor_revision=before, ratios=(ratio,))
    host.regressions.take_comparison(run, found)


@pytest.fixture
def regression(host: JudgedHost) -> RecordedChange:
    """One whose cause was shown by a comparison."""
    host.runs(4, seconds=0.013, revision=OTHER_REVISION)
    compare(host, REVISION, OTHER_REVISION, times=1.3)
    (change,) = host.regressions_of()
    assert change.cause == "model"
    assert change.paired is not None
    return change


@pytest.mark.parametrize(
    ("revisions", "times"),
    [((OTHER_REVISION, REVISION), 1 / 1.3), ((REVISION, REVISION), 1.0)],
    ids=["after-the-rollback", "while-it-is-rolled-back"],
)
def test_a_comparison_of_the_file_that_came_back_says_nothing_of_the_regression(
    host: JudgedHost, regression: RecordedChange, revisions: tuple[str, str], times: float
) -> None:
    host.run()

    compare(host, *revisions, times=times)

    (still,) = host.regressions_of()
    assert (still.cause, still.evidence, still.paired) == ("model", regression.evidence, regression.paired)


def test_a_file_that_comes_back_and_was_the_slower_one_is_a_regression_from_then_on(host: JudgedHost) -> None:
    host.runs(12, seconds=0.007, revision=OTHER_REVISION)
    host.run()
    came_back = host.store.points(host.standing().key)[-1].at

    compare(host, OTHER_REVISION, REVISION, times=1.4)

    (change,) = host.regressions_of()
    assert change.started_at == came_back
    assert change.before == pytest.approx(0.007, rel=0.01)
    assert change.cause == "model"


def test_a_regression_that_eased_and_grew_again_is_over_at_the_good_level_only(host: JudgedHost) -> None:
    for seconds in (0.016, 0.0145, 0.016, 0.0145):
        host.runs(14, seconds=seconds, revision=OTHER_REVISION)
    assert len(host.regressions_of()) > 1, "it grew again"
    assert host.standing().state == "regressed"
    assert host.standing().change_ratio == pytest.approx(0.45, abs=0.03)

    host.runs(6)

    assert host.standing().state in ("recovered", "stable")
    assert all(change.state != "active" for change in host.regressions_of())
