"""A moment of the daemon says where a run is, what a model waits for, and what an operator should know."""

from pathlib import Path

from builders import NOW, make_run

from mmied.codec import to_json
from mmied.config import Every
from mmied.daemon.funds import Funds
from mmied.daemon.planner import Wait
from mmied.daemon.view import Plan, make_plan, notices_of

ENOUGH = Funds(rate=0.02, tokens_seconds=1.0, demand_ratio=0.9)
TOO_LITTLE = Funds(rate=0.02, tokens_seconds=-9.0, demand_ratio=3.04)


def plan(**changes: object) -> Plan:
    given = {"now": NOW, "next_run_at": NOW + 5, "wait": None, "folder": None}
    return make_plan(Every(300.0), **given | changes)  # type: ignore[arg-type]


def test_a_plan_tells_when_and_how_often_and_what_is_waited_for() -> None:
    assert plan() == Plan(next_run_at=NOW + 5, interval_seconds=300.0)
    assert plan(wait=Wait(9.0, "the host is busy")).why == "the host is busy"


def test_a_plan_tells_the_phase_of_the_run_under_way(tmp_path: Path) -> None:
    assert plan(folder=tmp_path).phase == "start"
    (tmp_path / "run.json.part").write_text("{")
    assert plan(folder=tmp_path).phase == "start"
    (tmp_path / "run.json.part").write_text(to_json(make_run(phase="measure b8")))
    assert plan(folder=tmp_path).phase == "measure b8"


def test_a_daemon_that_is_well_has_nothing_to_say() -> None:
    assert notices_of((), (), None, 0, ENOUGH, None) == ()
    assert notices_of((), (), None, 0, ENOUGH, ENOUGH) == ()


def test_whatever_an_operator_should_know_is_said_in_a_sentence() -> None:
    told = notices_of(("restart for `state`",), ("no GPU",), "a file was set aside", 3, TOO_LITTLE, TOO_LITTLE)

    assert told[:3] == ("restart for `state`", "no GPU", "a file was set aside")
    assert told[3].startswith("3 runs wait")
    assert "3.0 times the CPU budget" in told[4]
    assert "`budget.cpu_ratio`" in told[4]
    assert "`budget.gpu_ratio`" in told[5]
