"""`mmied optimize`: try what may make a model faster, tell what helps and what it costs, and write what is chosen."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mmied.bench.dataset_file import find_dataset
from mmied.bench.orders import give_order
from mmied.bench.trial.baseline import APPLY_SECONDS
from mmied.bench.trial.order import APPLIED_FILE, SEARCH_FILE, AppliedResult, ApplyOrder, Data, SearchOrder
from mmied.bench.trial.search import SHORTEST_TRIAL_SECONDS
from mmied.candidates import chosen_candidates, known_candidates
from mmied.codec import from_json
from mmied.commands.model_options import ChosenModel, parse_time, require_function
from mmied.commands.progress import Progress
from mmied.commands.reporting import append_summary, file_stem, parse_formats, write_files
from mmied.commands.table import format_table
from mmied.commands.working import (
    require_inputs,
    require_success,
    require_writable,
    run_worker,
    sentence_of,
    working_folder,
)
from mmied.config.loading import Optimize
from mmied.config.units import format_duration
from mmied.config.values import parse_effect, suggest
from mmied.errors import EXIT_FAILURE, MmiedError
from mmied.optimization import Candidate, Search, Trial
from mmied.records import Run, Workload
from mmied.reports.documents import read_search
from mmied.reports.figures import Cell
from mmied.reports.search_markdown import search_markdown
from mmied.reports.search_rows import counted, not_tried, summarize_search
from mmied.reports.writing import SUFFIXES, render_search
from mmied.verdicts.guards import MAX_ACCURACY_DROP
from mmied.verdicts.paired import MINIMUM_EFFECT_RATIO

BUDGET = "10m"
BATCH_SIZES = (1, 8)  # where the configuration does not say
PROCESSES = 4  # of a search at once: two that serve the deployed model, one the candidate, one that leads
GRACE_SECONDS = 3 * APPLY_SECONDS  # beyond the budget: the deployed model's start, and the end of the last trial
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


def list_candidates() -> str:
    """Return the table of candidates. Raises MmiedError where an installed package brings a bad one."""
    rows = [
        (
            each.name,
            each.exactness,
            ", ".join(each.devices),
            ", ".join(each.routes),
            ", ".join(each.needs) or "nothing",
            each.summary,
        )
        for each in known_candidates()
    ]
    return format_table(("candidate", "kind", "devices", "models", "needs", "what it is"), rows)


def optimize(model: ChosenModel, request: OptimizeRequest, *, output_dir: Path, formats: Sequence[str]) -> int:
    """Search in a worker, write the reports into `output_dir`, print the verdicts, and apply what was chosen.

    Returns 1 where nothing could be tried, the search was cut short, or what was to be applied was not. Raises
    MmiedError for what can be known before the worker starts, and where the deployed model cannot be served.
    """
    if model.optimize is not None:
        request = _as_configured(request, model.optimize)
    candidates = _candidates(request)
    applied = next((each for each in candidates if request.apply in (each.name, each.function)), None)
    budget_seconds = _budget(request.budget or BUDGET)
    effect = MINIMUM_EFFECT_RATIO if request.minimum_effect is None else _effect(request.minimum_effect)
    data = _data(request)
    wanted = parse_formats(formats, "--format")
    if request.output is not None and (request.output.exists() or request.output.is_symlink()):
        raise MmiedError(f"--output: {request.output} exists already. Give a new folder: nothing is written over.")
    require_inputs(model.spec)
    require_writable(output_dir, "--output-dir")
    if request.output is not None:
        require_writable(request.output.absolute().parent, "--output")
    workloads = _workloads(model, request)
    place = output_dir.absolute() / f"{file_stem(model.spec.name)}_search.json"
    kept = place.with_name(f"{place.name}.part")
    order = SearchOrder(
        candidates=candidates,
        budget_seconds=budget_seconds,
        minimum_effect_ratio=effect,
        memory_bytes=model.limits.memory_bytes,
        data=data,
        kept=str(kept),
    )
    if request.resume:
        order = _continued(order, _earlier(place, kept, model), workloads, model)
    try:
        run, found = _search(model, order, workloads, kept)
    except KeyboardInterrupt:
        if kept.exists():
            print(f"mmied: what was tried is kept: go on with --resume --output-dir {output_dir}", file=sys.stderr)
        raise
    written = write_files(
        {f"{place.stem}{SUFFIXES[each]}": render_search(found, each) for each in wanted}, output_dir, "--output-dir"
    )
    if run.outcome == "succeeded" and ("json" in wanted or not found.left):
        kept.unlink(missing_ok=True)
    for line in _lines(found):
        print(line)
    for path in written:
        print(path)
    append_summary(search_markdown(found))
    if run.outcome != "succeeded":
        print(f"mmied: {model.spec.name}: {sentence_of(run)}. Go on with --resume.", file=sys.stderr)
        return EXIT_FAILURE
    if applied is not None:
        assert request.output is not None
        return _apply(model, applied, found, data, workloads, request.output)
    if not any(trial.seconds for trial in found.trials):
        print(f"mmied: {model.spec.name}: nothing could be tried: see the reasons above.", file=sys.stderr)
        return EXIT_FAILURE
    return 0


# What the options say


def _as_configured(request: OptimizeRequest, own: Optimize) -> OptimizeRequest:
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


def _candidates(request: OptimizeRequest) -> tuple[Candidate, ...]:
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


def _budget(text: str) -> float:
    seconds = parse_time(text, "--budget")
    assert seconds is not None
    if seconds < SHORTEST_TRIAL_SECONDS:
        raise MmiedError(
            f"--budget: {text} is too little: a single candidate takes {format_duration(SHORTEST_TRIAL_SECONDS)}, and "
            "most take more. Try 10m."
        )
    return seconds


def _effect(text: str) -> float:
    try:
        return parse_effect(float(text) if text.replace(".", "", 1).isdigit() else text)
    except ValueError as error:
        raise MmiedError(f"--minimum-effect: {text} {error}") from error


def _data(request: OptimizeRequest) -> Data:
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


def _workloads(model: ChosenModel, request: OptimizeRequest) -> tuple[Workload, ...]:
    sizes = request.batch_sizes or tuple(each.batch_size for each in model.workloads) or BATCH_SIZES
    return tuple(Workload(scenario=f"b{size}", batch_size=size) for size in sorted(set(sizes)))


# A search that was begun before


def _earlier(place: Path, kept: Path, model: ChosenModel) -> Search:
    for path in (kept, place):
        try:
            return read_search(path.read_bytes(), f"--resume: {path}")
        except FileNotFoundError:
            continue
        except OSError as error:
            raise MmiedError(f"--resume: {path} cannot be read: {error.strerror}.") from error
    raise MmiedError(
        f"--resume: {place.parent} has no search of {model.spec.name} to go on with. Leave it out to begin one."
    )


def _continued(order: SearchOrder, earlier: Search, workloads: Sequence[Workload], model: ChosenModel) -> SearchOrder:
    """Return the order that goes on with an earlier search. Raises MmiedError where its verdicts are of another one."""
    sizes = tuple(workload.batch_size for workload in workloads)
    for what, then, now in (
        ("batch sizes", earlier.batch_sizes, sizes),
        ("device", earlier.device, model.spec.device),
        ("minimum effect", earlier.minimum_effect_ratio, order.minimum_effect_ratio),
    ):
        if then != now:
            raise MmiedError(
                f"--resume: the search had the {what} {_told(then)}, and this one has {_told(now)}: its verdicts do "
                "not hold here. Give the same, or leave --resume out."
            )
    done = tuple(trial for trial in earlier.trials if not _anew(trial))
    return replace(
        order,
        done=done,
        spent_seconds=earlier.spent_seconds,
        revision=earlier.revision,
        environment=earlier.environment,
    )


def _anew(trial: Trial) -> bool:
    """Tell whether a trial is to be done again: what it wanted, a library or time, may be there now."""
    if trial.verdict == "not_tried":
        return not trial.seconds
    return trial.verdict == "cannot_tell" and trial.outcome == "timed_out"


def _told(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


# What is run


def _search(model: ChosenModel, order: SearchOrder, workloads: Sequence[Workload], kept: Path) -> tuple[Run, Search]:
    memory = model.limits.memory_bytes
    limits = replace(
        model.limits,
        timeout_seconds=order.budget_seconds + GRACE_SECONDS,
        memory_bytes=None if memory is None else PROCESSES * memory,
    )
    with working_folder("optimize") as folder, Progress(total=1) as progress:
        give_order(order, folder)
        run = run_worker(
            model.spec,
            workloads,
            folder,
            worker=("mmied.bench.trial.search_worker",),
            limits=limits,
            progress=progress,
        )
        if run.outcome == "succeeded":
            return run, from_json(Search, (folder / SEARCH_FILE).read_bytes())
        part = folder / f"{SEARCH_FILE}.part"
        found = from_json(Search, part.read_bytes()) if part.exists() else None
        if found is None or not any(trial.seconds for trial in found.trials):
            kept.unlink(missing_ok=True)
            require_success(run)
        assert found is not None
        sys.stderr.write(run.log_tail)
        return run, replace(found, notes=(*found.notes, f"The search was cut short: {sentence_of(run)}"))


def _apply(
    model: ChosenModel,
    candidate: Candidate,
    found: Search,
    data: Data,
    workloads: Sequence[Workload],
    output: Path,
) -> int:
    """Make the candidate and write it, unless what was measured forbids it; return the exit status."""
    trial = next((each for each in found.trials if each.candidate == candidate.name), None)
    refusal = _refusal(trial)
    if refusal is not None:
        print(f"mmied: {candidate.name} was not applied: {refusal}", file=sys.stderr)
        return EXIT_FAILURE
    with working_folder("apply") as folder, Progress(total=1) as progress:
        order = ApplyOrder(
            candidate=candidate,
            output=str(output.absolute()),
            evidence=found,
            data=data,
            memory_bytes=model.limits.memory_bytes,
        )
        give_order(order, folder)
        run = run_worker(
            model.spec,
            workloads,
            folder,
            worker=("mmied.bench.trial.apply_worker",),
            limits=replace(model.limits, timeout_seconds=GRACE_SECONDS),
            progress=progress,
            name=candidate.name,
        )
        require_success(run)
        result = from_json(AppliedResult, (folder / APPLIED_FILE).read_bytes())
    for line in _applied_lines(result, candidate, trial, output):
        print(line)
    return 0


def _refusal(trial: Trial | None) -> str | None:
    """Return why a candidate is not to be applied: it was not tried, did not work, or gives other answers.

    One that is only not faster may be wanted for its memory or its size: it is written, and the verdict said.
    """
    if trial is None:
        return "the budget did not reach it. Give more with --budget."
    broken = [guard.shown for guard in trial.guards if not guard.met and guard.sure]
    if trial.verdict == "not_tried" or trial.outcome is not None or not trial.ratios:
        return trial.why
    return "; ".join(broken) or None


def _applied_lines(result: AppliedResult, candidate: Candidate, trial: Trial | None, output: Path) -> list[str]:
    said = {
        "model": f"{output}: {candidate.name}, to be loaded with mmied.load_optimized",
        "start": f"{output}: a script that makes {candidate.name}; it has no file, and is made at each start",
        "setting": f"{output}: a script with the settings of {candidate.name}; nothing of the model changes",
    }
    lines = [said[result.form], *(f"note: {note}" for note in result.notes)]
    if trial is not None and trial.verdict != "helps":
        lines.append(f"note: it was not found to help: {trial.why}")
    return [*lines, *(str(output / name) for name in result.files)]


def _lines(found: Search) -> list[str]:
    summary = summarize_search(found)
    rows = [(row.trial.candidate, row.said, *map(_cell, row.cells)) for row in summary.rows]
    lines = [format_table(("candidate", "verdict", *summary.head), rows)] if rows else []
    lines += [f"{row.trial.candidate}: {row.trial.why}" for row in summary.rows]
    lines += [f"not tried: {' '.join(names)}: {why}" for why, names in not_tried(found).items()]
    return [*lines, counted(found), *(f"note: {note}" for note in found.notes)]


def _cell(cell: Cell) -> str:
    return f"{cell.text} {cell.note}".strip()
