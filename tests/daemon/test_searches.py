"""Models are searched for optimizations on a schedule of its own, in parts, behind all other runs."""

import contextlib
import os
from dataclasses import replace
from pathlib import Path

import pytest
from builders import NOW, REVISION, failed, make_config, make_model, make_run, make_view, stand
from collected import make_registry
from optimizations import (
    DAY,
    ENVIRONMENT,
    labelled,
    search_failed,
    search_orphaned,
    search_refused,
    searched,
    trial,
    verdict,
)
from planned_host import BUSY, HOUR, Host, Purse

from mmied.codec import to_json
from mmied.config import Config, Cron, Every, Model, Optimize
from mmied.daemon.accounts import Accounts, granted_cpu_seconds, search_ratio
from mmied.daemon.export_optimization import MOST_CANDIDATES
from mmied.daemon.jobs import make_job, refused_run, worker_limits
from mmied.daemon.planner import PutOff, Start
from mmied.daemon.recall import recall
from mmied.daemon.recovery import recover_runs
from mmied.daemon.searches import SLICE_SECONDS, is_open, keep_search, options_of, renewed
from mmied.daemon.standing import Attempts, Standing, fold, release
from mmied.daemon.status import make_status
from mmied.daemon.tally import Tally
from mmied.daemon.verdicts import MOST_AGE_SECONDS, expired
from mmied.daemon.view import View
from mmied.daemon_status import OptimizationStatus
from mmied.history.artifacts import Artifacts
from mmied.history.store import Store
from mmied.optimization import OPTIONS_FILE, SEARCH_FILE, Search, SearchOptions, StandingVerdict
from mmied.records import Job, JournalEntry, Run

NIGHTLY = Optimize(schedule=Cron("0 3 * * *"))
DAILY = Optimize(schedule=Every(DAY))
MODEL = make_model(optimize=DAILY)


def config_of(*names: str, optimize: Optimize | None = DAILY, **changes: object) -> Config:
    return make_config(*(make_model(name, optimize=optimize, **changes) for name in names or ("a",)))


def kinds(actions: list[Start | PutOff]) -> list[tuple[str, str]]:
    return [(action.model.name, action.kind) for action in actions if isinstance(action, Start)]


def part(host: Host, spent: float, **changes: object) -> Run:
    """A part of a search that ends now, on the only model of the host."""
    run = searched(model=host.config.models[0].name, began_at=host.now - spent, spent_seconds=spent, **changes)
    return replace(run, started_at=host.now, ended_at=host.now)


# When


def test_a_model_is_searched_behind_all_else_and_after_a_successful_run() -> None:
    host = Host(config_of("a", inspect=Every(6 * HOUR)))

    assert kinds(host.step()) == [("a", "profile")]
    assert kinds(host.step()) == [("a", "inspect")]
    assert kinds(host.step()) == [("a", "optimize")]


@pytest.mark.parametrize("runs", [(), (make_run(999), failed(1000))])
def test_a_model_whose_last_run_did_not_succeed_is_not_searched(runs: tuple[Run, ...]) -> None:
    host = Host(config_of("a"), standings={"a": stand(*runs)})

    assert ("a", "optimize") not in kinds(host.decide())


def test_nothing_is_searched_unless_it_is_asked_for() -> None:
    host = Host(config_of("a", optimize=None))

    assert {kind for _, action in host.steps(72 * HOUR, every=60) for _, kind in kinds([action])} == {"profile"}


def test_a_search_by_night_begins_at_its_hour_alone() -> None:
    host = Host(config_of("a", optimize=NIGHTLY))
    done = [(at, kind) for at, action in host.steps(72 * HOUR, every=60) for _, kind in kinds([action])]

    assert [int((NOW + at) % DAY // 3600) for at, kind in done if kind == "optimize"] == [3, 3, 3]


def test_a_search_goes_on_part_by_part_and_lets_due_runs_of_others_go_between() -> None:
    host = Host(config_of("a", "b"), standings={"a": stand(make_run(1000)), "b": stand(make_run(900))})
    host.take_in(part(host, 300.0))

    assert kinds(host.step()) == [("b", "profile")]
    assert kinds(host.step()) == [("a", "optimize")], "the search that has begun comes before the other model's"


def test_one_search_runs_at_a_time_on_all_devices_together() -> None:
    on_gpu = make_model("gpu", device="cuda:0", optimize=DAILY)
    config = make_config(make_model("cpu", optimize=DAILY), on_gpu)
    host = Host(config, standings={name: stand(make_run(1000)) for name in ("cpu", "gpu")})

    assert [kind for _, kind in kinds(host.decide())] == ["optimize"]


def test_a_search_is_over_when_its_budget_is_spent_and_what_is_left_waits_for_the_next() -> None:
    def open_after(spent: float, **changes: object) -> bool:
        run = replace(searched(began_at=NOW - spent, spent_seconds=spent, **changes), ended_at=NOW)
        return is_open(Attempts(last_run=run), DAILY, NOW)

    assert open_after(300.0)
    assert not open_after(1795.0)
    assert not open_after(300.0, finished=True)
    assert not open_after(300.0, outcome="failed")
    assert open_after(300.0, outcome="crashed", orphaned=True), "it was the daemon that died"


def test_a_search_that_finds_the_host_busy_is_given_up_for_the_night() -> None:
    host = Host(config_of("a", optimize=NIGHTLY), standings={"a": stand(make_run(1000))})
    host.take_in(part(host, 300.0))
    host.pressure = BUSY
    (put_off,) = [each for each in host.step() if isinstance(each, PutOff)]
    assert (put_off.kind, put_off.against.reason) == ("optimize", "busy_cpu")
    searches = host.standings["a"].searches
    assert (searches.refusals, host.standings["a"].refusals) == (1, 0)

    assert not is_open(searches, NIGHTLY, host.now + 2 * NIGHTLY.budget_seconds)


def test_a_search_does_not_wait_for_a_budget_that_profiling_has_overdrawn() -> None:
    class Overdrawn(Purse):
        def poverty(self, model: Model, standings: object, kind: str = "profile") -> str | None:
            return None if kind == "optimize" else "nothing is left"

    host = Host(config_of("a"), standings={"a": stand(make_run(900))}, purse=Overdrawn())
    actions = host.decide()

    assert [(each.kind, isinstance(each, Start)) for each in actions] == [("profile", False), ("optimize", True)]


def test_a_search_that_was_stopped_with_the_daemon_goes_on_with_the_next_life() -> None:
    stopped = searched(outcome="refused", reason="paused", began_at=NOW - 300, spent_seconds=200.0)
    standing = stand(make_run(1000), stopped, search_refused(1001))

    assert standing.searches.last_run is not None
    assert standing.searches.last_run.searched == stopped.searched
    assert standing.searches.failures == 0
    assert is_open(standing.searches, DAILY, NOW)


def test_a_search_is_never_forced_upon_a_busy_host() -> None:
    config = make_config(make_model("a", optimize=DAILY), admission={"force_after": 1})
    refusals = stand(make_run(1000), search_refused(998), search_refused(999))
    host = Host(config, standings={"a": refusals}, pressure=BUSY)

    assert kinds(host.decide()) == []


def test_a_search_under_which_the_daemon_died_twice_is_set_aside() -> None:
    standing = stand(make_run(998), search_orphaned(998), search_orphaned(999))
    assert standing.searches.quarantined
    assert not standing.quarantined
    assert not release(standing).searches.quarantined


def test_a_failing_search_never_makes_the_model_failing() -> None:
    standing = stand(make_run(1000), search_failed(1000))
    view = make_view(make_config(MODEL), (make_run(1000), search_failed(1000)))
    (model,) = make_status(view).models

    assert replace(standing, searches=Attempts()) == stand(make_run(1000))
    assert model.state == "healthy"
    assert model.optimization is not None
    assert model.optimization.why == "the search failed: internal of the test"


def test_searches_are_counted_apart_and_recalled(tmp_path: Path) -> None:
    runs = [make_run(1), searched(1), search_refused(2), search_failed(3)]
    tally = Tally()
    for run in runs:
        tally.count(run)
    assert (tally.searches, tally.search_failures) == ({"ranker": 2}, {"ranker": 1})
    with contextlib.closing(Store.open(tmp_path / "history.sqlite", host="here")) as store:
        for run in runs:
            store.record(run)
        recalled = recall(store, ["ranker"])["ranker"]

    assert recalled.searches == stand(*runs).searches
    assert fold(runs).searches.failures == 1


# What it costs


def test_a_search_is_paid_by_its_own_budget_of_time_and_what_goes_beyond_by_the_cpu_budget(tmp_path: Path) -> None:
    run = searched(threads=1)
    greedy = replace(run, cpu_seconds=400.0)
    assert granted_cpu_seconds(make_run()) == 0
    assert granted_cpu_seconds(run) == 290.0
    assert granted_cpu_seconds(greedy) == 300.0
    config = make_config(MODEL, budget={"cpu_ratio": 0.5})
    with contextlib.closing(Store.open(tmp_path / "history.sqlite", host="here")) as store:
        standings = {"ranker": stand(make_run(1000))}
        accounts = Accounts(config, standings, store, now=NOW, monotonic=0.0)
        before = accounts.funds(standings, NOW)[0].tokens_seconds
        accounts.spend(run)
        assert accounts.funds(standings, NOW)[0].tokens_seconds == before
        accounts.spend(greedy)
        assert accounts.funds(standings, NOW)[0].tokens_seconds == before - 100.0
        assert accounts.poverty(MODEL, standings, "optimize") is None

        store.record(greedy)
        again = Accounts(config, standings, store, now=NOW + 300, monotonic=0.0)
        capacity = 0.5 * (os.cpu_count() or 1) * 3600
        assert again.funds(standings, NOW)[0].tokens_seconds == pytest.approx(min(0.0, capacity - 100.0))


def test_what_searches_may_take_over_time_is_told() -> None:
    config = make_config(make_model(optimize=DAILY, threads=1))

    assert search_ratio(config, now=NOW) == pytest.approx(1800 / DAY / (os.cpu_count() or 1))
    assert search_ratio(make_config(make_model()), now=NOW) == 0


def test_a_search_has_a_time_of_its_own_and_room_for_several_processes() -> None:
    config = make_config(MODEL)
    limits = worker_limits(config, "optimize")

    assert limits.timeout_seconds > SLICE_SECONDS
    assert (limits.memory_bytes or 0) > (worker_limits(config).memory_bytes or 0)


# What the next part does


def options(
    *verdicts: StandingVerdict, last: Run | None = None, model: Model = MODEL, now: float = NOW
) -> SearchOptions:
    assert model.optimize is not None
    return options_of(
        model,
        model.optimize,
        make_config(model),
        Attempts(last_run=last),
        verdicts,
        last_success=make_run(1000),
        inspection=None,
        now=now,
    )


def test_a_search_that_goes_on_leaves_out_what_had_its_turn() -> None:
    last = replace(searched(began_at=NOW - 400, round_at=NOW - 400), ended_at=NOW - 50)
    tried, long_ago = verdict(trial("compile", at=NOW - 100)), verdict(trial("bfloat16", at=NOW - DAY))
    found = options(tried, long_ago, last=last)

    assert (found.began_at, found.spent_seconds) == (NOW - 400, 300.0)
    assert found.done == ("compile",)


def test_a_round_that_was_not_finished_is_gone_on_with_the_next_night_with_a_fresh_budget() -> None:
    last = replace(searched(began_at=NOW - DAY, round_at=NOW - DAY, spent_seconds=1795.0), ended_at=NOW - DAY + 1800)
    found = options(verdict(trial("compile", at=NOW - DAY + 60)), last=last)

    assert (found.began_at, found.round_at, found.spent_seconds) == (NOW, NOW - DAY, 0.0)
    assert found.done == ("compile",)
    finished = replace(last, searched=replace(last.searched, finished=True))  # type: ignore[type-var]
    assert options(verdict(trial("compile", at=NOW - DAY + 60)), last=finished).done == ()


def test_what_holds_no_more_is_tried_again_first_and_what_helped_before_the_rest() -> None:
    old = {"revision": "0" * 64}
    found = options(
        verdict(trial("mine", "does_not_help", 0.9), **old),
        verdict(trial("yours", speedup=1.2), **old),
        verdict(trial("theirs", speedup=5.0)),
    )
    ranked = sorted(found.promise, key=lambda name: -found.promise[name])

    assert ranked[:2] == ["yours", "mine"]
    assert found.promise["theirs"] == pytest.approx(5.5)
    assert found.done == ()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, None),
        ({"revision": "0" * 64}, "the model's file changed since"),
        ({"batch_sizes": (1,)}, "it was tried at other batch sizes"),
        (
            {"environment": replace(ENVIRONMENT, fingerprint="f0", stable={"torch": "2.12", "driver": "570"})},
            "driver was 570 and is None, torch was 2.12 and is 2.13",
        ),
    ],
)
def test_a_verdict_holds_while_torch_driver_hardware_and_model_stay(
    changes: dict[str, object], why: str | None
) -> None:
    assert expired(verdict(trial("compile"), **changes), MODEL, make_run(1000), now=NOW) == why


def test_a_verdict_that_nobody_looked_at_again_for_long_holds_no_more() -> None:
    old = verdict(trial("compile", at=NOW - MOST_AGE_SECONDS - DAY))

    assert expired(old, MODEL, make_run(1000), now=NOW) == "it was last tried 61 days ago"


# What came of it


def leave(
    folder: Path, *, whole: bool = True, left: tuple[str, ...] = (), names: tuple[str, ...] = ("compile",)
) -> None:
    """Leave in a folder what a part of a search does."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / OPTIONS_FILE).write_text(to_json(options()))
    search = Search(
        mmied_version="0",
        model="ranker",
        host="here",
        device="cpu",
        format="torchscript",
        at=NOW,
        batch_sizes=(1, 8),
        budget_seconds=1800.0,
        spent_seconds=300.0,
        minimum_effect_ratio=0.1,
        revision=REVISION,
        environment=ENVIRONMENT,
        trials=tuple(trial(name, artifact="/gone") for name in names),
        left=left,
        notes=("random inputs",),
    )
    (folder / (SEARCH_FILE if whole else f"{SEARCH_FILE}.part")).write_text(to_json(search))


def test_a_part_that_ended_is_summed_up_and_its_verdicts_stand(tmp_path: Path) -> None:
    leave(tmp_path, left=("bfloat16",))
    run, (found,) = keep_search(searched(searched=None), tmp_path)

    assert run.searched is not None
    assert run.searched.verdicts == {"compile": "helps"}
    assert (run.searched.left, run.searched.finished, run.searched.spent_seconds) == (("bfloat16",), False, 300.0)
    assert (found.trial.artifact, found.revision, found.environment) == (None, REVISION, ENVIRONMENT)
    assert renewed((verdict(trial("compile", speedup=9.0)),), (found,)) == (found,)


def test_a_round_is_finished_when_nothing_is_left(tmp_path: Path) -> None:
    leave(tmp_path)
    run, _ = keep_search(searched(searched=None), tmp_path)

    assert run.searched is not None
    assert run.searched.finished


def test_a_candidate_under_which_the_search_itself_was_lost_is_not_tried_for_ever(tmp_path: Path) -> None:
    leave(tmp_path, whole=False, left=("bfloat16", "channels_last"))
    lost = search_failed(outcome="timed_out", phase="1/3 bfloat16", message="not done after 1200 s")
    run, found = keep_search(lost, tmp_path)

    assert run.searched is not None
    assert run.searched.verdicts == {"compile": "helps", "bfloat16": "cannot_tell"}
    assert run.searched.left == ("channels_last",)
    assert found[1].trial.why == "the search itself ended while this was tried: not done after 1200 s"


def test_a_daemon_that_died_in_a_search_finds_its_trials_again(tmp_path: Path) -> None:
    entry = JournalEntry(run_id="search-1", model="ranker", kind="optimize", device="cpu", started_at=NOW - 100)
    folder = tmp_path / "runs" / "search-1"
    leave(folder, whole=False, left=("bfloat16",))
    job = make_job(MODEL, make_config(MODEL), run_id="search-1", last=None, kind="optimize")
    (folder / "job.json").write_text(to_json(job))
    (folder / "run.json.part").write_text(to_json(searched(run_id="search-1", searched=None, phase="1/2 bfloat16")))
    with contextlib.closing(Store.open(tmp_path / "history.sqlite", host="here")) as store:
        store.begin(entry)
        artifacts = Artifacts(tmp_path / "artifacts", retention_seconds=1e6, max_size_bytes=10**9)
        (run,) = recover_runs(store, tmp_path / "runs", artifacts)
        (standing,) = store.trials("ranker")

    assert (run.orphaned, run.results) == (True, ())
    assert run.searched is not None
    assert run.searched.verdicts == {"compile": "helps"}, "the one under way is not blamed: the daemon died"
    assert standing.trial.candidate == "compile"
    assert is_open(stand(make_run(1000), run).searches, DAILY, run.searched.began_at + 100)


def test_a_search_of_which_nothing_is_left_is_a_run_like_any_other(tmp_path: Path) -> None:
    run = search_failed()

    assert keep_search(run, tmp_path / "not there") == (run, ())


def test_a_search_is_of_all_workloads_and_its_refusal_has_no_results() -> None:
    job: Job = make_job(MODEL, make_config(MODEL), run_id="r", last=None, kind="optimize")
    host = Host(config_of("a"), standings={"a": stand(make_run(1000))}, pressure=BUSY)
    (put_off,) = host.decide()
    assert isinstance(put_off, PutOff)

    assert (job.kind, len(job.workloads)) == ("optimize", 2)
    assert refused_run(MODEL, put_off.against, host="here", now=NOW, kind="optimize").results == ()


# What is shown


def view_of(*verdicts: StandingVerdict, runs: tuple[Run, ...] = (make_run(1000), searched(1000))) -> View:
    return make_view(make_config(MODEL), runs, verdicts={"ranker": verdicts})


def told(view: View) -> OptimizationStatus:
    (model,) = make_status(view).models
    assert model.optimization is not None
    return model.optimization


def samples(view: View) -> dict[str, list[tuple[dict[str, str], float]]]:
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in make_registry(lambda: view).collect():
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def test_the_status_tells_what_helps_and_what_holds_no_more() -> None:
    found = told(
        view_of(
            verdict(trial("compile", speedup=1.4)),
            verdict(trial("bfloat16", speedup=2.0)),
            verdict(trial("old"), revision="0" * 64),
            verdict(trial("threads_1", "does_not_help", 0.5)),
        )
    )

    assert list(found.helps) == ["bfloat16", "compile"]
    assert found.helps["bfloat16"] == pytest.approx(2.2), "at the batch size where it is best"
    assert found.expired == {"old": "the model's file changed since"}
    assert found.left == ("bfloat16", "channels_last")
    assert make_status(make_view(make_config(make_model()))).models[0].optimization is None


def test_prometheus_gets_what_stands_of_each_candidate() -> None:
    found = samples(view_of(verdict(labelled(trial("compile", speedup=1.4))), verdict(trial("onnx", "not_tried"))))
    of = {"model": "ranker", "candidate": "compile"}

    assert ({**of, "verdict": "helps"}, 1.0) in found["mmied_candidate_verdict"]
    assert ({"model": "ranker", "candidate": "onnx", "verdict": "not_tried"}, 1.0) in found["mmied_candidate_verdict"]
    speedups = {labels["bound"]: value for labels, value in found["mmied_candidate_speedup_ratio"]}
    assert speedups == {
        bound: pytest.approx(value) for bound, value in (("estimate", 1.54), ("lower", 1.49), ("upper", 1.59))
    }
    assert found["mmied_candidate_memory_ratio"] == [(of, 0.75)]
    assert found["mmied_candidate_size_ratio"] == [(of, 0.5)]
    assert ({**of, "measure": "top1_agreement"}, 0.998) in found["mmied_candidate_fidelity"]
    assert ({**of, "measure": "max_relative_error"}, 0.01) in found["mmied_candidate_fidelity"]
    assert ({**of, "bound": "lower"}, -0.006) in found["mmied_candidate_accuracy_change"]
    assert found["mmied_optimization_runs_total"] == [({"model": "ranker"}, 1.0)]


def test_a_candidate_that_is_slower_somewhere_is_exported_as_slow_as_that() -> None:
    slow = trial("compile", "does_not_help", 0.5)
    mixed = replace(slow, ratios=(slow.ratios[0], replace(slow.ratios[1], speedup_ratio=3.0, lower=2.9, upper=3.1)))
    found = samples(view_of(verdict(mixed)))

    assert found["mmied_candidate_speedup_ratio"][0][1] == 0.5


def test_a_verdict_that_holds_no_more_leaves_only_its_time() -> None:
    found = samples(view_of(verdict(trial("compile"), revision="0" * 64)))

    assert "mmied_candidate_verdict" not in found
    assert "mmied_candidate_speedup_ratio" not in found
    assert found["mmied_candidate_last_tried_timestamp_seconds"][0][1] == NOW - 3600


def test_the_candidates_of_a_model_are_bounded_with_what_helps_first() -> None:
    many = [verdict(trial(f"c{number}", "does_not_help", 0.9)) for number in range(60)]
    found = samples(view_of(*many, verdict(labelled(trial("best", speedup=3.0)))))

    assert len(found["mmied_candidate_verdict"]) == MOST_CANDIDATES
    assert found["mmied_candidate_verdict"][0][0]["candidate"] == "best"
    series = sum(len(values) for name, values in found.items() if name.startswith("mmied_candidate"))
    assert series <= 14 * MOST_CANDIDATES


def test_a_model_that_is_never_searched_exports_nothing_of_it() -> None:
    found = samples(make_view(make_config(make_model()), (make_run(1000),)))

    assert not [name for name in found if name.startswith(("mmied_candidate", "mmied_optimization"))]
    assert Standing().searches == Attempts()
