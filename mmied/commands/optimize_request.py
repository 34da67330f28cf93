"""What `mmied optimize` is asked for by its options, and what of that cannot be."""

from dataclasses import dataclass, replace
from pathlib import Path

from mmied.bench.dataset_file import find_dataset
from mmied.bench.trial.order import Data
from mmied.bench.trial.search import SHORTEST_TRIAL_SECONDS
from mmied.candidates import chosen_candidates, known_candidates
from mmied.commands.model_options import parse_time, require_function
from mmied.config.loading import Optimize
from mmied.config.units import format_duration
from mmied.config.values import parse_effect, suggest
from mmied.errors import MmiedError
from mmied.optimization import Candidate
from mmied.verdicts.guards import MAX_ACCURACY_DROP

BUDGET = "10m"
METRICS = ("accuracy", "mse")


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizeRequest:
    """What is to be tried and with what, as the options say it."""

    candidates: tuple[str, ...] = ()
    batch_sizes: tuple[int, ...] = ()
    budget: str | None = None
    minimum_effect: str | None = None
    calibration: Path | None = None
    fine_tune: str | None = None
    evaluation: Path | None = None
    metric: str | None = None
    max_drop: float | None = None
    resume: bool = False
    apply: str | None = None
    output: Path | None = None


def as_configured(request: OptimizeRequest, own: Optimize) -> OptimizeRequest:
    """Return the request with what the configuration says of the model's searches, where no option says else."""
    labelled = request.evaluation is not None
    drop = own.max_drop if own.evaluation is not None and not labelled else None
    return replace(
        request,
        candidates=request.candidates or (() if request.apply is not None else own.candidates),
        budget=request.budget or f"{own.budget_seconds:g}s",
        minimum_effect=request.minimum_effect or f"{own.minimum_effect_ratio:.9f}",
        calibration=request.calibration or (Path(own.calibration) if own.calibration is not None else None),
        fine_tune=request.fine_tune or own.fine_tune,
        evaluation=request.evaluation or (Path(own.evaluation) if own.evaluation is not None else None),
        metric=request.metric or (None if labelled else own.metric),
        max_drop=drop if request.max_drop is None else request.max_drop,
    )


def candidates_of(request: OptimizeRequest) -> tuple[Candidate, ...]:
    """Return what is to be tried; that which is to be applied is among it. Raises MmiedError for an unknown name."""
    if (request.apply is None) != (request.output is None):
        raise MmiedError("--apply and --output belong together: which candidate to make, and the new folder for it.")
    known = known_candidates()
    names = list(dict.fromkeys(request.candidates))
    if request.apply is not None and request.apply not in names:
        # Alone where nothing else was asked for: somebody who has chosen does not wait for the rest.
        names.append(request.apply)
    for name in names:
        option = "--apply" if name == request.apply and name not in request.candidates else "--candidates"
        if ":" in name:
            require_function(name, option)
        elif name not in {each.name for each in known}:
            hint = suggest(name, [each.name for each in known])
            raise MmiedError(f'{option}: "{name}" is no candidate. {hint} Or package.module:function of your own.')
    return chosen_candidates(names, known) if names else known


def budget_of(text: str) -> float:
    """Return the seconds of the search. Raises MmiedError for too few to try anything in."""
    seconds = parse_time(text, "--budget")
    assert seconds is not None
    if seconds < SHORTEST_TRIAL_SECONDS:
        raise MmiedError(
            f"--budget: {text} is too little: a single candidate takes {format_duration(SHORTEST_TRIAL_SECONDS)}, and "
            "most take more. Try 10m."
        )
    return seconds


def effect_of(text: str) -> float:
    """Return the least worthwhile gain as a ratio. Raises MmiedError for what is none."""
    try:
        return parse_effect(float(text) if text.replace(".", "", 1).isdigit() else text)
    except ValueError as error:
        raise MmiedError(f"--minimum-effect: {text} {error}") from error


def data_of(request: OptimizeRequest) -> Data:
    """Return what there is beside the model. Raises MmiedError for a file or a function that is not there."""
    if request.evaluation is None and (request.metric is not None or request.max_drop is not None):
        raise MmiedError("--metric and --max-drop: are about labelled samples. Give them with --evaluation.")
    if request.metric is not None and request.metric not in METRICS:
        if ":" not in request.metric:
            raise MmiedError(
                f'--metric: "{request.metric}" is no metric. {suggest(request.metric, METRICS)} Or '
                "package.module:function of outputs and labels."
            )
        require_function(request.metric, "--metric")
    if request.max_drop is not None and not 0 <= request.max_drop < float("inf"):
        raise MmiedError(f"--max-drop: {request.max_drop:g} is no drop. Try 0.005.")
    if request.fine_tune is not None:
        require_function(request.fine_tune, "--fine-tune")
    return Data(
        calibration=_file(request.calibration, "--calibration"),
        fine_tune=request.fine_tune,
        evaluation=_file(request.evaluation, "--evaluation"),
        metric=request.metric,
        max_drop=MAX_ACCURACY_DROP if request.max_drop is None else request.max_drop,
    )


def _file(path: Path | None, option: str) -> str | None:
    return None if path is None else str(find_dataset(path, option=option))
