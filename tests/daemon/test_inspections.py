"""Models are inspected on a schedule of its own that profiling does not suffer from."""

import contextlib
import itertools
import os
from dataclasses import replace
from pathlib import Path

import pytest
from builders import B1, NOW, failed, make_config, make_model, make_run, make_view, refused, stand
from collected import make_registry
from inspections import FINDINGS, inspected, inspection_failed, inspection_orphaned, inspection_refused
from planned_host import BUSY, HOUR, Host, Purse, starts

from mmied.config import Config, Cron, Every
from mmied.daemon.accounts import Accounts, expected_demand, expected_inspect_demand
from mmied.daemon.jobs import make_job, refused_run
from mmied.daemon.planner import PutOff, Start
from mmied.daemon.recall import FOLDED_RUNS, recall
from mmied.daemon.standing import Standing, advance, fold, release
from mmied.daemon.status import make_status
from mmied.daemon.tally import Tally
from mmied.daemon.view import Plan, View
from mmied.daemon_status import InspectionStatus
from mmied.history.store import Store
from mmied.records import Run


def config_of(*names: str, inspect: Every | Cron | None = Every(6 * HOUR), **changes: object) -> Config:  # noqa: B008
    return make_config(*(make_model(name, inspect=inspect, **changes) for name in names or ("a",)))


def kinds(actions: list[Start | PutOff]) -> list[tuple[str, str]]:
    return [(action.model.name, action.kind) for action in actions if isinstance(action, Start)]


# When


def test_a_model_is_inspected_after_its_first_successful_run_and_not_before() -> None:
    host = Host(config_of("a"))

    assert kinds(host.step()) == [("a", "profile")]
    assert kinds(host.step()) == [("a", "inspect")]
    assert kinds(host.step()) == []


@pytest.mark.parametrize("runs", [(), (make_run(999), failed(1000))])
def test_a_model_whose_last_run_did_not_succeed_is_not_inspected(runs: tuple[Run, ...]) -> None:
    host = Host(config_of("a"), standings={"a": stand(*runs)})
    (model,) = host.config.models

    assert ("a", "inspect") not in kinds(host.decide())
    assert host.planner.next_run_at(model, host.standings["a"], now=NOW, monotonic=0, kind="inspect") is None


def test_a_model_that_is_never_to_be_inspected_is_not() -> None:
    host = Host(config_of("a", inspect=None))

    assert {kind for _, action in host.steps(48 * HOUR, every=60) for _, kind in kinds([action])} == {"profile"}
    assert (
        host.planner.next_run_at(host.config.models[0], host.standings["a"], now=host.now, monotonic=0, kind="inspect")
        is None
    )


def test_inspections_keep_their_own_interval() -> None:
    host = Host(config_of("a"))
    done = [(at, kind) for at, action in host.steps(48 * HOUR, every=60) for _, kind in kinds([action])]
    at = [when for when, kind in done if kind == "inspect"]

    assert len(at) == pytest.approx(8, abs=1)
    assert all(3 * HOUR <= later - earlier <= 9 * HOUR for earlier, later in itertools.pairwise(at))


def test_an_inspection_by_cron_comes_at_its_hour() -> None:
    host = Host(config_of("a", inspect=Cron("0 3 * * *")))
    done = [(at, kind) for at, action in host.steps(72 * HOUR, every=60) for _, kind in kinds([action])]

    assert [int((NOW + at) % 86_400 // 3600) for at, kind in done if kind == "inspect"] == [3, 3, 3]


def test_runs_that_profile_go_first() -> None:
    late = make_run(900)
    host = Host(config_of("a", "b"), standings={"a": stand(make_run(1000)), "b": stand(late)})

    assert kinds(host.step()) == [("b", "profile")]


def test_an_inspection_has_its_turn_also_where_profiling_takes_all_the_budget() -> None:
    greedy = config_of("a", inspect=Every(HOUR), schedule=Every(10.0))
    host = Host(greedy, purse=Purse(level=0.0, costs={"a": 100.0}))
    done = []
    for _ in range(4000):
        host.purse.level += 5.0  # a step of ten seconds: half of what profiling alone asks for
        done += kinds(host.step())
        host.now += 10

    assert 3 <= sum(kind == "inspect" for _, kind in done) <= 8
    assert sum(kind == "profile" for _, kind in done) > 150


def test_a_changed_file_is_profiled_and_then_inspected_though_neither_is_due() -> None:
    host = Host(config_of("a"), standings={"a": stand(make_run(1000), inspected(1000))})
    assert kinds(host.decide()) == []
    host.planner.hurry("a")

    assert kinds(host.step()) == [("a", "profile")]
    assert kinds(host.step()) == [("a", "inspect")]
    assert kinds(host.step()) == []


def test_a_changed_file_that_cannot_be_profiled_yet_is_not_inspected_either() -> None:
    host = Host(config_of("a"), standings={"a": stand(make_run(1000), inspected(1000))}, pressure=BUSY)
    host.planner.hurry("a")
    (put_off,) = host.step()

    assert isinstance(put_off, PutOff)
    assert put_off.kind == "profile"


def test_an_inspection_is_admitted_like_any_run_and_its_refusal_is_its_own() -> None:
    host = Host(config_of("a"), standings={"a": stand(make_run(1000))}, pressure=BUSY)
    (put_off,) = host.step()
    assert isinstance(put_off, PutOff)
    assert (put_off.kind, put_off.against.reason) == ("inspect", "busy_cpu")
    standing = host.standings["a"]

    assert (standing.inspections.refusals, standing.refusals) == (1, 0)
    assert host.step() == [], "it waits"


def test_a_failing_inspection_is_tried_less_and_less_often() -> None:
    host = Host(config_of("a", schedule=Every(86_400.0)), standings={"a": stand(make_run(1000))})
    tries = []
    for minute in range(7 * 24 * 60):
        for _, kind in kinds(host.decide()):
            run = make_run() if kind == "profile" else inspection_failed()
            host.take_in(replace(run, model="a"))
            tries += [minute] if kind == "inspect" else []
        host.now += 60
    gaps = [later - earlier for earlier, later in itertools.pairwise(tries)]

    assert len(tries) < 12
    assert gaps[-1] > 20 * 60 > gaps[0]
    assert host.standings["a"].failures == 0


def test_an_inspection_under_which_the_daemon_died_twice_is_set_aside_and_profiling_goes_on() -> None:
    standing = stand(make_run(998), inspection_orphaned(998), inspection_orphaned(999))
    assert standing.inspections.quarantined
    assert not standing.quarantined
    host = Host(config_of("a"), standings={"a": standing})

    assert {kind for _, action in host.steps(HOUR, every=10) for _, kind in kinds([action])} == {"profile"}
    assert not release(standing).inspections.quarantined


# What of it counts for what


def test_an_inspection_changes_nothing_of_how_profiling_stands() -> None:
    runs = [make_run(998), failed(999)]
    looks = [inspected(998), inspection_failed(998, run_id="other"), inspection_refused(999)]
    standing = stand(*runs, *looks)

    assert replace(standing, inspections=Standing().inspections) == stand(*runs)
    assert standing.inspections.last_success is not None
    assert standing.inspections.last_success.findings == FINDINGS
    assert fold([*runs, *looks]) == standing


def test_an_inspection_is_counted_apart() -> None:
    tally = Tally()
    for run in (make_run(), inspected(), inspection_failed(), inspection_refused()):
        tally.count(run)

    assert tally.inspections == {"ranker": 2}
    assert tally.inspection_failures == {"ranker": 1}
    assert sum(tally.runs.values()) == 2, "the two scenarios of the run that profiled"
    assert not +tally.failures
    assert not tally.skips
    assert tally.worker_cpu_seconds > make_run().cpu_seconds  # type: ignore[operator]
    tally.forget(set())
    assert not tally.inspections


def test_the_demand_of_a_schedule_holds_its_inspections() -> None:
    without, rarely, often = (config_of("a", inspect=every) for every in (None, Every(6 * HOUR), Every(60.0)))

    assert expected_inspect_demand(without, now=NOW) == 0
    assert expected_demand(without, now=NOW) < expected_demand(rarely, now=NOW) < expected_demand(often, now=NOW)
    assert expected_inspect_demand(often, now=NOW) > 1


def test_an_inspection_is_of_the_first_workload_alone_and_its_refusal_has_no_results() -> None:
    model = make_model()
    job = make_job(model, make_config(model), run_id="r", last=None, kind="inspect")
    (put_off,) = Host(config_of("a"), standings={"a": stand(make_run(1000))}, pressure=BUSY).decide()
    assert isinstance(put_off, PutOff)
    run = refused_run(model, put_off.against, host="here", now=NOW, kind="inspect")

    assert (job.kind, job.workloads) == ("inspect", (B1,))
    assert (run.kind, run.results) == ("inspect", ())


def test_what_is_recalled_of_inspections_is_where_they_stood(tmp_path: Path) -> None:
    runs = [make_run(1), inspected(1), *(refused(number) for number in range(2, 150)), inspection_failed(150)]
    with contextlib.closing(Store.open(tmp_path / "history.sqlite", host="here")) as store:
        for run in runs:
            store.record(run)
        recalled = recall(store, ["ranker"])["ranker"]

    assert recalled.inspections == stand(*runs).inspections
    assert recalled.inspections.failures == 1
    assert recalled.inspections.last_success is not None
    assert recalled.refusals == FOLDED_RUNS, "a hundred of each kind are read"


def test_an_inspection_costs_what_the_last_one_cost_and_first_ones_are_paid_in_advance(tmp_path: Path) -> None:
    config = make_config(make_model(inspect=Every(6 * HOUR)), budget={"cpu_ratio": 36.0 / 3600 / (os.cpu_count() or 1)})
    (model,) = config.models
    with contextlib.closing(Store.open(tmp_path / "history.sqlite", host="here")) as store:
        new = {"ranker": stand(make_run(1000))}
        fresh = Accounts(config, new, store, now=NOW, monotonic=0.0)
        guess = fresh.cpu_cost(model, new, "inspect")
        assert fresh.poverty(model, new, "inspect") is None
        fresh.spend(inspected(cpu_seconds=36.0 + guess))
        poverty = fresh.poverty(model, new, "inspect")
        assert poverty is not None
        assert "an inspection costs about" in poverty

        known = {"ranker": stand(make_run(1000), inspected(1000, cpu_seconds=77.0))}
        again = Accounts(config, known, store, now=NOW, monotonic=0.0)
        assert again.cpu_cost(model, known, "inspect") == 77.0
        assert again.cpu_cost(model, known) == make_run().cpu_seconds
        demands = [again.funds(standings, NOW)[0].demand_ratio for standings in (new, known)]
        assert demands[0] < demands[1]


# What is shown


PLAN = Plan(next_run_at=NOW + 600, interval_seconds=900.0)
LATER = Plan(next_run_at=NOW + 9000, interval_seconds=6 * HOUR)


def view_of(*runs: Run, inspection: Plan | None = LATER) -> View:
    config = make_config(make_model(inspect=Every(6 * HOUR)))
    return make_view(config, runs, plans={"ranker": replace(PLAN, inspection=inspection)})


def told(*runs: Run, inspection: Plan | None = LATER) -> InspectionStatus:
    (model,) = make_status(view_of(*runs, inspection=inspection)).models
    assert model.state == "healthy"
    assert model.inspection is not None
    return model.inspection


def test_the_status_tells_of_the_last_inspection_and_the_next() -> None:
    found = told(make_run(1000), inspected(1000, findings=replace(FINDINGS, failures={})))

    assert (found.last_success_id, found.next_run_at, found.why) == ("look-1000", NOW + 9000, None)


@pytest.mark.parametrize(
    ("runs", "plan", "why"),
    [
        ([inspection_failed(1000)], LATER, "inspect failed: internal of the test"),
        ([inspection_orphaned(999), inspection_orphaned(1000)], LATER, "the daemon died in 2 inspections"),
        ([inspection_refused(1000)], replace(LATER, why="others work"), "others work"),
        ([inspected(1000)], LATER, "attention: no such module"),
    ],
)
def test_what_is_wrong_with_inspections_is_said_and_the_model_stays_healthy(
    runs: list[Run], plan: Plan, why: str
) -> None:
    found = told(make_run(1000), *runs, inspection=plan)

    assert found.why is not None
    assert why in found.why


def test_a_model_that_is_never_inspected_has_no_such_status() -> None:
    (model,) = make_status(view_of(make_run(1000), inspection=None)).models

    assert model.inspection is None


def samples(view: View) -> dict[str, list[tuple[dict[str, str], float]]]:
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in make_registry(lambda: view).collect():
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def test_prometheus_gets_what_the_last_inspection_saw() -> None:
    found = samples(view_of(make_run(1000, drift_ratio=0.125), inspected(1000), inspection_failed(1001)))
    of = {"model": "ranker", "scenario": "b1"}

    assert found["mmied_model_flops"] == [(of, 2.5e9)]
    assert found["mmied_model_flops_coverage_ratio"] == [(of, 0.96)]
    assert ({**of, "category": "matmul"}, 0.006) in found["mmied_profile_operator_seconds"]
    assert ({**of, "layer": "layers.0.linear"}, 0.002) in found["mmied_profile_layer_seconds"]
    assert len(found["mmied_profile_layer_seconds"]) == 10
    assert found["mmied_output_drift_ratio"] == [({"model": "ranker"}, 0.125)]
    assert found["mmied_inspection_runs_total"][0][1] == 2
    assert found["mmied_inspection_run_failures_total"][0][1] == 1
    assert found["mmied_inspection_failed_passes"][0][1] == 1


def test_what_an_inspection_saw_is_dropped_after_three_of_its_intervals() -> None:
    old = inspected(1000, ended_at=NOW - 3 * 6 * HOUR - 1)
    found = samples(view_of(make_run(1000), old))

    assert "mmied_model_flops" not in found
    assert "mmied_profile_layer_seconds" not in found
    assert found["mmied_inspection_last_success_timestamp_seconds"][0][1] == old.ended_at


def test_figures_of_profiling_are_the_same_beside_an_inspection() -> None:
    without = samples(view_of(make_run(1000)))
    beside = samples(view_of(make_run(1000), inspected(1000), inspection_refused(1000)))
    moved = ("mmied_inspection", "mmied_model_flops", "mmied_profile_layer", "mmied_profile_operator")
    moved += ("mmied_overhead_cpu", "mmied_collector")

    assert {name: value for name, value in beside.items() if not name.startswith(moved)} == {
        name: value for name, value in without.items() if not name.startswith(moved)
    }


def test_an_inspected_model_has_some_twenty_five_series_more() -> None:
    def count(*runs: Run) -> int:
        found = samples(view_of(make_run(1000, drift_ratio=0.0), *runs, inspection=LATER if runs else None))
        return sum(len(values) for name, values in found.items() if not name.startswith("mmied_collector"))

    categories = ("attention", "convolution", "normalisation", "matmul", "elementwise", "memory", "other")
    full = replace(FINDINGS, operator_seconds=dict.fromkeys(categories, 0.001))
    assert count(inspected(1000, findings=full)) - count() <= 25


def test_a_refusal_of_profiling_says_nothing_of_inspections() -> None:
    assert advance(Standing(), refused()).inspections == Standing().inspections
    assert starts([]) == []
