"""Write profiles and comparisons as tidy CSV: a row for each workload and metric."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, fields

from mmied.inspection import Layer, Layers, Operator, Operators
from mmied.profiles import ComparisonReport, PairedRatio, Profile, Variant
from mmied.records import LatencySummary, Workload, WorkloadResult
from mmied.reports.words import quantile_name

Value = float | int | str | bool | None
UNITS = (  # by the end of a metric's name; the first that fits wins
    ("_samples_per_second", "samples per second"),
    ("_per_second", "items per second"),
    ("_seconds", "seconds"),
    ("_bytes", "bytes"),
    ("_ratio", "ratio"),
    ("_joules", "joules"),
    ("flops", "operations"),
)
LAYER_COLUMNS = tuple(field.name for field in fields(Layer) if field.name not in ("parent", "shared_as"))
OPERATOR_COLUMNS = tuple(field.name for field in fields(Operator))
DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n")  # a spreadsheet takes what begins so for a formula


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. What holds for a model as a whole has no scenario."""

    model: str
    scenario: str
    batch_size: int | None
    precision: str
    metric: str
    value: Value
    unit: str


def profile_csv(profile: Profile) -> str:
    """Return the figures of `profile`; those that were not had have no row."""
    return csv_text(
        [field.name for field in fields(Row)], (astuple(row) for row in _profile_rows(profile, profile.model))
    )


def comparison_csv(report: ComparisonReport) -> str:
    """Return the figures of all variants, under their names, with accuracies and speed-ups."""
    rows = (row for variant in report.variants for row in _variant_rows(variant, report.ratios))
    return csv_text([field.name for field in fields(Row)], (astuple(row) for row in rows))


def layers_csv(layers: Layers) -> str:
    """Return a row for each layer, in the order of the model."""
    return csv_text(LAYER_COLUMNS, ([getattr(layer, name) for name in LAYER_COLUMNS] for layer in layers.layers))


def operators_csv(operators: Operators) -> str:
    """Return a row for each operator, costliest first."""
    rows = operators.operators
    return csv_text(OPERATOR_COLUMNS, ([getattr(operator, name) for name in OPERATOR_COLUMNS] for operator in rows))


def csv_text(head: Sequence[str], rows: Iterable[Iterable[Value]]) -> str:
    """Return a table in CSV, with nothing in it that a spreadsheet takes for a formula."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue()


def _cell(value: Value) -> Value:
    if isinstance(value, bool):
        return int(value)
    return f"'{value}" if isinstance(value, str) and value.startswith(DANGEROUS) else value


def unit_of(metric: str) -> str:
    """Return the unit that a metric's name tells; the empty string for counts."""
    return next((unit for end, unit in UNITS if metric.endswith(end)), "")


def _profile_rows(profile: Profile, model: str) -> Iterator[Row]:
    yield from _rows(model, None, profile.precision, _model_figures(profile))
    for result in profile.results:
        figures = _result_figures(result, profile)
        yield from _rows(model, result.workload, result.workload.precision or profile.precision, figures)


def _variant_rows(variant: Variant, ratios: Sequence[PairedRatio]) -> Iterator[Row]:
    yield from _rows(variant.name, None, "", [("succeeded", variant.profile is not None and not variant.failure)])
    if variant.accuracy is not None:
        metric = variant.accuracy.metric
        figures = [
            (metric, variant.accuracy.value),
            (f"{metric}_lower", variant.accuracy.lower),
            (f"{metric}_upper", variant.accuracy.upper),
            (f"{metric}_samples", variant.accuracy.samples),
        ]
        yield from _rows(variant.name, None, "", figures)
    for ratio in ratios:
        if ratio.variant == variant.name:
            names = ("speedup_ratio", "lower", "upper", "control_lower", "control_upper", "pairs")
            named = [(name if name == "speedup_ratio" else f"speedup_{name}", getattr(ratio, name)) for name in names]
            # The ends of the interval are ratios as well.
            named = [(f"{name}_ratio" if name.endswith(("lower", "upper")) else name, value) for name, value in named]
            work = Workload(scenario=f"b{ratio.batch_size}", batch_size=ratio.batch_size)
            yield from _rows(variant.name, work, "", named)
    if variant.profile is not None:
        yield from _profile_rows(variant.profile, variant.name)


def _rows(model: str, work: Workload | None, precision: str, figures: Iterable[tuple[str, Value]]) -> Iterator[Row]:
    scenario, batch_size = (work.scenario, work.batch_size) if work else ("", None)
    for metric, value in figures:
        if value is not None:
            yield Row(model, scenario, batch_size, precision, metric, value, unit_of(metric))


def _model_figures(profile: Profile) -> Iterator[tuple[str, Value]]:
    yield "artifact_bytes", profile.artifact_bytes
    yield "load_seconds", profile.load_seconds
    if profile.sizes is not None:
        for field in fields(profile.sizes):
            yield field.name, getattr(profile.sizes, field.name)
    inspection = profile.inspection
    if inspection is not None and inspection.flops is not None:
        yield "flops", inspection.flops.flops
        yield "flops_coverage_ratio", inspection.flops.coverage_ratio
    for stage, latency in profile.stages.items():
        yield from ((f"{stage}_{name}", value) for name, value in _latency_figures(latency))
    yield from profile.custom.items()


def _result_figures(result: WorkloadResult, profile: Profile) -> Iterator[tuple[str, Value]]:
    yield "succeeded", result.outcome == "succeeded"
    if result.latency is not None:
        yield from _latency_figures(result.latency)
    throughput = result.throughput_samples_per_second
    yield "throughput_samples_per_second", throughput
    if throughput is not None:
        for item, count in profile.items_per_sample.items():
            yield f"throughput_{item}_per_second", throughput * count
    yield "first_call_seconds", result.first_call_seconds
    yield "warmup_seconds", result.warmup_seconds
    yield "captured_seconds", result.captured_seconds
    yield "energy_joules", result.energy_joules
    for memory in result.memory:
        for statistic in ("peak_bytes", "average_bytes", "activation_bytes", "fragmentation_ratio"):
            yield f"{memory.space}_memory_{statistic}", getattr(memory, statistic)
    for name, seconds in result.reference_seconds.items():
        yield f"reference_{name}_seconds", seconds


def _latency_figures(latency: LatencySummary) -> Iterator[tuple[str, Value]]:
    for prefix, quantiles in (("latency", latency.quantiles), ("wall_latency", latency.wall_quantiles)):
        for key, seconds in quantiles.items():
            yield f"{prefix}_{quantile_name(key)}_seconds", seconds
    yield "latency_mean_seconds", latency.mean_seconds
    yield "latency_max_seconds", latency.max_seconds
    yield "latency_standard_deviation_seconds", latency.standard_deviation_seconds
    if latency.median_interval_seconds is not None:
        lower, upper = latency.median_interval_seconds
        yield "latency_p50_lower_seconds", lower
        yield "latency_p50_upper_seconds", upper
    yield "latency_noise_ratio", latency.noise_ratio
    yield "latency_samples", latency.samples
    yield "latency_comparable", latency.fit
    yield "contended_ratio", latency.contended_ratio
