"""A run's summary moves with the model, not with the host, and says what it is worth."""

import math
import random

import pytest

from mmied.records import Iterations
from mmied.verdicts.run_summary import Summary, summarize_latency


def run(
    *,
    seed: int = 0,
    model: float = 1.0,
    host: float = 1.0,
    busy: float = 0.0,
    count: int = 200,
    reference_count: int = 200,
) -> tuple[Iterations, dict[str, Iterations]]:
    """Return a run of a model of 10 ms beside two references; a share `busy` of calls takes up to 3 times longer."""
    draw = random.Random(seed)

    def calls(seconds: float, number: int) -> Iterations:
        walls = [
            seconds * host * (1 + abs(draw.gauss(0, 0.02))) * (draw.uniform(1.3, 3) if draw.random() < busy else 1)
            for _ in range(number)
        ]
        return Iterations(wall_seconds=tuple(walls), wait_seconds=(0.0,) * number)

    references = {"compute": calls(1e-3, reference_count), "memory": calls(3e-3, reference_count)}
    return calls(10e-3 * model, count), references


def summed(**how: float) -> Summary:
    found = summarize_latency(*run(**how))  # type: ignore[arg-type]
    assert found is not None
    return found


def against_references(summary: Summary) -> float:
    return summary.value - sum(summary.references.values()) / len(summary.references)


def test_a_summary_is_on_a_log_scale_of_seconds() -> None:
    found = summed()

    assert found.value == pytest.approx(math.log(10e-3), abs=0.03)
    assert found.references.keys() == {"compute", "memory"}
    assert found.references["compute"] == pytest.approx(math.log(1e-3), abs=0.03)
    assert found.fit


def test_a_slower_model_moves_the_value_by_as_much() -> None:
    assert summed(model=1.05).value - summed().value == pytest.approx(math.log(1.05), abs=1e-9)


def test_a_slower_host_moves_value_and_references_alike() -> None:
    assert against_references(summed(host=1.4)) == pytest.approx(against_references(summed()), abs=1e-9)


@pytest.mark.parametrize("busy", [0.2, 0.5, 0.7])
def test_calls_beside_other_load_hardly_move_it(busy: float) -> None:
    assert summed(busy=busy).value == pytest.approx(summed().value, abs=0.05)


def test_load_beside_a_run_makes_it_less_calm_and_less_certain() -> None:
    quiet, busy = summed(), summed(busy=0.6)

    assert quiet.calm is not None and busy.calm is not None
    assert busy.calm < 0.3 < 0.9 < quiet.calm
    assert busy.uncertainty > 2 * quiet.uncertainty


def test_the_uncertainty_is_about_what_equal_runs_differ_by() -> None:
    found = [summed(seed=seed) for seed in range(30)]
    mean = sum(each.value for each in found) / len(found)
    deviation = math.sqrt(sum((each.value - mean) ** 2 for each in found) / len(found))

    assert deviation / 3 < sum(each.uncertainty for each in found) / len(found) < 3 * deviation


def test_a_run_without_references_is_summed_up_by_itself() -> None:
    found = summarize_latency(run()[0], {})

    assert found is not None
    assert found.references == {}
    assert found.value == pytest.approx(math.log(10e-3), abs=0.03)


@pytest.mark.parametrize(("count", "reference_count"), [(2000, 80), (459, 12), (5, 5), (1, 1), (3, 200)])
def test_model_and_references_may_have_been_called_differently_often(count: int, reference_count: int) -> None:
    found = summed(count=count, reference_count=reference_count)

    assert found.value == pytest.approx(math.log(10e-3), abs=0.05)
    assert math.isfinite(found.uncertainty)


def test_a_single_call_is_no_fit_run() -> None:
    assert not summed(count=1, reference_count=1).fit


def test_what_others_took_is_not_the_models() -> None:
    iterations, references = run()
    waits = tuple(seconds if index % 2 else 0.0 for index, seconds in enumerate(iterations.wall_seconds))
    walls = tuple(w + wait for w, wait in zip(iterations.wall_seconds, waits, strict=True))
    disturbed = Iterations(wall_seconds=walls, wait_seconds=waits, others_cpus=2.0)

    found = summarize_latency(disturbed, references)

    assert found is not None
    assert found.value == pytest.approx(math.log(10e-3), abs=0.03)


def test_no_calls_have_no_summary() -> None:
    assert summarize_latency(Iterations(wall_seconds=(), wait_seconds=()), {}) is None
    assert summarize_latency(Iterations(wall_seconds=(0.0,), wait_seconds=(0.0,)), {}) is None


def test_a_point_takes_over_all_that_the_detector_wants() -> None:
    summary = summed()

    point = summary.point(at=5.0, epoch="b8")

    assert (point.value, point.references) == (summary.value, summary.references)
    assert (point.uncertainty, point.calm) == (summary.uncertainty, summary.calm)
    assert (point.at, point.epoch, point.fit) == (5.0, "b8", True)
