"""The status says of each model in a word how it is, and in a sentence why."""

from dataclasses import replace

import pytest
from builders import (
    B1,
    B8,
    NOW,
    FakeStore,
    failed,
    make_config,
    make_failure,
    make_model,
    make_result,
    make_run,
    make_view,
    orphaned,
    refused,
)
from regressed import P50, change, judged_series

from mmied.codec import from_json, to_json
from mmied.commands.status import _lines
from mmied.config import Unit
from mmied.daemon.funds import Funds
from mmied.daemon.status import make_status
from mmied.daemon.view import Plan, View
from mmied.daemon_status import ModelStatus, Status
from mmied.errors import HistoryError
from mmied.records import Run
from mmied.regression import HOST

PLAN = Plan(next_run_at=NOW + 600, interval_seconds=900.0)
HALF = make_run(1000, results=(make_result(B1), make_failure(B8, "out_of_memory")))


def view_of(*runs: Run, plan: Plan = PLAN, **model: object) -> View:
    return make_view(make_config(make_model(**model)), runs, plans={"ranker": plan})


def model_of(*runs: Run, plan: Plan = PLAN, **model: object) -> ModelStatus:
    (found,) = make_status(view_of(*runs, plan=plan, **model)).models
    return found


@pytest.mark.parametrize(
    ("runs", "plan", "state", "why"),
    [
        ([], PLAN, "waiting", None),
        ([], replace(PLAN, why="too dear"), "waiting", "too dear"),
        ([make_run(1000)], PLAN, "healthy", None),
        ([make_run(1000)], replace(PLAN, phase="warmup b8"), "running", "in phase “warmup b8”"),
        ([make_run(999), failed(1000)], PLAN, "failing", "internal of the test"),
        ([HALF], PLAN, "failing", "b8: out_of_memory of the test"),
        ([make_run(999), refused(1000)], replace(PLAN, why="others work"), "refused", "others work"),
        ([make_run(999), refused(1000)], PLAN, "healthy", None),
        ([failed(999), refused(1000)], replace(PLAN, why="others work"), "failing", "internal of the test"),
        ([orphaned(999), orphaned(1000)], replace(PLAN, next_run_at=None), "quarantined", "the daemon died in 2"),
    ],
)
def test_a_model_is_told_in_a_word_and_a_sentence(runs: list[Run], plan: Plan, state: str, why: str | None) -> None:
    found = model_of(*runs, plan=plan)

    assert found.state == state
    assert (found.why is None) == (why is None)
    assert why is None or str(found.why).startswith(why)


def test_a_scenario_shows_the_last_figures_while_they_are_current() -> None:
    found = model_of(make_run(999), failed(1000), unit=Unit(name="tokens", per_sample=64.0))
    scenario = found.scenarios[1]

    assert (scenario.workload, scenario.last_outcome, scenario.last_message) == (B8, "failed", "internal of the test")
    assert scenario.latency is not None
    assert scenario.throughput_samples_per_second == 160
    assert scenario.items_per_second == 160 * 64
    assert scenario.peak_memory_bytes == 400_000_000
    assert (found.consecutive_failures, found.unit) == (1, "tokens")


def test_figures_that_are_older_than_three_intervals_are_not_shown() -> None:
    found = model_of(make_run(990))

    assert found.last_success_at is not None
    assert [scenario.latency for scenario in found.scenarios] == [None, None]
    assert [scenario.last_outcome for scenario in found.scenarios] == ["succeeded", "succeeded"]


def test_the_host_is_told_by_the_references_of_the_last_run() -> None:
    assert model_of(make_run(1000)).reference_seconds == {"compute": 0.0121, "memory": 0.0064, "interpreter": 0.0093}
    assert model_of().reference_seconds == {}


def test_the_cost_is_told_against_the_budget_as_a_share_of_the_whole_host() -> None:
    config = make_config(make_model())
    funds = Funds(rate=0.01 * 8, tokens_seconds=-3.0, demand_ratio=1.7)  # a hundredth of eight CPUs
    cost = make_status(make_view(config, [make_run(1000, cpu_seconds=135.0)], cpu=funds)).cost

    assert cost.cpu_used_ratio == pytest.approx((9.0 + 135.0) / 3600 / 8)
    assert (cost.cpu_budget_ratio, cost.cpu_tokens_seconds, cost.demand_ratio) == (0.01, -3.0, 1.7)
    assert (cost.history_bytes, cost.history_limit_bytes) == (1_000_000, 2_000_000_000)


class Away(FakeStore):
    def size_bytes(self) -> int:
        raise HistoryError("no server")


def test_a_model_in_a_regression_says_so_and_one_that_the_host_explains_does_not() -> None:
    series = judged_series()
    found = make_status(make_view(make_config(make_model()), [make_run(1000)], series=series))
    (model,) = found.models
    assert model.state == "regressed"
    assert model.why is not None
    assert model.why.startswith("b8 latency_p50 20 % worse since ")
    assert model.why.endswith("cause: model")
    assert [standing.key for standing in model.series] == [P50]
    assert [standing.key.model for standing in found.host_series] == [HOST]
    assert from_json(Status, to_json(found)) == found

    part = replace(series[P50], change=change(cause="host", part_of="20270115-host-cpu-reference_compute"))
    found = make_status(make_view(make_config(make_model()), [make_run(1000)], series={**series, P50: part}))
    assert found.models[0].state == "healthy"
    lines = "\n".join(_lines(found))
    assert "ranker: regression: b8 latency_p50 20 % worse" in lines
    assert "cause: host, part of a change of the host" in lines
    assert "(host): regression: cpu reference_compute 20 % worse" in lines


@pytest.mark.parametrize(
    ("runs", "plan", "state"),
    [
        ([HALF], PLAN, "failing"),
        ([make_run(999), refused(1000)], replace(PLAN, why="others work"), "regressed"),
        ([make_run(1000)], replace(PLAN, phase="load"), "running"),
    ],
)
def test_a_regression_comes_before_a_busy_host_and_behind_a_scenario_that_fails(
    runs: list[Run], plan: Plan, state: str
) -> None:
    view = make_view(make_config(make_model()), runs, plans={"ranker": plan}, series=judged_series())

    assert make_status(view).models[0].state == state


def test_a_history_that_is_away_costs_the_status_its_size_alone() -> None:
    config = make_config(make_model(), history={"url": "postgresql://db/mmied"})
    cost = make_status(make_view(config, history=Away())).cost

    assert (cost.history_bytes, cost.history_limit_bytes) == (None, None)


def test_a_status_survives_its_way_through_json() -> None:
    status = make_status(make_view(make_config(make_model(), make_model("vision")), [make_run(1000), failed(1000)]))

    assert from_json(Status, to_json(status)) == status
    assert [model.name for model in status.models] == ["ranker", "vision"]
    assert (status.host, status.at, status.config_path) == ("here", NOW, "/etc/mmied/mmied.yaml")
