"""Run the worker that profiles a model, and read what it left."""

from collections.abc import Sequence
from pathlib import Path

from mmied.bench.orders import PROFILE_FILE, ProfileOrder, give_order
from mmied.commands.model_options import ChosenModel
from mmied.commands.progress import Progress
from mmied.commands.working import run_worker
from mmied.profiles import Profile
from mmied.records import Run, Workload
from mmied.reports.documents import read_profile


def run_profile(
    model: ChosenModel,
    workloads: Sequence[Workload],
    order: ProfileOrder,
    folder: Path,
    progress: Progress,
    *,
    seconds: float,
) -> Run:
    """Profile a model in a process of its own, for `seconds` a workload, and return what came of it."""
    give_order(order, folder)
    return run_worker(
        model.spec,
        workloads,
        folder,
        worker=("mmied.bench.profile_worker",),
        limits=model.limits,
        progress=progress,
        seconds=seconds,
    )


def profile_in(folder: Path, name: str) -> Profile:
    """Return the profile that a worker that succeeded has written."""
    return read_profile((folder / PROFILE_FILE).read_bytes(), name)
