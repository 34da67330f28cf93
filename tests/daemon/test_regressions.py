"""A suspicion is confirmed within minutes, and a regression explains itself."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from builders import REVISION
from inspections import inspected
from judged_host import INTERVAL, OTHER_REVISION, JudgedHost, configured
from looks import make_inspection, make_layers
from planned_host import Host, Purse

from mmied.codec import to_json
from mmied.config import Config, Every
from mmied.daemon.confirming import PAUSE_SECONDS
from mmied.daemon.planner import Start
from mmied.history.artifacts import INSPECTION_FILE
from mmied.profiles import PairedRatio
from mmied.records import Run
from mmied.regression import PredecessorResult

DAILY = Every(86_400.0)


@pytest.fixture
def host(make_host: Callable[[Config], JudgedHost]) -> JudgedHost:
    """It is inspected daily, and was."""
    host = make_host(configured("ranker", inspect=DAILY))
    keep_inspection(host)
    return host


def planned(host: JudgedHost, level: float = 1e9) -> list[Start]:
    """What is started at once, as far as the budget holds it: nothing is due by its schedule."""
    never = Every(1e7)
    models = [replace(each, schedule=never, inspect=each.inspect and never) for each in host.config.models]
    far = replace(host.config, models=tuple(models))
    purse = Purse(level=level, costs={model.name: 10.0 for model in host.config.models})
    host.regressions.ask(host.now, lambda name: level >= purse.costs[name])
    plan = Host(far, purse=purse, standings=host.standings, planner=host.planner, now=host.now)
    return [action for action in plan.decide() if isinstance(action, Start)]


def confirm(host: JudgedHost, **changes: object) -> bool:
    """Do the confirming run that is planned; whether there was one."""
    wanted = [start for start in planned(host) if start.confirming]
    for start in wanted:
        host.take(host.make_run(start.model.name, confirming=True, **changes))  # type: ignore[arg-type]
    return bool(wanted)


def keep_inspection(host: JudgedHost, *, slower: float = 1.0, revision: str = REVISION) -> Run:
    """Inspect the model now, and keep what was seen."""
    host.number += 1
    run_id = f"look-{host.number:05}"
    folder = host.folder / "runs" / run_id
    folder.mkdir(parents=True)
    seen = make_inspection(slower, layers=make_layers(slower, bare_call_seconds=0.004 + 0.002 * slower))
    (folder / INSPECTION_FILE).write_text(to_json(seen))
    run = inspected(run_id=run_id, started_at=host.now, ended_at=host.now + 20, revision=revision)
    host.artifacts.keep(run_id, run.model, folder)
    host.take(run)
    host.now += 60
    return run


# Confirming


def test_a_suspicion_is_confirmed_within_minutes(host: JudgedHost) -> None:
    began = host.now
    host.take(host.make_run(seconds=0.012))
    while not host.regressions_of() and host.now < began + INTERVAL:
        confirm(host, seconds=0.012)
        host.now += 10.0
    (change,) = host.regressions_of()

    assert change.confirmed_at - change.started_at < 5 * 60
    run = host.store.run(change.confirmed_run_id)
    assert run is not None
    assert run.confirming


def test_nothing_is_confirmed_that_is_not_suspicious(host: JudgedHost) -> None:

    assert planned(host) == []


def test_a_suspicion_that_does_not_last_costs_a_few_runs_at_most(host: JudgedHost) -> None:
    host.take(host.make_run(seconds=0.012))
    made = 0
    for _ in range(60):
        host.now += PAUSE_SECONDS
        made += confirm(host)

    assert 1 <= made <= host.config.regressions.confirm_runs
    assert host.regressions_of() == []


def test_a_suspicion_waits_for_a_budget_that_is_spent(host: JudgedHost) -> None:
    host.take(host.make_run(seconds=0.012))

    assert planned(host, level=1.0) == []
    assert [start.confirming for start in planned(host)] == [True]


def test_something_better_is_not_confirmed_in_a_hurry(host: JudgedHost) -> None:
    host.take(host.make_run(seconds=0.008))

    assert planned(host) == []


# Explaining


def regress(host: JudgedHost) -> None:
    host.runs(4, seconds=0.012, revision=OTHER_REVISION)


def test_a_regression_is_looked_into_at_once_and_explained_by_what_took_the_difference(host: JudgedHost) -> None:
    regress(host)
    assert [start.kind for start in planned(host)] == ["inspect"]
    after = keep_inspection(host, slower=2.0, revision=OTHER_REVISION)
    (change,) = host.regressions_of()

    assert change.inspection_after == after.run_id
    assert change.inspection_before is not None
    assert "layer blocks.1.linear (Linear) took +2.00 ms of the difference, 100%" in change.explanation[1]
    assert host.standing().change == change
    assert planned(host) == [], "once is enough"


def test_the_inspections_that_explain_are_kept_while_the_regression_lasts(host: JudgedHost) -> None:
    regress(host)
    keep_inspection(host, slower=2.0, revision=OTHER_REVISION)
    host.now += 1e6
    keep_inspection(host, slower=2.0, revision=OTHER_REVISION)
    host.artifacts.retention_seconds = 0.0
    host.artifacts.prune(host.now + 1e9)
    (change,) = host.regressions_of()
    both = [str(change.inspection_before), str(change.inspection_after)]
    assert all(host.artifacts.file(name, INSPECTION_FILE) for name in both)

    host.runs(8)
    assert host.regressions_of()[0].state == "recovered"
    host.artifacts.prune(host.now + 1e9)
    assert not any(host.artifacts.file(name, INSPECTION_FILE) for name in both)


def test_an_inspection_that_came_before_the_confirmation_explains_as_well(host: JudgedHost) -> None:
    host.run(seconds=0.012, revision=OTHER_REVISION)
    keep_inspection(host, slower=2.0, revision=OTHER_REVISION)
    host.runs(3, seconds=0.012, revision=OTHER_REVISION)

    assert host.regressions_of()[0].explanation
    assert planned(host) == []


def test_an_inspection_that_failed_is_not_asked_for_again_and_the_next_one_explains(host: JudgedHost) -> None:
    regress(host)
    host.take(inspected(run_id="look-lost", started_at=host.now, outcome="failed", findings=None))
    host.planner.forgive({"ranker"})
    host.planner._urgent.clear()
    host.run(seconds=0.012, revision=OTHER_REVISION)
    assert planned(host) == []

    keep_inspection(host, slower=2.0, revision=OTHER_REVISION)
    assert host.regressions_of()[0].explanation


def test_a_model_that_is_never_inspected_is_not_for_this_either(
    make_host: Callable[[Config], JudgedHost],
) -> None:
    host = make_host(configured())
    host.runs(4, seconds=0.012)

    assert host.regressions_of()
    assert planned(host) == []


def test_a_restart_asks_for_the_look_that_is_still_missing(host: JudgedHost) -> None:
    regress(host)
    host.start()

    assert [start.kind for start in planned(host)] == ["inspect"]


# The file before


def compared(host: JudgedHost, times: float, **changes: object) -> tuple[Run, PredecessorResult]:
    ratio = PairedRatio(
        variant="deployed",
        batch_size=8,
        pairs=40,
        speedup_ratio=1 / times,
        lower=1 / (times + 0.01),
        upper=1 / (times - 0.01),
    )
    result = PredecessorResult(model="ranker", revision=OTHER_REVISION, predecessor_revision=REVISION, ratios=(ratio,))
    run = host.make_run(kind="compare", results=(), revision=OTHER_REVISION)
    return run, replace(result, **changes)  # type: ignore[arg-type]


def test_old_against_new_confirms_a_slower_file_at_its_first_run(host: JudgedHost) -> None:
    host.run(seconds=0.012, revision=OTHER_REVISION)
    assert host.regressions_of() == []
    host.regressions.take_comparison(*compared(host, 1.2))
    (change,) = host.regressions_of()

    assert change.cause == "model"
    assert change.paired is not None
    assert change.change_ratio == pytest.approx(0.2)
    assert change.evidence[0].kind == "paired"
    assert host.standing().state == "regressed"
    host.runs(6, seconds=0.012, revision=OTHER_REVISION)
    assert [each.change_id for each in host.regressions_of()] == [change.change_id], "and the runs say nothing else"
    assert host.standing().state == "regressed"


def test_old_against_new_of_equal_files_puts_a_regression_down_to_something_else(host: JudgedHost) -> None:
    host.runs(4, seconds=0.012, revision=OTHER_REVISION, facts={"torch": "2.14.0"})
    assert host.regressions_of()[0].cause == "model"
    host.regressions.take_comparison(*compared(host, 1.0))
    (change,) = host.regressions_of()

    assert change.cause == "environment"
    assert change.evidence[0].text.endswith("The file is not what changed it")


def test_a_comparison_of_a_model_that_was_taken_out_is_ignored(host: JudgedHost) -> None:
    run, result = compared(host, 1.2)
    host.regressions.take_comparison(run, replace(result, model="gone"))

    assert host.changes() == ()


def test_a_changed_file_is_held_against_the_one_before_where_that_is_kept(host: JudgedHost, tmp_path: Path) -> None:
    file = tmp_path / "ranker.pt"
    file.write_bytes(b"old")
    config = _with_file(host.config, file)
    host.config, host.predecessors.max_size_bytes, host.predecessors.models = config, 10**6, {"ranker"}
    host.start()
    first = host.make_run()
    host.take(first)
    assert host.predecessors.keep(first, config.models[0].spec.source) is not None
    assert planned(host) == []

    host.run(revision=OTHER_REVISION)
    assert [start.kind for start in planned(host)] == ["compare"]
    host.run(revision=OTHER_REVISION)
    assert planned(host) == [], "once for a file"
    assert not list(tmp_path.rglob("compared")), "it had no turn yet"
    host.take(host.make_run(kind="compare", outcome="crashed", results=(), revision=None))
    (mark,) = tmp_path.rglob("compared")
    assert mark.parent.name == REVISION[:12], "from now on it goes first where room is wanted"


def _with_file(config: Config, file: Path) -> Config:
    (model,) = config.models
    source = replace(model.spec.source, path=str(file))
    return replace(config, models=(replace(model, spec=replace(model.spec, source=source), inspect=None),))
