"""What a command or the daemon asks of the workers that search for optimizations and apply them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mmied.optimization import Candidate, Search, Trial
from mmied.records import Environment
from mmied.verdicts.guards import MAX_ACCURACY_DROP
from mmied.verdicts.paired import MINIMUM_EFFECT_RATIO

SEARCH_FILE = "search.json"  # a Search, in the job's folder
APPLIED_FILE = "applied.json"  # an AppliedResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """What the user has beside the model: files of samples, and functions by their import paths."""

    calibration: str | None = None  # a .npz or .safetensors of real inputs
    fine_tune: str | None = None
    evaluation: str | None = None  # a .npz or .safetensors of labelled samples
    metric: str | None = None  # accuracy, mse or an import path; None: by the labels
    max_drop: float = MAX_ACCURACY_DROP


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOrder:
    """Which candidates to try on the job's model, and for how long.

    `done` are the trials of an earlier search that this one goes on with, of the model with the files `revision`, in
    `environment`.
    `kept` is where what is known is written after each trial, besides the job's folder, which may go.
    """

    candidates: tuple[Candidate, ...]
    budget_seconds: float
    minimum_effect_ratio: float = MINIMUM_EFFECT_RATIO
    trial_seconds: float | None = None  # for one candidate at most; None: as search.TRIAL_SECONDS says
    slice_seconds: float | None = None  # no trial begins after so long, though the budget bears more
    memory_bytes: int | None = None  # for each process of the search
    promise: Mapping[str, float] = field(default_factory=dict)  # speed-ups that are expected, by name
    data: Data = Data()
    done: tuple[Trial, ...] = ()
    spent_seconds: float = 0.0  # on them
    revision: str | None = None
    environment: Environment | None = None
    kept: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyOrder:
    """Make a candidate of the job's model, and write it into the new folder `output` with what speaks for it."""

    candidate: Candidate
    output: str
    evidence: Search
    data: Data = Data()
    memory_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedResult:
    """What was written. `form` says what a server has to do with it.

    model: load it. start: make it anew at each start, as the script does. setting: serve the deployed model otherwise.
    """

    form: str
    files: tuple[str, ...]
    changed: Mapping[str, int]
    notes: tuple[str, ...] = ()
