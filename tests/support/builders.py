"""Make the records that the daemon's parts are tested with: models, runs, standings and a whole view."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from mmied.alarms import Target
from mmied.config import Admission, Budget, Config, Every, Hardware, History, Http, Model, Optimize, Unit
from mmied.daemon.funds import Funds
from mmied.daemon.outlook import Outlook
from mmied.daemon.standing import Standing, advance
from mmied.daemon.tally import Tally
from mmied.daemon.view import Plan, View
from mmied.records import (
    CollectorState,
    Environment,
    GpuSample,
    HardwareSample,
    Iterations,
    LatencySummary,
    Memory,
    ModelSpec,
    Run,
    Source,
    Workload,
    WorkloadResult,
)
from mmied.regression import Objective, ObjectiveStanding, SeriesKey, Trend
from mmied.stats import summarize

NOW = 1_800_000_000.0
REVISION = "5eed" * 16
B1 = Workload(scenario="b1", batch_size=1)
B8 = Workload(scenario="b8", batch_size=8)
PACED = Workload(scenario="b8-gap100ms", batch_size=8, gap_seconds=0.1)


def make_model(name: str = "ranker", **changes: Any) -> Model:
    """A TorchScript model with the scenarios b1 and b8; keys of its spec may be given beside its own."""
    taken = ("workloads", "unit", "schedule", "inspect", "optimize", "objectives", "labelled")
    own = {key: changes.pop(key) for key in taken if key in changes}
    spec = ModelSpec(
        **{"name": name, "source": Source(kind="torchscript", path=f"/models/{name}.pt"), "inputs": ()} | changes
    )
    return Model(**{"name": name, "spec": spec, "workloads": (B1, B8), "unit": None, "schedule": Every(900.0)} | own)


def make_config(*models: Model, **changes: Any) -> Config:
    """The defaults; keys of the sections `budget`, `admission`, `history` and `http` may be given as mappings."""
    sections = {"budget": Budget(), "admission": Admission(), "history": History(), "http": Http()}
    for name, section in sections.items():
        sections[name] = section.model_copy(update=changes.pop(name, {}))
    return Config(
        **{
            "path": Path("/etc/mmied/mmied.yaml"),
            "digest": "d" * 64,
            "state": Path("/var/lib/mmied"),
            "schedule": Every(900.0),
            "hardware": Hardware(),
            "models": models,
        }
        | sections
        | changes
    )


@cache
def make_iterations(median: float = 0.01, samples: int = 500, *, waiting: int = 0) -> Iterations:
    """Calls within 4 % of `median`; the first `waiting` waited for a CPU as long again."""
    computed = [median * (1 + 0.01 * (index % 5 - 2)) for index in range(samples)]
    waits = [median if index < waiting else 0.0 for index in range(samples)]
    walls = tuple(compute + wait for compute, wait in zip(computed, waits, strict=True))
    return Iterations(wall_seconds=walls, wait_seconds=tuple(waits))


@cache
def _summary(calls: Iterations) -> LatencySummary:
    return summarize(calls)


def make_result(workload: Workload = B1, *, median: float = 0.01, samples: int = 500, **changes: Any) -> WorkloadResult:
    """A scenario that succeeded."""
    calls = make_iterations(median, samples)
    whole = WorkloadResult(
        workload=workload,
        outcome="succeeded",
        first_call_seconds=30 * median,
        cold=True,
        warmup_seconds=0.4,
        measure_seconds=samples * median,
        throughput_samples_per_second=workload.batch_size / median,
        latency=_summary(calls),
        iterations=calls,
        reference_seconds={"compute": 0.0121, "memory": 0.0064, "interpreter": 0.0093},
        memory=(Memory(space="host", peak_bytes=400_000_000, average_bytes=390_000_000, activation_bytes=6_000_000),),
    )
    return replace(whole, **changes)


def make_failure(workload: Workload = B1, reason: str = "internal") -> WorkloadResult:
    """A scenario that failed."""
    return WorkloadResult(workload=workload, outcome="failed", reason=reason, message=f"{reason} of the test")


def make_run(number: int = 1, model: str = "ranker", **changes: Any) -> Run:
    """A run that succeeded; a greater number started a quarter of an hour later, up to number 1000 just before NOW."""
    at = NOW - 60 - 900.0 * (1000 - number)
    whole = Run(
        run_id=f"run-{number:04}",
        host="here",
        model=model,
        kind="profile",
        device="cpu",
        started_at=at,
        ended_at=at + 30,
        outcome="succeeded",
        revision=REVISION,
        artifact_bytes=1_000_000,
        format="torchscript",
        dtype="float32",
        parameters=250_000,
        threads=2,
        load_seconds=0.2,
        cpu_seconds=10.0,
        worker_peak_bytes=500_000_000,
        environment=Environment(fingerprint="f1", stable={"torch": "2.13"}, momentary={}),
        results=(make_result(B1), make_result(B8, median=0.05)),
    )
    return replace(whole, **changes)


def failed(number: int = 1, **changes: Any) -> Run:
    """A run of which all scenarios failed."""
    failure = {"outcome": "failed", "reason": "internal", "message": "internal of the test"}
    return make_run(number, **{**failure, "results": (make_failure(B1), make_failure(B8)), **changes})


def refused(number: int = 1, reason: str = "busy_cpu", **changes: Any) -> Run:
    """A run that was not started."""
    nothing = {"results": (), "environment": None, "cpu_seconds": None, "revision": None, "worker_peak_bytes": None}
    at = make_run(number).started_at
    return make_run(number, **{"outcome": "refused", "reason": reason, "ended_at": at, **nothing, **changes})


def orphaned(number: int = 1, **changes: Any) -> Run:
    """A run in which the daemon died."""
    return failed(number, **{"outcome": "crashed", "reason": "killed", "orphaned": True, **changes})


def stand(*runs: Run) -> Standing:
    """Where a model stands after `runs`."""
    standing = Standing()
    for run in runs:
        standing = advance(standing, run)
    return standing


GPU = GpuSample(
    gpu="0",
    uuid="GPU-1",
    name="NVIDIA H200",
    driver_version="570.1",
    utilization_ratio=0.1,
    memory_used_bytes=10_000_000_000,
    memory_total_bytes=140_000_000_000,
    power_watts=200.0,
    power_limit_watts=700.0,
    energy_joules_total=1e6,
    temperature_celsius=40.0,
    clock_hertz={"sm": 1.9e9, "memory": 3.2e9},
    throttle_active={"power_cap": False, "thermal_sw": False, "thermal_hw": True, "power_brake": False},
    ecc_uncorrected_errors_total=0,
    compute_pids=(999_999_999,),
)
HARDWARE = HardwareSample(
    at=NOW,
    cpus=8,
    cpu_busy_seconds_total=1e5,
    cpu_utilization_ratio=0.2,
    cpu_frequency_hertz=2.6e9,
    load1=1.5,
    memory_total_bytes=64_000_000_000,
    memory_available_bytes=32_000_000_000,
    disk_bytes_total={"read": 1000, "written": 2000},
    network_bytes_total={"received": 3000, "sent": 4000},
    pressure_waiting_seconds_total={"cpu": 5.0, "memory": 0.0, "io": 1.0},
    pressure_stalled_seconds_total={"memory": 0.0, "io": 0.5},
    temperature_celsius={"coretemp Package id 0": 55.0},
    gpus=(GPU,),
    collectors={
        "cpu": CollectorState(success=True, duration_seconds=0.001),
        "nvml": CollectorState(success=False, duration_seconds=0.01, message="lost"),
    },
)


@dataclass
class FakeStore:
    """Answers what the exporter and the status ask of a history."""

    writes: int = 12
    write_failures: int = 1
    pruned_rows: int = 3
    size: int = 1_000_000

    def size_bytes(self) -> int:
        return self.size


def make_view(config: Config, runs: Iterable[Run] = (), **changes: Any) -> View:
    """A daemon that has run for an hour, and took in `runs`."""
    tally = Tally()
    standings = {model.name: Standing() for model in config.models}
    for run in runs:
        tally.count(run)
        standings[run.model] = advance(standings.get(run.model, Standing()), run)
    inspection = Plan(next_run_at=NOW + 9000, interval_seconds=21_600.0)
    plans = {
        model.name: Plan(
            next_run_at=NOW + 600,
            interval_seconds=900.0,
            inspection=inspection if model.inspect is not None else None,
            search=Plan(next_run_at=NOW + 9000, interval_seconds=86_400.0) if model.optimize is not None else None,
        )
        for model in config.models
    }
    whole = View(
        at=NOW,
        started_at=NOW - 3600,
        host="here",
        config=config,
        config_loaded_at=NOW - 3600,
        config_error=None,
        torch_version="2.13.0",
        standings=standings,
        plans=plans,
        tally=tally,
        log_messages={"info": 7},
        cpu=Funds(rate=0.02, tokens_seconds=30.0, demand_ratio=0.5),
        gpu=None,
        daemon_cpu_seconds=9.0,
        daemon_memory_bytes=60_000_000,
        worker_peak_bytes=500_000_000,
        lag_seconds=0.4,
        hardware=HARDWARE,
        history=FakeStore(),  # type: ignore[arg-type]
        notices=(),
    )
    return replace(whole, **changes)


def cuda_view() -> View:
    """A view in which nothing is missing: a GPU model with figures that CUDA alone has, and a CPU model."""
    config = make_config(
        make_model(
            "ranker",
            unit=Unit(name="tokens", per_sample=64.0),
            inspect=Every(21_600.0),
            optimize=Optimize(schedule=Every(86_400.0)),
            objectives=(Objective(metric="latency_p99", value=0.05),),
        ),
        make_model("vision", device="cuda:0", workloads=(B8,)),
        notify=(Target(kind="webhook", address="https://example.org/hook"),),
    )
    device = Memory(
        space="device",
        peak_bytes=3_000_000_000,
        average_bytes=2_000_000_000,
        activation_bytes=1_000_000_000,
        fragmentation_ratio=0.05,
        cache_slack_ratio=0.1,
    )
    on_gpu = make_result(B8, median=0.004, captured_seconds=0.003, energy_joules=120.0)
    on_gpu = replace(on_gpu, memory=(*on_gpu.memory, device))
    from inspections import inspected  # which are made of what is above
    from optimizations import labelled, searched, trial, verdict
    from regressed import judged_series

    runs = (
        make_run(1000, "ranker", drift_ratio=0.0),
        inspected(1000),
        searched(1000),
        make_run(1000, "vision", run_id="run-gpu", device="cuda:0", gpu_seconds=4.0, results=(on_gpu,)),
    )
    verdicts = {"ranker": (verdict(labelled(trial("compile"))),)}
    p99 = SeriesKey("ranker", "b1", "latency_p99")
    promised = ObjectiveStanding(key=p99, objective=0.05, figure=0.04, headroom_ratio=0.2, missed=False, days_left=70.0)
    drifting = Trend(key=p99, ratio_per_week=0.02, lower=0.01, upper=0.03, level=0.04, days=28.0)
    outlooks = {"ranker": Outlook(objectives=(promised,), trends=(drifting,))}
    gpu = Funds(rate=0.01, tokens_seconds=9.0, demand_ratio=0.2)
    return make_view(config, runs, verdicts=verdicts, outlooks=outlooks, gpu=gpu, series=judged_series())
