"""`mmied profile`: measure a model now, write the report, and hold it against thresholds and a baseline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mmied.bench.orders import FLAME_FILE, ProfileOrder
from mmied.bench.precision_names import canonical_precision
from mmied.commands.model_options import ChosenModel, require_function
from mmied.commands.profile_outcome import conclude
from mmied.commands.profile_run import profile_in, run_profile
from mmied.commands.progress import Progress
from mmied.commands.reporting import parse_formats, parse_pictures
from mmied.commands.working import require_inputs, require_success, require_writable, working_folder
from mmied.errors import MmiedError
from mmied.profiles import Profile
from mmied.records import ModelSpec, Workload
from mmied.reports.documents import read_profile
from mmied.reports.frames import FlameGraph, read_flamegraph
from mmied.reports.words import workload_name
from mmied.verdicts.thresholds import parse_threshold, require_judgeable

LIMIT_SECONDS = 5.0  # a workload: p99 of calls up to 10 ms


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileRequest:
    """What is to be measured, as the options say it."""

    called: str | None = None
    batch_sizes: tuple[int, ...] = ()  # none: as configured, or 1
    precisions: tuple[str, ...] = ()  # none: the model's own
    num_runs: int | None = None
    warmup_runs: int | None = None
    limit_seconds: float | None = None
    preprocess: str | None = None
    postprocess: str | None = None
    items_per_sample: Mapping[str, float] = field(default_factory=dict)
    detailed: bool = True


def profile(
    model: ChosenModel,
    request: ProfileRequest,
    *,
    thresholds: Sequence[str],
    baseline: Path | None,
    output_dir: Path,
    formats: Sequence[str],
    pictures: Sequence[str] = (),
) -> int:
    """Profile a model in a worker, write the reports into `output_dir`, and print the figures.

    Returns 1 when a workload failed, a threshold was missed or could not be judged, or something became worse than
    in `baseline`. Raises MmiedError for what can be known before the worker starts, and with its own sentence when
    it failed.
    """
    if request.called is not None:
        model = replace(model, spec=replace(model.spec, name=request.called))
    spec = model.spec
    workloads = workloads_of(model, request)
    items = {**model.items_per_sample, **request.items_per_sample}
    for option, function in (("--preprocess", request.preprocess), ("--postprocess", request.postprocess)):
        if function is not None:
            require_function(function, option)
    limits = [parse_threshold(text) for text in thresholds]
    require_judgeable(
        limits,
        batch_sizes=list(dict.fromkeys(workload.batch_size for workload in workloads)),
        items=items,
        end_to_end=request.preprocess is not None or request.postprocess is not None,
        num_runs=request.num_runs,
    )
    wanted = parse_formats(formats, "--format")
    drawn = parse_pictures(pictures) if pictures else ()
    before = _read_baseline(baseline, spec, workloads) if baseline is not None else None
    require_inputs(spec)
    require_writable(output_dir, "--output-dir")
    order = ProfileOrder(
        num_runs=request.num_runs,
        warmup_runs=request.warmup_runs,
        detailed=request.detailed,
        dataset=str(model.dataset) if model.dataset is not None else None,
        preprocess=request.preprocess,
        postprocess=request.postprocess,
        items_per_sample=items,
    )
    found, flame = _measure(model, workloads, order, request.limit_seconds or LIMIT_SECONDS)
    return conclude(found, flame, limits, before=before, output_dir=output_dir, formats=wanted, pictures=drawn)


def workloads_of(model: ChosenModel, request: ProfileRequest) -> tuple[Workload, ...]:
    """Return each batch size in each precision. Raises MmiedError for an unknown precision."""
    base = model.workloads or (Workload(scenario="b1", batch_size=1),)
    if request.batch_sizes:
        base = tuple(Workload(scenario=f"b{size}", batch_size=size) for size in dict.fromkeys(request.batch_sizes))
    if not request.precisions:
        return base
    names = dict.fromkeys(canonical_precision(name, option="--precision") for name in request.precisions)
    return tuple(replace(workload, precision=name) for name in names for workload in base)


def _read_baseline(path: Path, spec: ModelSpec, workloads: Sequence[Workload]) -> Profile:
    """Return the profile to hold the new one against. Raises MmiedError where that could not be done."""
    try:
        found = read_profile(path.read_bytes(), f"--baseline: {path}")
    except OSError as error:
        raise MmiedError(f"--baseline: {path} cannot be read: {error.strerror}. Check the path.") from error
    if found.model != spec.name:
        raise MmiedError(
            f"--baseline: {path} is a profile of {found.model}, and this is {spec.name}. Where they are versions of "
            f"one model, say so with --as {found.model}."
        )
    known = [result.workload for result in found.results]
    if not set(known) & set(workloads):
        told = ", ".join(workload_name(result) for result in found.results) or "nothing"
        raise MmiedError(
            f"--baseline: {path} has no workload in common with this run: it measured {told}. Give the same with "
            "--batch-size and --precision."
        )
    return found


def _measure(
    model: ChosenModel, workloads: Sequence[Workload], order: ProfileOrder, limit_seconds: float
) -> tuple[Profile, FlameGraph | None]:
    with working_folder("profile") as folder, Progress(total=1) as progress:
        require_success(run_profile(model, workloads, order, folder, progress, seconds=limit_seconds))
        flame_path = folder / FLAME_FILE
        flame = read_flamegraph(flame_path.read_bytes(), model.spec.name) if flame_path.exists() else None
        return profile_in(folder, model.spec.name), flame
