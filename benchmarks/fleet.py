"""Make a host of many small models with days of runs behind them, so that a daemon has something to remember."""

import math
import random
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from mmied.config import Config, Model, load_config
from mmied.history.store import Store
from mmied.identity import file_identity
from mmied.records import Environment, Iterations, Memory, Run, Workload, WorkloadResult
from mmied.regression import RecordedChange, SeriesPoint
from mmied.stats import summarize
from mmied.trust import digest_file
from mmied.verdicts.run_points import points_of

BATCH_SIZES = (1, 8, 32)
SAMPLES = 480  # what a scenario of a small model takes
RUN_INTERVAL_SECONDS = 86_400.0  # as the schedule has it: more would have overdrawn the budget
RUN_SECONDS = 8.0
RUN_CPU_SECONDS = 7.0

WRITE_MODEL = """\
import sys, torch
torch.jit.trace(torch.nn.Linear(64, 64).eval(), torch.zeros(2, 64)).save(sys.argv[1])
"""
# The large budget is for the one run that a benchmark may ask for: it shall come at once. It costs nothing else.
HEAD = """\
state: {state}
http: {{listen: "127.0.0.1:{port}"}}
schedule: {{profile: 24h, inspect: never}}
budget: {{scenario_time: 1s, cpu_ratio: 0.5}}
admission: {{force_after: 1}}
hardware: {{interval: 5s}}
models:
"""
MODEL = """\
  - name: ranker-{number:02d}
    source: {{torchscript: {path}, trust: "{digest}"}}
    inputs: [{{shape: [batch, 64]}}]
    batch_sizes: [{batch_sizes}]
"""


# With these, and a history that was judged, nearly every family of metrics has series.
OBJECTIVES = (
    "    objectives: {latency_p50: 100ms, latency_p95: 1s, throughput: 10/s, peak_memory: 1GB, load_time: 10s}\n"
)
JUDGED_RUNS = 40
REGRESSED_EVERY = 5  # models
SLOW_RUNS = 6
SLOWER = 1.3


def make_fleet(folder: Path, *, models: int, runs: int, port: int, judged: bool = False) -> Path:
    """Write model files, configuration and a history of `runs` for each model; return the configuration's path.

    The last runs ended a minute ago and the schedule is a day: nothing is due, and everything is known. Where it is
    `judged`, the models have objectives and series that go further back, and of some the last runs are slower.
    """
    folder.mkdir(mode=0o700)
    first = folder / "ranker-00.pt"
    subprocess.run([sys.executable, "-c", WRITE_MODEL, str(first)], check=True, capture_output=True)
    text = HEAD.format(state=folder / "state", port=port)
    for number in range(models):
        path = folder / f"ranker-{number:02d}.pt"
        if path != first:
            path.write_bytes(first.read_bytes())
        sizes = ", ".join(map(str, BATCH_SIZES))
        text += MODEL.format(number=number, path=path, digest=digest_file(path), batch_sizes=sizes)
        text += OBJECTIVES if judged else ""
    config_path = folder / "mmied.yaml"
    config_path.write_text(text)
    _write_history(load_config(config_path), runs, judged)
    return config_path


def _write_history(config: Config, runs: int, judged: bool) -> None:
    config.state.mkdir()
    store = Store.open(config.state / "history.sqlite", host=socket.gethostname())
    chance = random.Random(0)
    last_end = time.time() - 60
    for number in range(runs):
        ended_at = last_end - (runs - 1 - number) * RUN_INTERVAL_SECONDS
        for model in config.models:
            store.record(_make_run(model, f"{model.name}-{number:04d}", ended_at, chance))
    for number, model in enumerate(config.models if judged else ()):
        _write_points(store, model, last_end, chance, slower=number % REGRESSED_EVERY == 0)
    store.close()


def _write_points(store: Store, model: Model, last_end: float, chance: random.Random, *, slower: bool) -> None:
    """Write the points of JUDGED_RUNS runs; where the model is `slower`, a regression that began with the newest."""
    run = _make_run(model, f"{model.name}-judged", last_end, chance)
    bare = replace(run, results=(), digests={}, log_tail="")
    known = points_of(run)
    for number in range(JUDGED_RUNS):
        at = last_end - (JUDGED_RUNS - 1 - number) * 900.0
        again = replace(bare, run_id=f"{run.run_id}-{number:02d}", started_at=at - RUN_SECONDS, ended_at=at)
        factors = {point.key: chance.lognormvariate(0, 0.01) for point in known}
        for key in factors:
            if slower and number >= JUDGED_RUNS - SLOW_RUNS and key.metric.startswith("latency"):
                factors[key] *= SLOWER
        store.record(again, points=[_scaled(point, again, factors[point.key]) for point in known])
    if slower:
        first = last_end - (SLOW_RUNS - 1) * 900.0 - RUN_SECONDS
        for point in known:
            if point.key.metric.startswith("latency"):
                store.keep_change(_make_change(point, first, f"{run.run_id}-{JUDGED_RUNS - SLOW_RUNS:02d}"))


def _scaled(point: SeriesPoint, run: Run, factor: float) -> SeriesPoint:
    value = point.value + math.log(factor) if point.log else point.value
    return replace(point, figure=point.figure * factor, value=value, run_id=run.run_id, at=run.started_at)


def _make_change(point: SeriesPoint, first: float, run_id: str) -> RecordedChange:
    key = point.key
    return RecordedChange(
        change_id=f"{key.model}-{key.scenario}-{key.metric}",
        key=key,
        device="cpu",
        worse=True,
        before=point.figure,
        after=point.figure * SLOWER,
        change_ratio=SLOWER - 1,
        lower=SLOWER - 1.02,
        upper=SLOWER - 0.98,
        sureness=0.9999,
        started_at=first,
        first_run_id=run_id,
        last_good_at=first - 900.0,
        last_good_run_id=None,
        confirmed_at=first + 900.0,
        confirmed_run_id=run_id,
        cause="model",
    )


def _make_run(model: Model, run_id: str, ended_at: float, chance: random.Random) -> Run:
    path = Path(str(model.spec.source.path))
    digest = str(model.spec.source.trust).removeprefix("sha256:")
    return Run(
        run_id=run_id,
        host=socket.gethostname(),
        model=model.name,
        kind="profile",
        device="cpu",
        started_at=ended_at - RUN_SECONDS,
        ended_at=ended_at,
        outcome="succeeded",
        revision=digest,
        artifact_bytes=path.stat().st_size,
        format="torchscript",
        dtype="float32",
        parameters=4160,
        threads=2,
        load_seconds=0.05,
        import_seconds=1.5,
        cpu_seconds=RUN_CPU_SECONDS,
        worker_peak_bytes=300_000_000,
        environment=Environment(
            fingerprint=model.name,
            stable={f"fact_{number}": "a version or a flag" for number in range(25)},
            momentary={"load1": 0.3},
        ),
        results=tuple(_make_result(workload, chance) for workload in model.workloads),
        digests={file_identity(path.stat()): digest},
        phase="done",
        log_tail="a line that a library printed\n" * 5,
    )


def _make_result(workload: Workload, chance: random.Random) -> WorkloadResult:
    iterations = _make_iterations(0.002 * workload.batch_size, SAMPLES, chance)
    latency = summarize(iterations)
    return WorkloadResult(
        workload=workload,
        outcome="succeeded",
        first_call_seconds=0.01,
        cold=workload.batch_size == BATCH_SIZES[0],
        warmup_seconds=0.1,
        warmup_iterations=40,
        settled=True,
        measure_seconds=1.2,
        throughput_samples_per_second=workload.batch_size / latency.mean_seconds,
        latency=latency,
        iterations=iterations,
        references={name: _make_iterations(0.001, 20, chance) for name in ("compute", "memory", "interpreter")},
        reference_seconds={"compute": 0.001, "memory": 0.006, "interpreter": 0.0008},
        memory=(Memory(space="host", peak_bytes=40_000_000, average_bytes=30_000_000, activation_bytes=5_000_000),),
    )


def _make_iterations(median_seconds: float, count: int, chance: random.Random) -> Iterations:
    walls = tuple(round(median_seconds * chance.lognormvariate(0, 0.05), 9) for _ in range(count))
    return Iterations(wall_seconds=walls, wait_seconds=(0.0,) * count, wait_total_seconds=(0.0,) * count)
