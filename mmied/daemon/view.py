"""What the daemon knows at one moment: the exporter, the status and the pages read it, and nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mmied.codec import from_json
from mmied.config import Config, Cron, Every
from mmied.daemon import schedule
from mmied.daemon.funds import Funds, overdrawn_notice
from mmied.daemon.hardware import NO_GPU
from mmied.daemon.notifications import Notifications
from mmied.daemon.outlook import Outlook
from mmied.daemon.planner import Wait
from mmied.daemon.standing import Standing
from mmied.daemon.tally import Tally
from mmied.errors import MmiedError
from mmied.history.store import Store
from mmied.optimization import StandingVerdict
from mmied.records import HardwareSample, Run
from mmied.regression import SeriesKey, SeriesStanding


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the daemon means to do with a model next. `why` says what it waits for, where that is not just time."""

    next_run_at: float | None
    interval_seconds: float
    phase: str | None = None  # of the run under way
    why: str | None = None
    inspection: "Plan | None" = None  # None: never
    search: "Plan | None" = None  # for optimizations; None: never


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A moment of the daemon; times are Unix timestamps. The tally and the history go on changing."""

    at: float
    started_at: float
    host: str
    config: Config
    config_loaded_at: float
    config_error: str | None
    torch_version: str | None
    standings: Mapping[str, Standing]
    plans: Mapping[str, Plan]
    tally: Tally
    log_messages: Mapping[str, int]
    cpu: Funds
    gpu: Funds | None
    daemon_cpu_seconds: float
    daemon_memory_bytes: int | None
    worker_peak_bytes: int | None
    lag_seconds: float | None
    hardware: HardwareSample | None
    history: Store
    notices: tuple[str, ...]
    verdicts: Mapping[str, Sequence[StandingVerdict]] = field(default_factory=dict)  # on candidates, by model
    outlooks: Mapping[str, Outlook] = field(default_factory=dict)  # by model
    notifications: Notifications = field(default_factory=Notifications)
    series: Mapping[SeriesKey, SeriesStanding] = field(default_factory=dict)  # that are judged


def make_plan(
    due: Every | Cron, *, now: float, next_run_at: float | None, wait: Wait | None, folder: Path | None
) -> Plan:
    """Return the plan for one kind of job of a model; `folder` is that of its run under way."""
    return Plan(
        next_run_at=next_run_at,
        interval_seconds=schedule.interval_seconds(due, now),
        phase=_phase(folder) if folder is not None else None,
        why=wait.why if wait is not None else None,
    )


def _phase(folder: Path) -> str:
    try:
        return from_json(Run, (folder / "run.json.part").read_bytes()).phase or "start"
    except (OSError, MmiedError):
        return "start"


def notices_of(
    config: tuple[str, ...],
    hardware: tuple[str, ...],
    history: str | None,
    unrecorded: int,
    cpu: Funds,
    gpu: Funds | None,
) -> tuple[str, ...]:
    """Return the sentences that an operator should know. That there is no GPU is one where a model is to use it."""
    notices = [*config, *(notice for notice in hardware if notice != NO_GPU or gpu is not None)]
    if history is not None:
        notices.append(history)
    if unrecorded:
        notices.append(f"{unrecorded} runs wait for a history that can be written")
    if cpu.demand_ratio > 1:
        notices.append(overdrawn_notice("CPU", cpu.demand_ratio, "cpu_ratio"))
    if gpu is not None and gpu.demand_ratio > 1:
        notices.append(overdrawn_notice("GPU", gpu.demand_ratio, "gpu_ratio"))
    return tuple(notices)
