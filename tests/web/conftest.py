"""A host of four models with two weeks behind it, as records in memory."""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from looks import FINDINGS, keep_look
from optimizations import labelled, searched, trial, verdict
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics_of
from starlette.testclient import TestClient

from mmied.daemon_status import Cost, ModelStatus, OptimizationStatus, ScenarioStatus, Status
from mmied.errors import HistoryError
from mmied.history.artifacts import Artifacts
from mmied.optimization import StandingVerdict
from mmied.records import (
    CollectorState,
    Environment,
    Event,
    GpuSample,
    HardwareSample,
    HistoryPoint,
    Iterations,
    LatencySummary,
    Memory,
    Run,
    Workload,
    WorkloadResult,
)
from mmied.regression import Evidence, RecordedChange, SeriesKey, SeriesPoint
from mmied.stats import required_samples, summarize
from mmied.web.app import create_app

NOW = 1_795_233_600.0
HOUR, DAY = 3600, 86400
REVISION = "3fa94c1d77e0b2c49ad1e0c6b7f85512aa90e1743bb2c10de55f8a3d60417c9e"
WORKLOADS = (
    Workload(scenario="b1", batch_size=1),
    Workload(scenario="b8", batch_size=8),
    Workload(scenario="b8-gap100ms", batch_size=8, gap_seconds=0.1),
)
LOG_TAIL = """\
Traceback (most recent call last):
  File "/opt/mmied/lib/python3.12/site-packages/mmied/bench/worker.py", line 88, in main
    model = open_model(job.model)
RuntimeError: PytorchStreamReader failed reading zip archive: failed finding central directory <eof>
"""


def latency(
    median: float, samples: int, *, contended: float = 0.02, pooled: int = 1, fit: bool = True
) -> LatencySummary:
    all_samples = samples * pooled
    shape = {"0.5": 1.0, "0.95": 1.22, "0.99": 1.61}
    return LatencySummary(
        estimator="clean" if contended < 0.5 else "wall_minus_wait",
        samples=samples,
        iterations=round(samples * (1 + contended)),
        mean_seconds=1.04 * median,
        max_seconds=2.1 * median,
        noise_ratio=0.012,
        quantiles={q: times * median for q, times in shape.items() if all_samples >= required_samples(float(q))},
        wall_quantiles={
            q: times * median * (1.05 + contended)
            for q, times in shape.items()
            if samples >= required_samples(float(q))
        },
        wall_max_seconds=5.3 * median,
        contended_ratio=contended,
        fit=fit,
        pooled_runs=pooled,
        pooled_samples=all_samples,
    )


def history(model: str, scenario: str, median: float, samples: int) -> tuple[HistoryPoint, ...]:
    """Hourly for two weeks, nothing for a day, a slower host for half a day, slower since the fifth day."""
    chance = random.Random(f"{model} {scenario}")
    points = []
    for hour in range(14 * 24):
        at = NOW - 14 * DAY + hour * HOUR + 600
        if 8 * 24 <= hour < 9 * 24 or chance.random() < 0.03:
            continue
        slower = 1.15 if hour > 9.5 * 24 else 1.0
        host = 1.25 if 5 * 24 <= hour < 5.5 * 24 else 1.0
        contended = min(0.9, chance.expovariate(12))
        middle = median * slower * host * chance.gauss(1, 0.015)
        failed = chance.random() < 0.01
        summary = latency(
            middle, samples, contended=contended, pooled=4 if samples < 459 and hour > 100 else 1, fit=contended < 0.5
        )
        points.append(
            HistoryPoint(
                run_id=f"{model}-{hour:04}",
                at=at,
                outcome="failed" if failed else "succeeded",
                reason="timeout" if failed else None,
                latency=None if failed else summary,
                throughput_samples_per_second=None if failed else 8 / middle,
                peak_memory_bytes=None if failed else int(410e6 * chance.gauss(1, 0.004)),
                reference_seconds={
                    "compute": 0.0121 * host * chance.gauss(1, 0.008),
                    "memory": 0.0064 * host * chance.gauss(1, 0.01),
                    "interpreter": 0.0093 * host * chance.gauss(1, 0.006),
                },
                revision=REVISION,
                fingerprint="9f31c2",
            )
        )
    return tuple(points)


def iterations(median: float, number: int, *, busy: float = 0.06) -> Iterations:
    chance = random.Random(number)
    walls, waits = [], []
    for _ in range(number):
        compute = median * chance.lognormvariate(0, 0.05)
        wait = chance.expovariate(1 / (0.8 * median)) if chance.random() < busy else 0.0
        walls.append(compute + wait)
        waits.append(wait)
    return Iterations(wall_seconds=tuple(walls), wait_seconds=tuple(waits))


def result(workload: Workload, median: float, number: int, *, busy: float = 0.06) -> WorkloadResult:
    calls = iterations(median, number, busy=busy)
    summary = summarize(calls)
    return WorkloadResult(
        workload=workload,
        outcome="succeeded",
        first_call_seconds=30 * median,
        cold=workload.scenario == "b1",
        warmup_seconds=0.9,
        warmup_iterations=48,
        settled=True,
        measure_seconds=number * median,
        throughput_samples_per_second=workload.batch_size / summary.mean_seconds,
        latency=summary,
        iterations=calls,
        reference_seconds={"compute": 0.0121, "memory": 0.0064, "interpreter": 0.0093},
        memory=(Memory(space="host", peak_bytes=412_300_000, average_bytes=398_100_000, activation_bytes=61_200_000),),
    )


def make_run(run_id: str, model: str, at: float, **more: Any) -> Run:
    return Run(
        **{
            "run_id": run_id,
            "host": "gpu-07.ams",
            "model": model,
            "kind": "profile",
            "device": "cpu",
            "started_at": at,
            "ended_at": at + 31.4,
            "outcome": "succeeded",
            "revision": REVISION,
            "artifact_bytes": 438_012_416,
            "format": "torchscript",
            "dtype": "float32",
            "parameters": 109_482_240,
            "threads": 4,
            "load_seconds": 1.92,
            "import_seconds": 2.41,
            "cpu_seconds": 58.3,
            "worker_peak_bytes": 1_210_000_000,
            "phase": "done",
            **more,
        }
    )


ENVIRONMENT = Environment(
    fingerprint="9f31c2d07a",
    stable={"torch_version": "2.13.0", "cpu_model": "AMD EPYC 9354 32-Core Processor", "cpus": 64, "avx512": True},
    momentary={"cpu_frequency_hertz": 3.25e9, "load1": 1.42, "governor": "performance", "steal_ratio": 0.0004},
)


def scenario_status(workload: Workload, median: float, samples: int, **more: Any) -> ScenarioStatus:
    summary = latency(median, samples, **more)
    return ScenarioStatus(
        workload=workload,
        last_outcome="succeeded",
        latency=summary,
        throughput_samples_per_second=workload.batch_size / median,
        items_per_second=128 * workload.batch_size / median,
        peak_memory_bytes=412_300_000,
    )


def model_status(name: str, **more: Any) -> ModelStatus:
    return ModelStatus(
        **{
            "name": name,
            "state": "healthy",
            "why": None,
            "device": "cpu",
            "dtype": "float32",
            "format": "torchscript",
            "unit": "tokens",
            "revision": REVISION,
            "interval_seconds": HOUR,
            "last_run_id": f"{name}-0335",
            "last_run_at": NOW - 1100,
            "last_success_at": NOW - 1100,
            "next_run_at": NOW + 2500,
            "consecutive_failures": 0,
            "scenarios": (
                scenario_status(WORKLOADS[0], 0.00471, 1893),
                scenario_status(WORKLOADS[1], 0.0213, 120, contended=0.31),
                scenario_status(WORKLOADS[2], 0.0244, 120, contended=0.11, pooled=4),
            ),
            "reference_seconds": {"compute": 0.0121, "memory": 0.0064, "interpreter": 0.0093},
            **more,
        }
    )


def unmeasured() -> tuple[ScenarioStatus, ...]:
    return tuple(ScenarioStatus(workload=workload) for workload in WORKLOADS)


def models() -> tuple[ModelStatus, ...]:
    failed = ScenarioStatus(workload=WORKLOADS[1], last_outcome="failed", last_message="out of memory at batch 8")
    return (
        model_status("ranker"),
        model_status(
            "embedder",
            state="failing",
            why="The last 4 runs failed: PytorchStreamReader failed reading zip archive. Next try in 41 min.",
            unit=None,
            consecutive_failures=4,
            last_run_id="embedder-fail",
            last_success_at=NOW - 3 * DAY,
            scenarios=(
                scenario_status(WORKLOADS[0], 0.0021, 800, contended=0.62, fit=False),
                failed,
                ScenarioStatus(workload=WORKLOADS[2], last_outcome="failed"),
            ),
        ),
        model_status(
            "translator-large",
            state="waiting",
            why=None,
            last_run_id=None,
            last_run_at=None,
            last_success_at=None,
            revision=None,
            next_run_at=NOW + 190,
            scenarios=unmeasured(),
        ),
        model_status(
            "detector",
            state="quarantined",
            why="Its runs killed the daemon twice, so it is set aside. Try: mmied run detector --release",
            last_run_id="detector-crash",
            next_run_at=None,
            device="cuda:0",
            scenarios=unmeasured(),
        ),
    )


def gpu(index: int, busy: float) -> GpuSample:
    return GpuSample(
        gpu=str(index),
        uuid=f"GPU-8f2c{index}",
        name="NVIDIA H200",
        driver_version="570.124.06",
        utilization_ratio=busy,
        memory_used_bytes=int(61e9 + 8e9 * busy),
        memory_total_bytes=150_754_820_096,
        power_watts=180 + 400 * busy,
        power_limit_watts=700.0,
        energy_joules_total=8.1e9,
        temperature_celsius=41 + 25 * busy,
        clock_hertz={"sm": 1.98e9, "memory": 3.2e9},
        throttle_active={"power_cap": index == 1, "thermal_sw": False},
        ecc_uncorrected_errors_total=0,
    )


def hardware(at: float, *, gpus: bool = True) -> HardwareSample:
    chance = random.Random(at)
    busy = min(1.0, max(0.02, chance.gauss(0.35, 0.06)))
    passed = at - NOW + DAY
    return HardwareSample(
        at=at,
        cpus=64,
        cpu_utilization_ratio=busy,
        cpu_frequency_hertz=3.25e9,
        load1=21.4,
        memory_total_bytes=540_000_000_000,
        memory_available_bytes=int(310e9 + 6e9 * chance.random()),
        disk_bytes_total={"read": int(4.1e6 * passed), "written": int(9.3e6 * passed)},
        network_bytes_total={"received": int(31e6 * passed), "sent": int(12e6 * passed)},
        pressure_waiting_ratio={"cpu": 0.08 * busy, "memory": 0.0, "io": 0.013},
        pressure_stalled_ratio={"memory": 0.0, "io": 0.006},
        temperature_celsius={"Tctl": 58 + 9 * busy},
        gpus=(gpu(0, busy), gpu(1, 1 - busy)) if gpus else (),
        collectors={
            "cpu": CollectorState(success=True, duration_seconds=0.00042),
            "pressure": CollectorState(success=True, duration_seconds=0.00011),
            "nvml": CollectorState(success=gpus, duration_seconds=0.0031)
            if gpus
            else CollectorState(
                success=False,
                duration_seconds=0.0002,
                message="libnvidia-ml.so.1 is not here. Is the driver installed?",
            ),
        },
    )


def make_status(**more: Any) -> Status:
    return Status(
        **{
            "version": "0.1.0",
            "host": "gpu-07.ams",
            "at": NOW,
            "started_at": NOW - 14 * DAY,
            "config_path": "/etc/mmied/mmied.yaml",
            "config_loaded_at": NOW - 3 * DAY,
            "config_error": None,
            "torch_version": "2.13.0",
            "models": models(),
            "cost": Cost(
                uptime_seconds=14 * DAY,
                daemon_cpu_seconds=2903,
                worker_cpu_seconds=19_420,
                cpu_budget_ratio=0.01,
                cpu_used_ratio=0.0042,
                cpu_tokens_seconds=1210,
                demand_ratio=0.62,
                daemon_memory_bytes=61_300_000,
                worker_peak_bytes=1_210_000_000,
                history_bytes=38_400_000,
                history_limit_bytes=512_000_000,
            ),
            "hardware": hardware(NOW),
            **more,
        }
    )


EVENTS = (
    Event(at=NOW - 4.5 * DAY, kind="model_changed", model="ranker", message="3fa94c1d77e0, before 77c02aa1b0de"),
    Event(at=NOW - 3 * DAY, kind="config_reloaded", model=None, message="interval of ranker 30 min → 1 h"),
    Event(at=NOW - 2 * DAY, kind="runtime_changed", model=None, message="torch 2.12.1 → 2.13.0"),
)

REGRESSION = RecordedChange(
    change_id="20261116T003000-ranker-b8-latency_p50",
    key=SeriesKey("ranker", "b8", "latency_p50"),
    device="cpu",
    worse=True,
    before=0.0185,
    after=0.0213,
    change_ratio=0.151,
    lower=0.139,
    upper=0.163,
    sureness=0.99999,
    started_at=NOW - 4.5 * DAY + 600,
    first_run_id="ranker-0229",
    last_good_at=NOW - 4.5 * DAY - 3000,
    last_good_run_id="ranker-0228",
    confirmed_at=NOW - 4.5 * DAY + 1500,
    confirmed_run_id="ranker-0230",
    cause="model",
    evidence=(
        Evidence(kind="event", text="The model's file changed: 77c02aa1b0de became 3fa94c1d77e0", cause="model"),
        Evidence(kind="reference", text="The reference workloads took 0.3 % less time: the host is not slower"),
    ),
    events=EVENTS[:1],
    explanation=("encoder.layers.2.linear1 took 1.9 ms more of the 2.8 ms",),
    inspection_before="look-1",
    inspection_after="look-2",
)


def runs() -> tuple[Run, ...]:
    ranker = [
        make_run(f"ranker-{335 - hour:04}", "ranker", NOW - 1100 - hour * HOUR, environment=ENVIRONMENT)
        for hour in range(120)
    ]
    ranker[3] = replace(
        ranker[3], outcome="refused", reason="busy_cpu", message="18 % of the time tasks waited for a CPU"
    )
    ranker[7] = replace(ranker[7], outcome="timed_out", reason="timeout", message="still measuring b8 after 120 s")
    ranker[9] = replace(ranker[9], forced=True)
    return (
        *ranker,
        make_run(
            "embedder-fail",
            "embedder",
            NOW - 1100,
            outcome="failed",
            reason="load",
            message="PytorchStreamReader failed reading zip archive: failed finding central directory",
            phase="load",
            log_tail=LOG_TAIL,
            load_seconds=None,
        ),
        make_run("detector-crash", "detector", NOW - 1100, outcome="crashed", reason="killed", orphaned=True),
    )


@dataclass
class FakeStore:
    """A PageStore in memory; `trouble` makes every query raise HistoryError with that message."""

    by_scenario: dict[tuple[str, str], tuple[HistoryPoint, ...]] = field(default_factory=dict)
    runs: tuple[Run, ...] = ()
    ledger: tuple[Event, ...] = ()
    samples: tuple[HardwareSample, ...] = ()
    whole: dict[str, Run] = field(default_factory=dict)
    verdicts: tuple[StandingVerdict, ...] = ()
    all_changes: tuple[RecordedChange, ...] = ()
    trouble: str | None = None
    queries: int = 0

    def _ask(self) -> None:
        self.queries += 1
        if self.trouble is not None:
            raise HistoryError(self.trouble)

    def run(self, run_id: str) -> Run | None:
        self._ask()
        return self.whole.get(run_id) or next((run for run in self.runs if run.run_id == run_id), None)

    def last_runs(
        self, model: str | None = None, *, limit: int = 50, before: float | None = None, kind: str | None = None
    ) -> tuple[Run, ...]:
        self._ask()
        found = [
            run
            for run in self.runs
            if model in (None, run.model) and kind in (None, run.kind) and (before is None or run.started_at < before)
        ]
        return tuple(sorted(found, key=lambda run: -run.started_at)[:limit])

    def scenario_history(
        self, model: str, scenario: str, *, since: float = 0, limit: int = 5000
    ) -> tuple[HistoryPoint, ...]:
        self._ask()
        return tuple(point for point in self.by_scenario.get((model, scenario), ()) if point.at >= since)[-limit:]

    def trials(self, model: str) -> tuple[StandingVerdict, ...]:
        self._ask()
        return tuple(verdict for verdict in self.verdicts if verdict.model == model)

    def change(self, change_id: str) -> RecordedChange | None:
        self._ask()
        return next((change for change in self.all_changes if change.change_id == change_id), None)

    def changes(
        self, *, model: str | None = None, worse: bool | None = None, since: float = 0.0, limit: int = 200
    ) -> tuple[RecordedChange, ...]:
        self._ask()
        found = [
            change
            for change in self.all_changes
            if model in (None, change.key.model) and worse in (None, change.worse) and change.started_at >= since
        ]
        return tuple(sorted(found, key=lambda change: -change.started_at)[:limit])

    def points(
        self, key: SeriesKey, *, since: float = 0.0, before: float | None = None, limit: int = 500
    ) -> tuple[SeriesPoint, ...]:
        """Return the medians of a scenario as points, whatever the metric."""
        self._ask()
        points = [point for point in self.by_scenario.get((key.model, key.scenario), ()) if point.latency is not None]
        return tuple(
            SeriesPoint(
                key=key, run_id=point.run_id, at=point.at, figure=point.latency.quantiles["0.5"], value=0.0,
                fit=point.latency.fit,
            )
            for point in points
            if point.latency is not None and since <= point.at < (before or math.inf)
        )[-limit:]  # fmt: skip

    def events(self, *, model: str | None = None, since: float = 0, limit: int = 200) -> tuple[Event, ...]:
        self._ask()
        found = [
            event for event in self.ledger if event.at >= since and (model is None or event.model in (None, model))
        ]
        return tuple(sorted(found, key=lambda event: -event.at)[:limit])

    def hardware_history(self, *, since: float, limit: int = 2000) -> tuple[HardwareSample, ...]:
        self._ask()
        return tuple(sample for sample in self.samples if sample.at >= since)[-limit:]


MEDIANS = {
    ("ranker", "b1"): 0.0041,
    ("ranker", "b8"): 0.0185,
    ("ranker", "b8-gap100ms"): 0.0212,
    ("embedder", "b1"): 0.0021,
}


@pytest.fixture(scope="session")
def _two_weeks() -> dict[tuple[str, str], tuple[HistoryPoint, ...]]:
    return {key: history(*key, median, 1893 if key[1] == "b1" else 120) for key, median in MEDIANS.items()}


@pytest.fixture(scope="session")
def _measured() -> Run:
    results = (
        result(WORKLOADS[0], 0.0047, 2600),
        result(WORKLOADS[1], 0.0213, 120),
        result(WORKLOADS[2], 0.0244, 80, busy=0.95),
    )
    return make_run("ranker-0335", "ranker", NOW - 1100, environment=ENVIRONMENT, results=results)


@pytest.fixture
def store(_two_weeks: dict[tuple[str, str], tuple[HistoryPoint, ...]], _measured: Run) -> FakeStore:
    return FakeStore(
        by_scenario=dict(_two_weeks),
        all_changes=(REGRESSION,),
        runs=runs(),
        ledger=EVENTS,
        samples=tuple(hardware(NOW - 3600 + 15 * step) for step in range(240) if not 80 <= step < 100),
        whole={_measured.run_id: _measured},
    )


@pytest.fixture
def registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    Counter("mmied_store_writes", "Transactions committed to the history store.", registry=registry).inc(3)
    return registry


@pytest.fixture
def daemon(store: FakeStore, registry: CollectorRegistry, tmp_path: Path) -> SimpleNamespace:
    """What the application asks: replace `status` or `ready` to change the answer."""
    artifacts = Artifacts(tmp_path / "artifacts", retention_seconds=14 * DAY, max_size_bytes=10**9)
    return SimpleNamespace(store=store, registry=registry, artifacts=artifacts, status=make_status(), ready=True)


@pytest.fixture
def app(daemon: SimpleNamespace) -> Any:
    return create_app(
        store=daemon.store,
        artifacts=daemon.artifacts,
        status=lambda: daemon.status,
        expose=lambda *, openmetrics: (openmetrics_of if openmetrics else generate_latest)(daemon.registry),
        ready=lambda: daemon.ready,
    )


@pytest.fixture
def client(app: Any) -> Iterator[TestClient]:
    with TestClient(app, base_url="http://127.0.0.1") as client:
        yield client


@pytest.fixture
def make() -> SimpleNamespace:
    """The builders of records, for tests that need another host."""
    return SimpleNamespace(
        now=NOW,
        workloads=WORKLOADS,
        status=make_status,
        model=model_status,
        unmeasured=unmeasured,
        run=make_run,
        result=result,
        iterations=iterations,
        hardware=hardware,
        latency=latency,
        log_tail=LOG_TAIL,
        regression=REGRESSION,
    )


@pytest.fixture
def looks(daemon: SimpleNamespace, tmp_path: Path) -> list[Run]:
    """Three inspections: the newest slower, the oldest without its files."""
    runs = [
        make_run(f"look-{number}", "ranker", NOW - (4 - number) * HOUR, kind="inspect", results=(), findings=FINDINGS)
        for number in (1, 2, 3)
    ]
    daemon.store.runs = (*daemon.store.runs, *runs)
    daemon.store.whole |= {run.run_id: run for run in runs}
    keep_look(daemon.artifacts, "look-2", tmp_path / "runs" / "look-2", at=200.0)
    keep_look(daemon.artifacts, "look-3", tmp_path / "runs" / "look-3", slower=2.0, at=300.0)
    return runs


@pytest.fixture
def candidates(daemon: SimpleNamespace) -> tuple[StandingVerdict, ...]:
    """A model that was searched: what helps, what does not, what is doubtful, what was not tried and what expired."""
    long_ago = {"revision": "0" * 64}
    found = (
        verdict(labelled(trial("bfloat16", speedup=2.13, at=NOW - HOUR, settings={"dtype": "bfloat16"}))),
        verdict(trial("compile_freezing", speedup=1.34, at=NOW - HOUR, lock_in=("a C++ compiler",))),
        verdict(trial("threads_1", "does_not_help", 0.61, at=NOW - HOUR, setting=True)),
        verdict(trial("channels_last", "cannot_tell", 1.1, at=NOW - 2 * DAY, fit=False)),
        verdict(
            trial(
                "int8", "does_not_help", None, at=NOW - HOUR, outcome="crashed", why="died of SIGSEGV", log_tail="boom"
            )
        ),
        verdict(trial("openvino", "not_tried", None, at=NOW - HOUR, why="needs the package openvino")),
        verdict(trial("onnxruntime", speedup=1.8, at=NOW - 40 * DAY), **long_ago),
    )
    state = OptimizationStatus(
        interval_seconds=DAY,
        budget_seconds=1800.0,
        last_run_id="search-2",
        last_run_at=NOW - HOUR,
        next_run_at=NOW + 5 * HOUR,
        spent_seconds=900.0,
        left=("aot_package",),
        helps={"bfloat16": 2.34, "compile_freezing": 1.47},
        expired={"onnxruntime": "the model's file changed since"},
    )
    ranker, *others = daemon.status.models
    daemon.status = replace(daemon.status, models=(replace(ranker, optimization=state), *others))
    daemon.store.verdicts = found
    part = searched().searched
    daemon.store.runs = (
        *daemon.store.runs,
        make_run("search-1", "ranker", NOW - 2 * HOUR, kind="optimize", results=(), searched=part),
        make_run("search-2", "ranker", NOW - 1.5 * HOUR, kind="optimize", results=(), searched=part),
    )
    return found
