"""A search tries what may help, says why of what it cannot try, and keeps to its budget."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import searchable

from mmied.bench.trial.baseline import open_baseline
from mmied.bench.trial.needs import Host
from mmied.bench.trial.process import ServerLost
from mmied.bench.trial.protocol import ServeJob
from mmied.bench.trial.search import plan, search, shares
from mmied.bench.trial.trial import run_trial
from mmied.optimization import Candidate, Trial
from mmied.records import InputSpec, ModelSpec, Source

SUPPORT = Path(__file__).parents[2] / "support"
ENVIRON = {"PYTHONPATH": str(SUPPORT), "PATH": os.environ["PATH"], "OMP_WAIT_POLICY": "PASSIVE"}
HOST = Host(
    cpu_flags=frozenset({"avx2", "avx512_bf16"}),
    calibration=False,
    fine_tune=False,
    find_module=lambda name: None if name == "openvino" else object(),
    find_program=lambda name: None,
)


def candidate(name: str, **changes: object) -> Candidate:
    return Candidate(
        **{
            "name": name,
            "summary": "a candidate of a test",
            "function": f"tricks:{name}",
            "exactness": "exact",
            "routes": ("eager",),
        }
        | changes  # type: ignore[arg-type]
    )


def why(one: Candidate, *, device: str = "cpu", route: str | None = "eager") -> str:
    made = plan([one], route=route, device=device, host=HOST, promise={}, at=1.0)  # type: ignore[arg-type]
    assert made.order == ()
    (trial,) = made.refused
    assert trial.verdict == "not_tried"
    return trial.why


def test_the_most_promising_come_first_and_those_done_do_not_come_again() -> None:
    some = [candidate(name) for name in ("a", "b", "c", "d")]
    made = plan(some, route="eager", device="cpu", host=HOST, promise={"c": 2.0, "a": 1.2}, done={"a"}, at=1.0)

    assert [each.name for each in made.order] == ["c", "b", "d"]
    assert made.refused == ()


@pytest.mark.parametrize(
    ("needs", "words"),
    [
        ("compiler", "install g++"),
        ("openvino", 'needs the package openvino: pip install "mmied[openvino]"'),
        ("calibration", "real inputs"),
        ("fine_tune", "function that trains"),
        ("float16", "no float16 units"),
    ],
)
def test_what_is_missing_is_a_reason_and_no_error(needs: str, words: str) -> None:
    assert words in why(candidate("x", needs=(needs,)))


def test_what_is_there_is_no_obstacle() -> None:
    made = plan(
        [candidate("x", needs=("bfloat16", "torchao"))], route="eager", device="cpu", host=HOST, promise={}, at=1.0
    )

    assert [each.name for each in made.order] == ["x"]


def test_kinds_and_devices_that_a_candidate_is_not_for_are_told() -> None:
    assert "torchscript" in why(candidate("x"), route="torchscript")
    assert "for cuda" in why(candidate("x", devices=("cuda",)))
    assert "compiled package" in why(candidate("x"), route=None)


def job(factory: str = "tricks:Work", *, width: int = 256) -> ServeJob:
    model = ModelSpec(
        name="work",
        source=Source(kind="factory", factory=factory),
        inputs=(InputSpec(shape=("batch", width)),),
        threads=1,
    )
    return ServeJob(model=model, batch_sizes=(1,))


def run(order: list[Candidate], tmp_path: Path, budget_seconds: float, **settings: float) -> dict[str, Trial]:
    trials = search(
        order, job(), tmp_path, ENVIRON, budget_seconds=budget_seconds, minimum_effect_ratio=0.1, **settings
    )
    return {trial.candidate: trial for trial in trials}


def test_good_and_bad_candidates_have_their_outcomes_in_one_search(tmp_path: Path) -> None:
    order = [
        candidate("segfault"),
        candidate("refuse"),
        candidate("nan"),
        candidate("other_shape"),
        candidate("fewer_rounds", settings={"rounds": 20}),
        candidate("same_work"),
    ]
    found = run(order, tmp_path, 240.0, trial_seconds=10.0)

    assert found["segfault"].verdict == "does_not_help"
    assert found["segfault"].outcome == "crashed"
    assert "SIGSEGV" in found["segfault"].why
    assert found["refuse"].verdict == "not_tried"
    assert found["nan"].verdict == "does_not_help"
    assert "NaN" in found["nan"].why
    assert found["other_shape"].verdict == "does_not_help"
    assert "they have another" in found["other_shape"].why
    # Half the rounds give other outputs: it is not even timed.
    assert found["fewer_rounds"].verdict == "does_not_help"
    assert "relative L2" in found["fewer_rounds"].why
    assert found["fewer_rounds"].ratios == ()
    equal = found["same_work"]
    assert equal.verdict in ("does_not_help", "cannot_tell")
    assert equal.ratios[0].lower < 1.1
    assert equal.fidelity is not None
    assert equal.fidelity.relative_l2 == 0.0
    assert equal.baseline_cost.peak_bytes > 0
    assert equal.cost is not None
    assert equal.cost.artifact_bytes is None, "it was not saved: nobody knows how large it would be"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder for the candidate "compile" on a disk that holds its job and its log, and no compiled code."""
    folder = tmp_path / "compile"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40k", "none", folder], check=True)
    yield tmp_path
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.root
def test_a_disk_that_fills_while_compiling_costs_that_candidate_its_turn_and_nothing_else(small_disk: Path) -> None:
    compiled = candidate("compile", function="mmied.bench.candidates.compilation:apply")
    found = run([compiled, candidate("refuse")], small_disk, 240.0, trial_seconds=10.0)

    assert found["compile"].verdict == "does_not_help"
    assert "No space left on device" in found["compile"].why
    assert found["refuse"].verdict == "not_tried", "the search ended with the candidate"


def test_what_is_not_ready_in_its_part_of_the_budget_is_not_said_to_be_slow(tmp_path: Path) -> None:
    """It may be the best of all: a larger budget, or a quieter host, tells."""
    baseline = open_baseline(job(), tmp_path, ENVIRON)
    try:
        found = run_trial(
            candidate("hang"),
            baseline,
            tmp_path / "hang",
            ENVIRON,
            limit_seconds=8.0,
            making_seconds=2.0,
            minimum_effect_ratio=0.1,
        )
    finally:
        baseline.server.close()
        baseline.control.close()

    assert (found.verdict, found.outcome) == ("cannot_tell", "timed_out")
    assert found.why == "was not ready within 2 s, its part of the budget: a larger one may do"


def test_shares_favour_the_first_never_take_all_and_leave_time_to_compile() -> None:
    assert shares(600.0, 28) == (60.0, 150.0)
    assert shares(600.0, 1) == (120.0, 150.0)
    assert shares(60.0, 1) == (60.0, 60.0)
    assert shares(9.0, 20) == (8.0, 8.0)


def test_a_measure_that_raises_for_a_candidate_alone_leaves_its_accuracy_unknown(tmp_path: Path) -> None:
    data = tmp_path / "eval.npz"
    np.savez(data, **searchable.labelled(40, large=4))
    labelled = replace(
        job("searchable:Wasteful", width=16), evaluation=str(data), metric="searchable:of_few", max_drop=0.5
    )
    wrong = candidate("blind", function="searchable:blind")
    (found,) = search([wrong], labelled, tmp_path, ENVIRON, budget_seconds=60.0, minimum_effect_ratio=0.1)

    assert found.verdict == "cannot_tell"
    assert "its accuracy could not be measured" in found.why
    assert "raised ValueError: an answer is wrong" in found.why


def test_a_budget_of_nothing_tries_nothing(tmp_path: Path) -> None:
    assert run([candidate("same_work")], tmp_path, 0.0) == {}


def test_a_deployed_model_that_cannot_be_served_is_told(tmp_path: Path) -> None:
    trials = search(
        [candidate("same_work")],
        job("tricks:missing"),
        tmp_path,
        ENVIRON,
        budget_seconds=60.0,
        minimum_effect_ratio=0.1,
    )

    with pytest.raises(ServerLost, match="cannot be imported"):
        next(trials)
