"""Whatever a model does, its run is recorded with a reason and a sentence, and nothing is left behind."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from mmied.daemon.launch import run_job
from mmied.daemon.outcome import Limits
from mmied.records import InputSpec, Job, ModelSpec, Run, Source, Workload

B1, B4 = Workload(scenario="b1", batch_size=1), Workload(scenario="b4", batch_size=4)
RunModel = Callable[..., Run]


def faulty(fault: str) -> Source:
    return Source(kind="factory", factory="faulty:Faulty", arguments={"fault": fault})


def assert_failed(run: Run, outcome: str, reason: str, *words: str) -> None:
    assert (run.outcome, run.reason) == (outcome, reason), run
    for word in words:
        assert word in (run.message or ""), run.message
    assert [(result.outcome, result.reason) for result in run.results] == [(outcome, reason)]


def test_a_model_that_raises_fails_with_what_it_raised(run_model: RunModel) -> None:
    run = run_model(faulty("raise"))
    assert_failed(run, "failed", "internal", "batch size 1", "ValueError: the tokenizer is not there")
    assert "Traceback" in run.log_tail


@pytest.mark.parametrize("fault", ["nan", "nan_inside"])
def test_nan_is_bad_output_wherever_it_hides(run_model: RunModel, fault: str) -> None:
    assert_failed(run_model(faulty(fault)), "failed", "bad_output", "NaN")


def test_no_output_at_all_is_bad_output(run_model: RunModel) -> None:
    assert_failed(run_model(faulty("nothing")), "failed", "bad_output", "returned None")


def test_dictionaries_dataclasses_and_nests_are_fine(run_model: RunModel) -> None:
    run = run_model(faulty("nested"))
    assert run.outcome == "succeeded", run.message
    assert run.results[0].latency is not None


def test_a_hang_in_load_is_ended_in_time(run_model: RunModel) -> None:
    run = run_model(Source(kind="factory", factory="faulty:hang_in_load"), timeout=4.0)
    assert_failed(run, "timed_out", "timeout", "4 s of `budget.run_timeout`", "load")


def test_a_hang_in_forward_is_ended_in_time_and_told_by_its_scenario(run_model: RunModel) -> None:
    run = run_model(faulty("hang"), timeout=4.0)
    assert_failed(run, "timed_out", "timeout", "warmup b1")
    assert run.results[0].workload.scenario == "b1"


def test_a_factory_that_raises_is_a_failure_to_load(run_model: RunModel) -> None:
    run = run_model(Source(kind="factory", factory="faulty:raise_in_load"))
    assert_failed(run, "failed", "load", "faulty:raise_in_load", "vocabulary.txt")


def test_a_factory_of_something_else_is_told(run_model: RunModel) -> None:
    run = run_model(Source(kind="factory", factory="faulty:not_a_model"))
    assert_failed(run, "failed", "load", "gave a dict, not a torch.nn.Module")


def test_a_factory_that_is_not_there_is_told(run_model: RunModel) -> None:
    run = run_model(Source(kind="factory", factory="nowhere.at_all:build"))
    assert_failed(run, "failed", "load", "nowhere.at_all:build: cannot be imported")


def test_a_segmentation_fault_is_named(run_model: RunModel) -> None:
    assert_failed(run_model(faulty("segfault")), "crashed", "killed", "SIGSEGV", "warmup b1")


def test_a_crash_keeps_the_scenarios_that_were_done(run_model: RunModel) -> None:
    run = run_model(faulty("segfault_when_large"), workloads=(B1, B4))
    assert run.outcome == "crashed"
    assert [result.outcome for result in run.results] == ["succeeded", "crashed"]
    assert run.results[0].latency is not None
    assert run.environment is not None


def test_a_batch_that_a_model_cannot_take_is_that_scenarios_failure_alone(run_model: RunModel) -> None:
    run = run_model(faulty("raise_when_large"), workloads=(B4, B1))
    assert run.outcome == "succeeded"
    assert [result.outcome for result in run.results] == ["failed", "succeeded"]
    assert "batch size 4" in (run.results[0].message or "")


def test_wrong_shapes_and_dtypes_are_told_in_the_models_own_words(run_model: RunModel) -> None:
    run = run_model(faulty("none"), inputs=(InputSpec(shape=("batch", 5)),))
    assert_failed(run, "failed", "internal", "mat1 and mat2 shapes cannot be multiplied")


def test_integers_for_floats_are_told(run_model: RunModel) -> None:
    run = run_model(faulty("none"), inputs=(InputSpec(shape=("batch", 4), dtype="int64"),))
    assert_failed(run, "failed", "internal", "dtype")


def test_a_model_that_eats_memory_meets_its_limit(run_model: RunModel) -> None:
    run = run_model(faulty("eat_memory"), memory=2 << 30)
    assert_failed(run, "failed", "out_of_memory", "2.1 GB of `budget.worker_memory`")


def test_memory_that_no_rlimit_sees_is_seen_from_outside(run_model: RunModel) -> None:
    run = run_model(faulty("eat_memory_in_child"), memory=900 << 20)
    assert_failed(run, "crashed", "out_of_memory", "budget.worker_memory")
    assert (run.worker_peak_bytes or 0) > 900 << 20


def test_grandchildren_are_killed_whatever_session_they_moved_to(run_model: RunModel) -> None:
    run = run_model(faulty("leave_grandchildren"))
    assert run.outcome == "succeeded"
    time.sleep(0.1)
    left = [p.cmdline() for p in psutil.process_iter(["cmdline"]) if "360" in " ".join(p.info["cmdline"] or ())]
    assert not [words for words in left if words[:1] == ["sleep"]]


def test_megabytes_of_print_do_not_fill_the_disk_and_leave_their_end(run_model: RunModel) -> None:
    run = run_model(faulty("print_megabytes"))
    assert run.outcome == "succeeded", run.message
    assert "debug 039999" in run.log_tail
    assert len(run.log_tail) <= 8 << 10


def test_a_worker_sees_no_secrets_of_the_daemon(run_model: RunModel) -> None:
    run = run_model(
        faulty("tell_environment"), environ={"AWS_SECRET_ACCESS_KEY": "x", "NOTIFY_SOCKET": "/s", "OMP_X": "1"}
    )
    told = next(line for line in run.log_tail.splitlines() if line.startswith("ENVIRONMENT"))
    assert "AWS_SECRET" not in told
    assert "NOTIFY_SOCKET" not in told
    assert "'OMP_X'" in told


def test_a_worker_that_is_killed_from_outside_is_accounted_for(run_model: RunModel) -> None:
    def kill() -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            for process in psutil.Process().children():
                if "mmied.bench.worker" in process.cmdline() and process.cpu_times().user > 0.5:
                    process.kill()
                    return
            time.sleep(0.05)

    killer = threading.Thread(target=kill)
    killer.start()
    run = run_model(faulty("hang"), timeout=30.0)
    killer.join()
    assert_failed(run, "crashed", "killed", "SIGKILL")


def test_a_run_that_is_stopped_with_the_daemon_is_no_failure(run_model: RunModel) -> None:
    stopper = threading.Timer(1.5, run_model.stop.set)  # type: ignore[attr-defined]
    stopper.start()
    run = run_model(faulty("hang"), timeout=30.0)
    assert (run.outcome, run.reason) == ("refused", "paused")
    assert "stopped with the daemon" in (run.message or "")


def test_a_worker_that_cannot_be_confined_is_not_left_running(tmp_path: Path) -> None:
    job = Job(
        run_id="run-unconfined",
        kind="profile",
        model=ModelSpec(name="m", source=faulty("hang"), inputs=(InputSpec(shape=("batch", 4)),)),
        workloads=(B1,),
        scenario_seconds=1.0,
    )
    limits = Limits(timeout_seconds=60, memory_bytes=None, nice=5, cpus=(100_000,))
    with pytest.raises(ValueError, match="CPU"):
        run_job(
            job, folder=tmp_path / "run", limits=limits, host="here", stop=threading.Event(), environ={}, cache=tmp_path
        )
    assert not [child for child in psutil.Process().children() if "mmied.bench.worker" in child.cmdline()]
