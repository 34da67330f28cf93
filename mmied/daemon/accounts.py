"""Hold the budgets of the configuration against what runs cost."""

import os
import time
from collections.abc import Mapping

from mmied.config import Config, Model
from mmied.daemon import budget, schedule
from mmied.daemon.funds import Funds
from mmied.daemon.jobs import Kind, device_of
from mmied.daemon.standing import Standing
from mmied.history.store import Store
from mmied.records import Run

Standings = Mapping[str, Standing]

MOST_PARTS = 500  # of searches in LATELY_SECONDS
COMPARED_RUNS = 3.0  # what a comparison of two files costs, in runs, before there was one
LATELY_SECONDS = 3600.0  # a model that was not run for so long gets its first run at once


def expected_demand(config: Config, *, now: float) -> float:
    """Return what the schedule of a configuration will ask of its CPU budget, as far as can be told before it ran."""
    costs = [
        (_first_cpu_cost(model, config), schedule.interval_seconds(model.schedule, now)) for model in config.models
    ]
    costs += _first_inspect_costs(config, now)
    return budget.demand_ratio(costs_and_intervals=costs, rate=_cpu_rate(config), idle=budget.DAEMON_CPUS)


def expected_inspect_demand(config: Config, *, now: float) -> float:
    """Return what inspections alone will ask of the CPU budget."""
    return budget.demand_ratio(costs_and_intervals=_first_inspect_costs(config, now), rate=_cpu_rate(config))


def _first_inspect_costs(config: Config, now: float) -> list[tuple[float, float]]:
    return [
        (_first_inspect_cost(model), schedule.interval_seconds(model.inspect, now))
        for model in config.models
        if model.inspect is not None
    ]


def _cpu_rate(config: Config) -> float:
    return config.budget.cpu_ratio * (os.cpu_count() or 1)


def _first_cpu_cost(model: Model, config: Config) -> float:
    return budget.expected_cpu_seconds(
        scenarios=len(model.workloads),
        scenario_seconds=config.budget.scenario_seconds,
        threads=model.spec.threads or os.cpu_count() or 1,
    )


def _first_inspect_cost(model: Model) -> float:
    return budget.expected_inspect_cpu_seconds(threads=model.spec.threads or os.cpu_count() or 1)


def search_ratio(config: Config, *, now: float) -> float:
    """Return the share of all the host's CPU time that searches may take beside the budget, if all fit in."""
    cpus = os.cpu_count() or 1
    asked = sum(
        each.budget_seconds * (model.spec.threads or cpus) / schedule.interval_seconds(each.schedule, now)
        for model in config.models
        if (each := model.optimize) is not None
    )
    return asked / cpus


def granted_cpu_seconds(run: Run) -> float:
    """Return the CPU time that is not charged to the budget: of a search, what its own budget of time comes to.

    One of its processes computes at a time, with the model's threads. What it takes beyond that, as compilers with
    processes of their own do, is charged.
    """
    if run.kind != "optimize":
        return 0.0
    given = (run.ended_at - run.started_at) * (run.threads or os.cpu_count() or 1)
    return min(run.cpu_seconds or 0.0, max(0.0, given))


def _granted_since(store: Store, at: float) -> float:
    runs = store.last_runs(kind="optimize", limit=MOST_PARTS)
    return sum(granted_cpu_seconds(run) for run in runs if run.ended_at > at)


def _never_ran(standing: Standing, *, since: float) -> bool:
    """Tell whether no run of a model was started after `since` (a Unix time)."""
    return standing.last_run is None or standing.last_run.started_at < since


class Accounts:
    """The buckets of one configuration: CPU time of the whole host, GPU time of each device."""

    def __init__(
        self,
        config: Config,
        standings: Standings,
        store: Store,
        *,
        now: float,
        monotonic: float,
        before: "Accounts | None" = None,
    ) -> None:
        """Open the accounts of a configuration; after a reload what those `before` held goes over.

        Raises HistoryError when the history cannot tell what was spent in the last hour.
        """
        self._config = config
        self._own_cpu = time.process_time()
        without = {
            model.name
            for model in config.models
            if _never_ran(standings.get(model.name, Standing()), since=now - LATELY_SECONDS)
        }
        lately = now - LATELY_SECONDS
        self._cpu: budget.Bucket = budget.open_bucket(
            rate=_cpu_rate(config),
            round_seconds=sum(self.cpu_cost(model, standings) for model in config.models)
            + sum(self.cpu_cost(model, standings, "inspect") for model in config.models if model.inspect is not None),
            first_seconds=sum(self.cpu_cost(model, standings) for model in config.models if model.name in without)
            + sum(
                self.cpu_cost(model, standings, "inspect")
                for model in config.models
                # Once, not after each hour without one: it is many times as long from one to the next.
                if model.inspect is not None and standings.get(model.name, Standing()).inspections.last_run is None
            ),
            spent_seconds=store.cpu_seconds_since(lately) - _granted_since(store, lately),
            monotonic=monotonic,
            before=before._cpu if before is not None else None,
        )
        self._gpus: dict[str, budget.Bucket] = {
            device: budget.open_bucket(
                rate=config.budget.gpu_ratio,
                round_seconds=sum(self.gpu_cost(model, standings) for model in models),
                first_seconds=sum(self.gpu_cost(model, standings) for model in models if model.name in without),
                # Runs are recorded under the device's name in the configuration, and one device has two.
                spent_seconds=sum(
                    store.gpu_seconds_since(name, lately, without="optimize")
                    for name in {device, *(model.spec.device for model in models)}
                ),
                monotonic=monotonic,
                before=before._gpus.get(device) if before is not None else None,
            )
            for device, models in self._models_by_device().items()
        }

    def _models_by_device(self) -> dict[str, list[Model]]:
        """Return the models of each GPU."""
        found: dict[str, list[Model]] = {}
        for model in self._config.models:
            if model.spec.device != "cpu":
                found.setdefault(device_of(model.spec.device), []).append(model)
        return found

    def cpu_cost(self, model: Model, standings: Standings, kind: Kind = "profile") -> float:
        """Return the CPU seconds that a run of `model` is expected to take."""
        standing = standings.get(model.name, Standing())
        if kind == "optimize":
            return 0.0  # its time is given to it beside the budget: see `granted`
        if kind == "compare":
            last = standing.comparisons.last_run
            known = last.cpu_seconds if last is not None else None
            return COMPARED_RUNS * self.cpu_cost(model, standings) if known is None else known
        if kind == "inspect":
            last = standing.inspections.last_run
            return _first_inspect_cost(model) if last is None or last.cpu_seconds is None else last.cpu_seconds
        last = standing.last_run
        if last is not None and last.cpu_seconds is not None and len(last.results) == len(model.workloads):
            return last.cpu_seconds
        return _first_cpu_cost(model, self._config)

    def gpu_cost(self, model: Model, standings: Standings, kind: Kind = "profile") -> float:
        """Return the seconds for which a run of `model` is expected to use its GPU."""
        standing = standings.get(model.name, Standing())
        if kind == "optimize":
            return 0.0
        last = standing.of(kind).last_run
        if last is not None and last.gpu_seconds is not None:
            return last.gpu_seconds
        if kind == "compare":
            return COMPARED_RUNS * self.gpu_cost(model, standings)
        if kind == "inspect":
            return budget.INSPECT_SECONDS
        return budget.expected_gpu_seconds(
            scenarios=len(model.workloads), scenario_seconds=self._config.budget.scenario_seconds
        )

    def fill(self, monotonic: float) -> None:
        """Let time pass, and take out what the daemon itself has used meanwhile."""
        own = time.process_time()
        self._cpu.fill(monotonic)
        self._cpu.spend(own - self._own_cpu)
        self._own_cpu = own
        for bucket in self._gpus.values():
            bucket.fill(monotonic)

    def spend(self, run: Run) -> None:
        """Take out what a run cost."""
        self._cpu.spend(max(0.0, (run.cpu_seconds or 0.0) - granted_cpu_seconds(run)))
        bucket = self._gpus.get(device_of(run.device))
        if bucket is not None and run.kind != "optimize":
            bucket.spend(run.gpu_seconds or 0.0)

    def poverty(self, model: Model, standings: Standings, kind: Kind = "profile") -> str | None:
        """Return why a run of `model` cannot be afforded now, or None when it can, as a search always can."""
        if kind == "optimize":
            return None
        asked = [(self._cpu, self.cpu_cost(model, standings, kind), "CPU", "cpu_ratio")]
        if (bucket := self._gpus.get(device_of(model.spec.device))) is not None:
            asked.append((bucket, self.gpu_cost(model, standings, kind), "GPU", "gpu_ratio"))
        what = {"inspect": "an inspection", "compare": "a comparison with the file before"}.get(kind, "the run")
        for bucket, cost, resource, key in asked:
            if not bucket.affords(cost):
                return (
                    f"{what} costs about {cost:.0f} s of {resource} time, the budget holds "
                    f"{max(bucket.level, 0.0):.0f} s; enough in {bucket.seconds_until(cost) / 60:.0f} min, "
                    f"or with a larger `budget.{key}`"
                )
        return None

    def funds(self, standings: Standings, now: float) -> tuple[Funds, Funds | None]:
        """Return how the CPU budget stands, and the GPU budget: of its poorest device, asked of all of them."""
        models = self._config.models
        intervals = {model.name: schedule.interval_seconds(model.schedule, now) for model in models}
        cpu = [(self.cpu_cost(model, standings), intervals[model.name]) for model in models]
        inspected = [(model, schedule.interval_seconds(model.inspect, now)) for model in models if model.inspect]
        cpu += [(self.cpu_cost(model, standings, "inspect"), interval) for model, interval in inspected]
        cpu_funds = Funds(
            rate=self._cpu.rate,
            tokens_seconds=self._cpu.level,
            demand_ratio=budget.demand_ratio(costs_and_intervals=cpu, rate=self._cpu.rate, idle=budget.DAEMON_CPUS),
        )
        if not self._gpus:
            return cpu_funds, None
        gpu = [
            (self.gpu_cost(model, standings), intervals[model.name]) for model in models if model.spec.device != "cpu"
        ]
        gpu += [
            (self.gpu_cost(model, standings, "inspect"), interval)
            for model, interval in inspected
            if model.spec.device != "cpu"
        ]
        rate = sum(bucket.rate for bucket in self._gpus.values())
        return cpu_funds, Funds(
            rate=rate,
            tokens_seconds=min(bucket.level for bucket in self._gpus.values()),
            demand_ratio=budget.demand_ratio(costs_and_intervals=gpu, rate=rate),
        )
