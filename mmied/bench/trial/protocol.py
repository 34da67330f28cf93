"""The words between a trial and the processes that serve its models: a JSON line each way."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mmied.errors import MmiedError
from mmied.optimization import Candidate, Fidelity
from mmied.profiles import Accuracy
from mmied.records import Environment, ModelSpec
from mmied.verdicts.guards import MAX_ACCURACY_DROP

JOB_FILE, LOG_FILE = "serve.json", "log.txt"


class NotApplicable(MmiedError):
    """A candidate does not fit this model or this host: a sentence that says why."""


Failure = Literal["failed", "not_applicable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeJob:
    """What to serve: the deployed model, with a candidate applied to it, or the folder that an earlier one saved.

    With an `artifact` the deployed model is not opened, as a server would not; its inputs then come from `inputs`.
    """

    model: ModelSpec
    batch_sizes: tuple[int, ...]
    wait_policy: str | None = None  # OMP_WAIT_POLICY of the deployment, which a candidate's process may not have
    candidate: Candidate | None = None
    artifact: str | None = None
    inputs: str | None = None  # the file that a command `inputs` wrote
    calibration: str | None = None  # a .npz or .safetensors of real inputs
    fine_tune: str | None = None  # import path
    evaluation: str | None = None  # a .npz or .safetensors of labelled samples
    metric: str | None = None  # accuracy, mse or an import path; None: by the labels
    max_drop: float = MAX_ACCURACY_DROP


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One thing to do.

    open: load the model, apply the candidate, call it with each batch size. block: time `calls` calls. inputs: write
    those of each batch size, and of all `calls` batches together, into `file`. outputs: write those of `calls`
    batches into `file`. compare: hold those of `calls` batches against `file`. evaluate: hold the predictions of all
    labelled samples against their labels, write each sample's score into `file`, and hold them against those of
    `against` where that is given. save: write the model into the folder `file`. memory: tell the process's own.
    """

    do: Literal["open", "block", "inputs", "outputs", "compare", "evaluate", "save", "memory"]
    batch_size: int = 1
    calls: int = 1
    file: str = ""
    against: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came of a command; `failure` set: nothing did, and `message` says why."""

    failure: Failure | None = None
    reason: str | None = None  # one of catalog.FAILURE_REASONS
    message: str = ""
    # of open
    load_seconds: float | None = None
    apply_seconds: float | None = None
    first_call_seconds: Mapping[int, float] = field(default_factory=dict)
    call_seconds: Mapping[int, float] = field(default_factory=dict)
    refused: Mapping[int, str] = field(default_factory=dict)  # batch sizes that the model does not take
    changed: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    lock_in: tuple[str, ...] = ()
    revision: str | None = None
    artifact_bytes: int | None = None
    threads: int | None = None
    setting: bool = False  # the deployed model itself is called: there is nothing to save
    environment: Environment | None = None  # of the deployed model's process
    modules: Mapping[str, int] = field(default_factory=dict)  # of the deployed model, by class
    # of block: one entry a call
    wall_seconds: tuple[float, ...] = ()
    wait_seconds: tuple[float, ...] = ()
    wait_total_seconds: tuple[float, ...] = ()
    device_seconds: tuple[float, ...] = ()
    disturbed: bool = False
    # of compare
    fidelity: Fidelity | None = None
    # of evaluate
    accuracy: Accuracy | None = None
    accuracy_change: tuple[float, float, float] | None = None  # estimate, lower, upper: own score less the other's
    predictions_changed: int | None = None  # samples
    # of memory: above the bare runtime
    resident_bytes: int | None = None
    peak_bytes: int | None = None
    recompiles: int | None = None
