"""What runs cost is held against the budgets of the configuration, and of the last hour's history."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import B1, B8, NOW, make_config, make_model, make_result, make_run, stand

from mmied.config import Config, Every, Model
from mmied.daemon.accounts import Accounts, expected_demand
from mmied.daemon.standing import Standing
from mmied.history.store import Store
from mmied.records import Run

CPUS = os.cpu_count() or 1


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(tmp_path / "history.sqlite", host="here")
    yield store
    store.close()


def opened(config: Config, store: Store, *runs: Run) -> tuple[Accounts, dict[str, Standing]]:
    standings = {model.name: stand(*(run for run in runs if run.model == model.name)) for model in config.models}
    return Accounts(config, standings, store, now=NOW, monotonic=0.0), standings


def config_of(*models: Model, cpu_seconds_an_hour: float = 36.0, **changes: object) -> Config:
    ratio = cpu_seconds_an_hour / 3600 / CPUS
    return make_config(*models, budget={"cpu_ratio": ratio}, **changes)


def test_every_model_can_be_afforded_once_at_first(store: Store) -> None:
    models = [make_model(f"model-{number}") for number in range(20)]
    config = config_of(*models)
    accounts, standings = opened(config, store)
    for model in models:
        assert accounts.poverty(model, standings) is None
        cost = accounts.cpu_cost(model, standings)
        accounts.spend(make_run(model=model.name, cpu_seconds=cost))

    assert accounts.poverty(models[0], standings) is not None


def test_a_model_costs_what_its_last_run_cost(store: Store) -> None:
    model = make_model()
    last = make_run(1000, cpu_seconds=77.0)
    accounts, standings = opened(config_of(model), store, last)

    assert accounts.cpu_cost(model, standings) == 77.0
    assert accounts.cpu_cost(model, {}) != 77.0


def test_a_last_run_of_other_scenarios_tells_nothing_of_the_cost(store: Store) -> None:
    model = make_model(workloads=(B1, B8))
    last = make_run(1000, cpu_seconds=77.0, results=(make_result(B1),))
    accounts, standings = opened(config_of(model), store, last)

    assert accounts.cpu_cost(model, standings) == accounts.cpu_cost(model, {})


def test_poverty_tells_the_cost_what_is_there_how_long_it_takes_and_the_key(store: Store) -> None:
    model = make_model()
    accounts, standings = opened(config_of(model), store, make_run(990, cpu_seconds=20.0))
    accounts.spend(make_run(cpu_seconds=16.0))
    poverty = accounts.poverty(model, standings)

    assert poverty is not None
    assert "about 20 s of CPU time" in poverty
    assert "holds 4 s" in poverty
    assert "in 27 min" in poverty  # 16 s at 36 s an hour
    assert "`budget.cpu_ratio`" in poverty


def test_time_pays(store: Store) -> None:
    model = make_model()
    accounts, standings = opened(config_of(model), store, make_run(990, cpu_seconds=20.0))
    accounts.spend(make_run(cpu_seconds=20.0))
    accounts.fill(1200.0)
    assert accounts.poverty(model, standings) is not None

    accounts.fill(2400.0)
    assert accounts.poverty(model, standings) is None


def test_what_the_daemon_itself_uses_is_taken_out_of_the_cpu_budget(store: Store) -> None:
    model = make_model()
    accounts, standings = opened(config_of(model), store)
    before, _ = accounts.funds(standings, NOW)
    used = time.process_time()
    while time.process_time() - used < 0.02:
        pass
    accounts.fill(0.0)
    after, _ = accounts.funds(standings, NOW)

    assert after.tokens_seconds < before.tokens_seconds


def test_a_restart_remembers_what_the_last_hour_cost(store: Store) -> None:
    model = make_model()
    config = config_of(model)
    run = make_run(1000, cpu_seconds=20.0)
    for number in (997, 998, 999, 1000):
        store.record(make_run(number, cpu_seconds=20.0))
    accounts, standings = opened(config, store, run)
    assert accounts.poverty(model, standings) is not None

    late = Accounts(config, standings, store, now=NOW + 7200, monotonic=0.0)
    assert late.poverty(model, standings) is None


@pytest.mark.parametrize("device", ["cuda", "cuda:0"])
def test_a_gpu_has_its_own_budget_that_a_restart_remembers(store: Store, device: str) -> None:
    model = make_model(device=device)
    config = make_config(model, budget={"cpu_ratio": 1.0, "gpu_ratio": 0.01})
    run = make_run(1000, device=device, cpu_seconds=0.0, gpu_seconds=400.0)
    accounts, standings = opened(config, store)
    assert accounts.poverty(model, standings) is None
    accounts.spend(run)
    poverty = accounts.poverty(model, standings)
    assert poverty is not None
    assert "GPU time" in poverty
    assert "`budget.gpu_ratio`" in poverty

    store.record(run)
    again, _ = opened(config, store)
    assert again.poverty(model, standings) is not None


def test_what_one_gpu_used_does_not_burden_another(store: Store) -> None:
    first, second = make_model("first", device="cuda:0"), make_model("second", device="cuda:1")
    accounts, standings = opened(make_config(first, second, budget={"cpu_ratio": 1.0}), store)
    accounts.spend(make_run(device="cuda:0", gpu_seconds=400.0))

    assert accounts.poverty(first, standings) is not None
    assert accounts.poverty(second, standings) is None


def test_funds_tell_the_poorest_gpu_and_what_is_asked_of_all(store: Store) -> None:
    models = [make_model("first", device="cuda:0"), make_model("second", device="cuda:1")]
    runs = [make_run(1000, model.name, device=model.spec.device, gpu_seconds=9.0) for model in models]
    accounts, standings = opened(make_config(*models), store, *runs)
    accounts.spend(make_run(device="cuda:1", gpu_seconds=100.0))
    _, gpu = accounts.funds(standings, NOW)

    assert gpu is not None
    assert gpu.tokens_seconds < -60
    assert gpu.demand_ratio == pytest.approx((9 / 900) / 0.01)


def test_without_a_gpu_model_there_is_no_gpu_budget(store: Store) -> None:
    accounts, standings = opened(make_config(make_model()), store)

    assert accounts.funds(standings, NOW)[1] is None


def test_a_schedule_that_asks_for_too_much_is_seen_before_the_first_run() -> None:
    modest = config_of(make_model(schedule=Every(86_400.0)), cpu_seconds_an_hour=360)
    greedy = config_of(*(make_model(f"model-{number}", schedule=Every(10.0)) for number in range(5)))

    assert expected_demand(modest, now=NOW) < 1 < expected_demand(greedy, now=NOW)
