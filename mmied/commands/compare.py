"""`mmied compare`: which of several models is faster, smaller, better?"""

import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mmied import __version__
from mmied.bench.orders import (
    INTERLEAVED_FILE,
    CompareOrder,
    InterleavedResult,
    ProfileOrder,
    give_order,
)
from mmied.codec import from_json
from mmied.commands.model_options import ChosenModel, lone_model, require_function
from mmied.commands.profile_run import profile_in, run_profile
from mmied.commands.progress import Progress
from mmied.commands.reporting import append_summary, parse_formats, parse_pictures, write_files
from mmied.commands.table import format_table
from mmied.commands.working import require_inputs, require_writable, run_worker, sentence_of, working_folder
from mmied.config.values import parse_name
from mmied.errors import EXIT_FAILURE, MmiedError
from mmied.profiles import ComparisonReport, Variant
from mmied.records import Iterations, Run, Workload, WorkloadResult
from mmied.reports.comparison_rows import summarize_variants
from mmied.reports.figures import Cell
from mmied.reports.profile_markdown import comparison_markdown
from mmied.reports.writing import SUFFIXES, render_comparison
from mmied.stats import summarize

LIMIT_SECONDS = 60.0  # of calling in turn, for each batch size
ALONE_SECONDS = 0.5  # of each workload in the variant's own process, where memory and the first call are measured
STEM = "comparison"


def parse_models(
    texts: Sequence[str],
    *,
    trust: Sequence[str],
    inputs: Sequence[str],
    dataset: Path | None,
    device: str | None,
) -> list[ChosenModel]:
    """Return the models of "original:a.pt,quantized:b.pt2", the baseline first. Raises MmiedError."""
    given: dict[str, str] = {}
    for word in (word.strip() for text in texts for word in text.split(",")):
        name, colon, path = word.partition(":")
        if not colon or not path:
            raise MmiedError(f'--models: "{word}" is not NAME:FILE. Try "original:a.pt,quantized:b.pt2".')
        try:
            parse_name(name)
        except ValueError as error:
            raise MmiedError(f'--models: {word}: "{name}" {error}') from error
        if name in given:
            raise MmiedError(f"--models: {name} stands twice. Give each a name of its own.")
        given[name] = path
    if len(given) < 2:
        raise MmiedError("--models: names one model, and it takes two to compare. Try mmied profile.")
    hashes = _parse_trust(trust, given)
    return [
        lone_model(
            path,
            called=name,
            trust=hashes.get(name),
            inputs=inputs,
            dataset=dataset,
            device=device,
            option=f"--models: {name}",
        )
        for name, path in given.items()
    ]


def _parse_trust(texts: Sequence[str], names: Mapping[str, str]) -> dict[str, str]:
    hashes = {}
    for text in texts:
        name, equals, digest = text.partition("=")
        if not equals or name not in names:
            raise MmiedError(f'--trust: "{text}" is not NAME=sha256:DIGEST with one of: {", ".join(names)}.')
        hashes[name] = digest
    return hashes


def compare(
    models: Sequence[ChosenModel],
    *,
    batch_size: int,
    num_runs: int,
    limit_seconds: float | None,
    metric: str | None,
    save_dir: Path,
    formats: Sequence[str],
    pictures: Sequence[str] = (),
) -> int:
    """Measure each model alone, then all in turn, write the reports into `save_dir`, and print the table.

    Returns 1 when a model failed; the others are compared all the same. Raises MmiedError for what can be known
    before the first worker starts.
    """
    if metric is not None:
        require_function(metric, "--metric")
        if models[0].dataset is None:
            raise MmiedError("--metric: takes the labels of a data set. Give --dataset.")
    wanted = parse_formats(formats, "--report-format")
    drawn = parse_pictures(pictures) if pictures else ()
    for model in models:
        require_inputs(model.spec)
    require_writable(save_dir, "--save-dir")
    workloads = tuple(Workload(scenario=f"b{size}", batch_size=size) for size in sorted({1, batch_size}))
    with working_folder("compare") as folder, Progress(total=len(models) + 1) as progress:
        alone = [_alone(model, workloads, folder / f"alone-{index}", progress) for index, model in enumerate(models)]
        good = [
            model for model, variant in zip(models, alone, strict=True) if variant.profile and variant.failure is None
        ]
        taken: InterleavedResult | str = "no model was left to be called"
        if good:
            order = CompareOrder(
                models=tuple(model.spec for model in good),
                baseline=models[0].spec.name,
                num_runs=num_runs,
                limit_seconds=limit_seconds or LIMIT_SECONDS,
                dataset=str(models[0].dataset) if models[0].dataset is not None else None,
                metric=metric,
            )
            taken = _in_turn(good, order, workloads, folder / "in-turn", progress)
    report = join(alone, taken, device=models[0].spec.device, dataset=models[0].dataset, at=time.time())
    written = _write(report, save_dir, wanted, drawn)
    for line in _lines(report):
        print(line)
    for path in written:
        print(path)
    append_summary(comparison_markdown(report))
    wrong = [f"{variant.name}: {variant.failure}" for variant in report.variants if variant.failure is not None]
    wrong += [taken] if isinstance(taken, str) and good else []
    for sentence in wrong:
        print(f"mmied: {sentence}", file=sys.stderr)
    return EXIT_FAILURE if wrong else 0


def _alone(model: ChosenModel, workloads: Sequence[Workload], folder: Path, progress: Progress) -> Variant:
    """Measure a model in a process of its own: what it takes to load and hold is seen there alone."""
    dataset = str(model.dataset) if model.dataset is not None else None
    order = ProfileOrder(detailed=False, dataset=dataset)
    run = run_profile(model, workloads, order, folder, progress, seconds=ALONE_SECONDS)
    name = model.spec.name
    if run.outcome != "succeeded":
        return Variant(name=name, profile=None, failure=sentence_of(run))
    found = profile_in(folder, name)
    failed = [result for result in found.results if result.outcome != "succeeded"]
    return Variant(name=name, profile=found, failure=failed[0].message if failed else None)


def _in_turn(
    models: Sequence[ChosenModel], order: CompareOrder, workloads: Sequence[Workload], folder: Path, progress: Progress
) -> InterleavedResult | str:
    """Call the models in turn, in one process; return what came of it, or a sentence that says why nothing did."""
    give_order(order, folder)
    run: Run = run_worker(
        models[0].spec,
        workloads,
        folder,
        worker=("mmied.bench.compare_worker",),
        limits=models[0].limits,
        progress=progress,
        name="all in turn",
    )
    if run.outcome != "succeeded":
        return f"the models could not be called in turn in one process: {sentence_of(run)}"
    return from_json(InterleavedResult, (folder / INTERLEAVED_FILE).read_bytes())


def join(
    alone: Sequence[Variant], taken: InterleavedResult | str, *, device: str, dataset: Path | None, at: float
) -> ComparisonReport:
    """Return the report: memory and loading as seen in a process alone, times and accuracy as seen in turn."""
    notes: tuple[str, ...] = ()
    if isinstance(taken, str):
        variants = tuple(alone)
        notes = (f"{taken}. Latencies are of one model after the other, and no speed-up is told.",)
        taken = InterleavedResult(iterations={}, ratios=(), accuracies={}, failures={}, notes=notes)
    else:
        variants = tuple(_with_turns(variant, taken) for variant in alone)
    return ComparisonReport(
        mmied_version=__version__,
        host=socket.gethostname(),
        device=device,
        at=at,
        variants=variants,
        ratios=taken.ratios,
        dataset=str(dataset) if dataset is not None else None,
        notes=taken.notes,
    )


def _with_turns(variant: Variant, taken: InterleavedResult) -> Variant:
    found = variant.profile
    if found is not None:
        results = tuple(
            _timed(result, taken.iterations.get(result.workload.scenario, {}).get(variant.name))
            for result in found.results
        )
        found = replace(found, results=results)
    return replace(
        variant,
        profile=found,
        accuracy=taken.accuracies.get(variant.name),
        failure=variant.failure or taken.failures.get(variant.name),
    )


def _timed(result: WorkloadResult, iterations: Iterations | None) -> WorkloadResult:
    """Return a result with the latency of calls in turn, where there were any."""
    if iterations is None:
        return result
    summary = summarize(iterations)
    return replace(
        result,
        iterations=iterations,
        latency=summary,
        throughput_samples_per_second=result.workload.batch_size / summary.mean_seconds,
        # of the pass alone, which did not time these calls
        references={},
        reference_seconds={},
        measure_seconds=None,
    )


def _write(report: ComparisonReport, save_dir: Path, formats: Sequence[str], pictures: Sequence[str]) -> list[Path]:
    texts = {f"{STEM}{SUFFIXES[each]}": render_comparison(report, each) for each in formats}
    written = write_files(texts, save_dir, "--save-dir")
    if pictures:
        from mmied.reports.pictures import draw_comparison, save  # matplotlib is an extra, and takes a second

        written += save(draw_comparison(report), save_dir / "pictures", pictures)
    return written


def _lines(report: ComparisonReport) -> Iterator[str]:
    """Yield what the command prints."""
    summary = summarize_variants(report)
    rows = [(row.name, *map(_cell, row.cells)) for row in summary.rows]
    yield format_table(("model", *summary.head), rows)
    for note in report.notes:
        yield f"note: {note}"


def _cell(cell: Cell) -> str:
    return f"{cell.text} ({cell.note})" if cell.note else cell.text
