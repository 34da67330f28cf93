"""Make a host of many small models with days of runs behind them, so that a daemon has something to remember."""

import random
import socket
import subprocess
import sys
import time
from pathlib import Path

from mmied.config import Config, Model, load_config
from mmied.history.store import Store
from mmied.identity import file_identity
from mmied.records import Environment, Iterations, Memory, Run, Workload, WorkloadResult
from mmied.stats import summarize
from mmied.trust import digest_file

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


def make_fleet(folder: Path, *, models: int, runs: int, port: int) -> Path:
    """Write model files, configuration and a history of `runs` for each model; return the configuration's path.

    The last runs ended a minute ago and the schedule is a day: nothing is due, and everything is known.
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
    config_path = folder / "mmied.yaml"
    config_path.write_text(text)
    _write_history(load_config(config_path), runs)
    return config_path


def _write_history(config: Config, runs: int) -> None:
    config.state.mkdir()
    store = Store.open(config.state / "history.sqlite", host=socket.gethostname())
    chance = random.Random(0)
    last_end = time.time() - 60
    for number in range(runs):
        ended_at = last_end - (runs - 1 - number) * RUN_INTERVAL_SECONDS
        for model in config.models:
            store.record(_make_run(model, f"{model.name}-{number:04d}", ended_at, chance))
    store.close()


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
