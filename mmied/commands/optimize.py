"""`mmied optimize`: try what may make a model faster, tell what helps and what it costs, and write what is chosen."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mmied.bench.orders import give_order
from mmied.bench.trial.baseline import APPLY_SECONDS
from mmied.bench.trial.order import APPLIED_FILE, SEARCH_FILE, AppliedResult, ApplyOrder, Data, SearchOrder
from mmied.candidates import known_candidates
from mmied.codec import from_json
from mmied.commands.model_options import ChosenModel
from mmied.commands.optimize_request import (
    BUDGET,
    OptimizeRequest,
    as_configured,
    budget_of,
    candidates_of,
    data_of,
    effect_of,
)
from mmied.commands.optimize_resume import continued, earlier_search
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
from mmied.errors import EXIT_FAILURE, MmiedError
from mmied.optimization import Candidate, Search, Trial
from mmied.records import Run, Workload
from mmied.reports.figures import Cell
from mmied.reports.search_markdown import search_markdown
from mmied.reports.search_rows import counted, not_tried, summarize_search
from mmied.reports.writing import SUFFIXES, render_search
from mmied.verdicts.paired import MINIMUM_EFFECT_RATIO

BATCH_SIZES = (1, 8)  # where the configuration does not say
PROCESSES = 4  # of a search at once: two that serve the deployed model, one the candidate, one that leads
GRACE_SECONDS = 3 * APPLY_SECONDS  # beyond the budget: the deployed model's start, and the end of the last trial


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
        request = as_configured(request, model.optimize)
    candidates = candidates_of(request)
    applied = next((each for each in candidates if request.apply in (each.name, each.function)), None)
    budget_seconds = budget_of(request.budget or BUDGET)
    effect = MINIMUM_EFFECT_RATIO if request.minimum_effect is None else effect_of(request.minimum_effect)
    data = data_of(request)
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
        order = continued(order, earlier_search(place, kept, model), workloads, model)
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


def _workloads(model: ChosenModel, request: OptimizeRequest) -> tuple[Workload, ...]:
    sizes = request.batch_sizes or tuple(each.batch_size for each in model.workloads) or BATCH_SIZES
    return tuple(Workload(scenario=f"b{size}", batch_size=size) for size in sorted(set(sizes)))


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
