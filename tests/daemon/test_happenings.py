"""What changed under the runs is told once for the host, and for each model what is its own."""

from typing import Any

from builders import failed, make_run, refused, stand
from inspections import inspected
from regressed import environment

from mmied.daemon.happenings import Happenings
from mmied.daemon.standing import Standing
from mmied.records import Event, Run

GPU = {"gpu": "H200", "driver": "570.1", "gpu_power_limit_watts": 700.0}


def ran(number: int, model: str = "ranker", device: str = "cpu", **facts: Any) -> Run:
    return make_run(number, model, run_id=f"{model}-{number}", device=device, environment=environment(**facts))


def told(*runs: Run, before: dict[str, Standing] | None = None) -> list[Event]:
    happenings = Happenings(before or {})
    return [event for run in runs for event in happenings.events_of(run)]


def test_the_first_runs_have_nothing_to_be_held_against() -> None:
    assert told(ran(1), ran(2, "vision"), ran(3)) == []


def test_a_new_kernel_is_one_event_however_many_models_run_on_it() -> None:
    (event,) = told(
        ran(1), ran(2, "vision"), ran(3, kernel="6.6"), ran(4, "vision", kernel="6.6"), ran(5, kernel="6.6")
    )

    assert (event.kind, event.model, event.at) == ("host_changed", None, ran(3).started_at)
    assert event.message == "kernel 6.1.0 became 6.6"


def test_threads_are_each_models_own() -> None:
    found = told(ran(1), ran(2, "vision", threads=4), ran(3, threads=1), ran(4, "vision", threads=4))

    assert [(event.kind, event.model, event.message) for event in found] == [
        ("settings_changed", "ranker", "threads 2 became 1")
    ]


def test_a_gpu_is_held_against_the_last_run_on_it() -> None:
    def on_gpu(number: int, **facts: Any) -> Run:
        return ran(number, "vision", "cuda:0", **(GPU | facts))

    assert told(ran(1), on_gpu(2), ran(3), on_gpu(4)) == []
    (event,) = told(ran(1), on_gpu(2), ran(3), on_gpu(4, driver="580.0"), ran(5))
    assert event.kind == "driver_changed"


def test_a_restart_knows_what_the_last_runs_ran_on() -> None:
    (event,) = told(ran(2, torch="2.14.0"), before={"ranker": stand(ran(1))})

    assert event.message == "torch 2.13.0 became 2.14.0"


def test_a_run_that_comes_late_tells_of_no_change_back() -> None:
    assert told(ran(2), ran(1, "vision", kernel="5.10")) == []


def test_runs_that_measured_nothing_tell_nothing() -> None:
    runs = (refused(2), failed(3, environment=None), inspected(4, environment=environment(kernel="6.6")))

    assert told(ran(1), *runs) == []
