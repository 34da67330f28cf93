"""What a search for optimizations tried, and what it says of each: candidates, trials and their evidence, as data.

A trial is one candidate held against the deployed baseline. Ratios are the baseline's time over the candidate's:
above 1 is faster. A `None` figure was not measured; it is never a zero.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mmied.profiles import Accuracy, PairedRatio
from mmied.records import Environment

Verdict = Literal["helps", "does_not_help", "cannot_tell", "not_tried"]
Route = Literal["eager", "exported", "torchscript"]  # in what form a candidate gets the model
Exactness = Literal["exact", "reduced", "int8", "pruned"]  # how far its outputs may be from the baseline's
OPTIONS_FILE, SEARCH_FILE = "search_options.json", "search.json"  # in the folder of a search, in and out
Phase = Literal["apply", "serve", "pair", "evaluate", "done"]  # where a trial was when it ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One way to serve a model that may be better.

    `function` is the import path of what applies it; `settings` are its keyword arguments, so that one function
    makes several candidates. `needs` are what has to be there: modules to import, "compiler", "bfloat16" (units of
    the processor), "calibration" (data), "fine_tune" (a function of the user's), "dynamic_batch".
    """

    name: str
    summary: str
    function: str
    exactness: Exactness
    routes: tuple[Route, ...]
    devices: tuple[str, ...] = ("cpu", "cuda")
    needs: tuple[str, ...] = ()
    changes_weights: bool = False
    reports_only: bool = False  # shows what it costs in accuracy, and is never said to help
    settings: Mapping[str, float | int | str | bool | None] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)  # variables that its process is started with


@dataclass(frozen=True, slots=True, kw_only=True)
class Fidelity:
    """How far the candidate's outputs are from the baseline's on the same inputs, sample by sample.

    `top1_agreement` counts a sample as agreeing, too, where the baseline's own lead over the runner-up is within the
    error: a near tie says nothing. None for outputs that are no scores. `max_relative_error` is the largest difference
    in an output over the largest value of that output.
    """

    samples: int
    finite: bool
    same_structure: bool
    worst_cosine: float | None = None
    relative_l2: float | None = None
    max_abs: float | None = None
    max_relative_error: float | None = None
    top1_agreement: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingCost:
    """What it takes to serve a model, seen in a fresh process that does nothing else."""

    load_seconds: float | None = None
    first_call_seconds: float | None = None  # with what is compiled then
    peak_bytes: int | None = None  # resident, above the bare runtime
    artifact_bytes: int | None = None
    recompiles: int | None = None  # for batch sizes that it had not met


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """One condition that a candidate has to meet beside being faster, and how it did.

    Not met and not `sure`: it may well be met, and what was measured is too little to say so.
    """

    name: str
    met: bool
    sure: bool = True
    shown: str  # "worst cosine 0.9987, has to be at least 0.999"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One candidate against the baseline: the verdict, why, and all that speaks for it.

    `changed` is the proof that something was changed: modules, nodes, bytes or settings, counted. `break_even_calls`
    are the calls after which what was spent on conversion and compiling is earned back. `fidelity_only` says that
    nobody gave labelled data, so that the task's accuracy is not known.
    """

    candidate: str
    verdict: Verdict
    why: str
    at: float
    seconds: float  # that the trial took
    phase: Phase = "done"
    outcome: str | None = None  # how its process ended, where it did not end well: crashed, timed_out, out_of_memory
    ratios: tuple[PairedRatio, ...] = ()
    fit: bool = True  # false: contention left too little to stand on
    guards: tuple[Guard, ...] = ()
    fidelity: Fidelity | None = None
    accuracy: Accuracy | None = None
    baseline_accuracy: Accuracy | None = None
    accuracy_change: tuple[float, float, float] | None = None  # estimate, lower, upper; paired
    predictions_changed: int | None = None  # labelled samples on which the two differ
    fidelity_only: bool = True
    cost: ServingCost | None = None
    baseline_cost: ServingCost | None = None
    convert_seconds: float | None = None
    changed: Mapping[str, int] = field(default_factory=dict)
    break_even_calls: float | None = None
    lock_in: tuple[str, ...] = ()  # what serving it needs from now on: a compiler, an instruction set, a library
    settings: Mapping[str, float | int | str | bool | None] = field(default_factory=dict)
    setting: bool = False  # the deployed model is served otherwise, and no other is made
    artifact: str | None = None  # folder of what it made
    log_tail: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """The candidates that were tried on one model, most promising first, within a budget.

    `left` are those that the budget did not reach; a later search goes on with them.
    """

    version: Literal[1] = 1
    kind: Literal["search"] = "search"
    mmied_version: str
    model: str
    host: str
    device: str
    format: str
    at: float
    batch_sizes: tuple[int, ...]
    budget_seconds: float
    spent_seconds: float
    minimum_effect_ratio: float
    revision: str | None = None
    environment: Environment | None = None
    trials: tuple[Trial, ...] = ()
    left: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOptions:
    """What a search is told beside its job: what `search_options.json` holds.

    The process ends after the first trial that passes `slice_seconds`, so that others may have the host; a later part
    of the search goes on with what is left. `done` had their turn before; `promise` orders the others.
    """

    version: Literal[1] = 1
    budget_seconds: float  # of the whole search
    slice_seconds: float
    began_at: float  # of the search
    round_at: float  # since when each candidate is to have its turn
    spent_seconds: float = 0.0  # by the parts before this one
    candidates: tuple[str, ...] = ()  # names and import paths; empty: all that are known
    done: tuple[str, ...] = ()
    promise: Mapping[str, float] = field(default_factory=dict)
    minimum_effect_ratio: float = 0.1
    calibration: str | None = None
    fine_tune: str | None = None
    evaluation: str | None = None
    metric: str | None = None
    max_drop: float = 0.005
    memory_bytes: int | None = None  # for each process of the search


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingVerdict:
    """The last trial of a candidate on a deployed model, and what it holds for: this revision, in this environment."""

    model: str
    trial: Trial
    revision: str | None
    environment: Environment | None
    batch_sizes: tuple[int, ...] = ()
    minimum_effect_ratio: float = 0.1
    notes: tuple[str, ...] = ()  # of the search
