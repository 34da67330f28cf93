"""`mmied check`: would the daemon start with this configuration, and the models open?"""

import os
import socket
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

from mmied.commands.progress import Progress
from mmied.commands.run import web_config_of
from mmied.commands.working import working_folder
from mmied.config import Config, load_config
from mmied.daemon.accounts import expected_demand, expected_inspect_demand, search_ratio
from mmied.daemon.funds import overdrawn_notice
from mmied.daemon.jobs import make_job, new_run_id, worker_limits
from mmied.daemon.launch import run_job
from mmied.daemon.watch import missing_files

LARGE_INSPECT_DEMAND = 0.5  # of the budget: what is left does not pay for the profiling that it is there for


def check(config_path: Path, *, load: bool = False) -> int:
    """Read the configuration as the daemon does; with `load`, open each model and call it once.

    Returns 0, or 1 when a model does not open. Raises ConfigError with all mistakes.
    """
    config = load_config(config_path)
    web_config_of(config)
    scenarios = sum(len(model.workloads) for model in config.models)
    print(f"{config.path}: good. Models: {len(config.models)}, scenarios: {scenarios}.")
    for warning in _warnings(config):
        print(f"warning: {warning}")
    return 0 if not load or _load_models(config) else 1


def _warnings(config: Config) -> list[str]:
    found = []
    for model in config.models:
        found += [f"models.{model.name}: {path} is not there" for path in missing_files(model.spec.source)]
    strange = set(config.budget.cpus or ()) - os.sched_getaffinity(0)
    if strange:
        found.append(f"budget.cpus: this host does not let mmied use {', '.join(map(str, sorted(strange)))}")
    demand = expected_demand(config, now=time.time())
    if demand > 1:
        found.append(overdrawn_notice("CPU", demand, "cpu_ratio"))
    inspections = expected_inspect_demand(config, now=time.time())
    if inspections > LARGE_INSPECT_DEMAND:
        found.append(
            f"schedule.inspect: inspections alone ask for {inspections:.1f} times the CPU budget, which profiling "
            "needs too. Inspect less often, or `never`."
        )
    searches = search_ratio(config, now=time.time())
    if searches > config.budget.cpu_ratio:
        found.append(
            f"optimize: searches for optimizations may take {searches:.1%} of the host's CPU time over time, beside "
            f"the {config.budget.cpu_ratio:.1%} of `budget.cpu_ratio`. While one runs it is all of the model's threads."
        )
    for model in config.models:
        if model.optimize is not None:
            data = (model.optimize.calibration, model.optimize.evaluation)
            found += [
                f"models.{model.name}.optimize: {path} is not there"
                for path in data
                if path and not Path(path).exists()
            ]
    return found


def _load_models(config: Config) -> bool:
    """Open each model in a worker and run one batch of its first scenario; return whether all did."""
    good = True
    with working_folder("check") as folder, Progress(total=len(config.models)) as progress:
        for model in config.models:
            run_id = new_run_id(time.time())
            job = replace(
                make_job(model, config, run_id=run_id, last=None), kind="check", workloads=model.workloads[:1]
            )
            progress.begin(model.name, lambda: "opening")
            run = run_job(
                job,
                folder=folder / run_id,
                limits=worker_limits(config),
                host=socket.gethostname(),
                stop=threading.Event(),
                environ=os.environ,
                cache=folder / "cache",
            )
            progress.end(run)
            if run.outcome != "succeeded":
                good = False
                print(run.log_tail, file=sys.stderr)
    return good
