"""Jobs carry what the configuration says, and what never became a run is a record like any other."""

from pathlib import Path

from builders import B1, B8, NOW, make_config, make_model, make_run

from mmied.codec import from_json, to_json
from mmied.config import Labelled
from mmied.daemon.admission import Refusal
from mmied.daemon.jobs import device_of, make_job, new_run_id, refused_run, stillborn_run, worker_limits
from mmied.daemon.outcome import account_for
from mmied.records import Job


def test_a_job_is_what_the_configuration_says_and_survives_its_file() -> None:
    model = make_model()
    config = make_config(model, budget={"scenario_seconds": 2.0, "worker_memory_bytes": 1_000_000})
    job = make_job(model, config, run_id="run-1", last=make_run(digests={"1:2": "a" * 64}))

    assert (job.kind, job.run_id, job.model, job.workloads) == ("profile", "run-1", model.spec, (B1, B8))
    assert (job.scenario_seconds, job.memory_bytes) == (2.0, 1_000_000)
    assert job.known_digests == {"1:2": "a" * 64}
    assert from_json(Job, to_json(job)) == job
    assert make_job(model, config, run_id="run-2", last=None).known_digests == {}


def test_an_inspection_alone_gets_the_labelled_samples() -> None:
    model = make_model(labelled=Labelled(data="/srv/labelled.npz", metric="accuracy"))
    jobs = {
        kind: make_job(model, make_config(model), run_id="run-1", last=None, kind=kind)
        for kind in ("profile", "inspect")
    }

    assert (jobs["inspect"].labelled, jobs["inspect"].metric) == ("/srv/labelled.npz", "accuracy")
    assert (jobs["profile"].labelled, jobs["profile"].metric) == (None, None)


def test_a_worker_may_use_what_the_configuration_lets_it() -> None:
    limits = worker_limits(make_config(budget={"cpus": (2, 3), "nice": 19, "run_timeout_seconds": 60.0}))

    assert (limits.cpus, limits.nice, limits.timeout_seconds, limits.memory_bytes) == ((2, 3), 19, 60.0, 8_000_000_000)


def test_run_ids_sort_by_time_and_are_never_the_same() -> None:
    assert new_run_id(NOW).startswith("20270115T080000-")
    assert new_run_id(NOW) < new_run_id(NOW + 1)
    assert len({new_run_id(NOW) for _ in range(100)}) == 100
    assert new_run_id(NOW).replace("-", "").isalnum()


def test_a_device_has_one_name() -> None:
    assert [device_of(name) for name in ("cpu", "cuda", "cuda:0", "cuda:1")] == ["cpu", "cuda:0", "cuda:0", "cuda:1"]


def test_a_refused_run_is_a_record_with_its_reason_for_every_scenario() -> None:
    run = refused_run(make_model(), Refusal("busy_cpu", "others work"), host="here", now=NOW)

    assert (run.outcome, run.reason, run.message) == ("refused", "busy_cpu", "others work")
    assert (run.started_at, run.ended_at) == (NOW, NOW)
    assert [(result.workload, result.outcome, result.reason) for result in run.results] == [
        (B1, "refused", "busy_cpu"),
        (B8, "refused", "busy_cpu"),
    ]


def test_a_run_whose_worker_could_not_be_started_is_a_failure_of_every_scenario() -> None:
    model = make_model()
    job = make_job(model, make_config(model), run_id="run-1", last=None)
    run = stillborn_run(job, OSError("no more processes"), host="here", started_at=NOW)

    assert (run.run_id, run.outcome, run.reason) == ("run-1", "failed", "internal")
    assert run.message == "no worker could be started: no more processes"
    assert {(result.outcome, result.message) for result in run.results} == {("failed", run.message)}


def test_a_comparison_of_two_files_may_take_thrice_as_long_and_has_no_scenarios(tmp_path: Path) -> None:
    model = make_model()
    config = make_config(model, budget={"run_timeout_seconds": 60.0})
    limits = worker_limits(config, "compare")
    job = make_job(model, config, run_id="run-1", last=None, kind="compare")

    assert (limits.timeout_seconds, limits.memory_bytes) == (180.0, 8_000_000_000)
    assert job.workloads == (B1, B8)
    assert refused_run(model, Refusal("budget", "spent"), host="here", now=NOW, kind="compare").results == ()
    assert stillborn_run(job, OSError("full"), host="here", started_at=NOW).results == ()
    lost = account_for(job, tmp_path, end=None, limits=None, host="here", started_at=NOW)
    assert (lost.kind, lost.outcome, lost.results) == ("compare", "crashed", ())
