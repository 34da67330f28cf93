"""Lay out a comparison: a row for each variant, a column for each metric that any of them has."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from mmied.catalog import QUANTILES
from mmied.formats import NOTHING, count, digits, fact, rate, seconds, size
from mmied.profiles import Accuracy, ComparisonReport, PairedRatio, Variant
from mmied.records import WorkloadResult
from mmied.reports.figures import Cell
from mmied.reports.words import plain, quantile_name, withheld
from mmied.results import memory_of


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantRow:
    """One variant; `failure` says why it has no figures."""

    name: str
    failure: str | None
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The table of a comparison: the names of its columns, and a row for each variant."""

    head: tuple[str, ...]
    rows: tuple[VariantRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRow:
    """One variant with one batch size."""

    batch_size: int
    variant: str
    cells: tuple[Cell, ...]


BATCH_HEAD = (*(quantile_name(str(each)) for each in QUANTILES), "Throughput", "Peak memory", "Speed-up")


def summarize_variants(report: ComparisonReport) -> Summary:
    """Return the table of `report`, without the columns in which no variant has a figure."""
    say = _columns(report)
    cells = [[speak(variant) for speak in say.values()] for variant in report.variants]
    kept = [column for column in range(len(say)) if any(row[column].text != NOTHING for row in cells)]
    rows = [
        VariantRow(name=variant.name, failure=variant.failure, cells=tuple(row[column] for column in kept))
        for variant, row in zip(report.variants, cells, strict=True)
    ]
    heads = list(say)
    return Summary(head=tuple(heads[column] for column in kept), rows=tuple(rows))


def batch_rows(report: ComparisonReport) -> tuple[BatchRow, ...]:
    """Return what each variant did with each batch size, the variants of a size beside one another."""
    rows = []
    for batch_size in batch_sizes(report):
        for variant in report.variants:
            result = result_of(variant, batch_size)
            if result is None:
                continue
            cells = (
                *_quantiles(result),
                Cell(text=rate(result.throughput_samples_per_second)),
                _memory(result),
                _speedup(report, variant, batch_size),
            )
            rows.append(BatchRow(batch_size=batch_size, variant=variant.name, cells=cells))
    return tuple(rows)


def batch_sizes(report: ComparisonReport) -> list[int]:
    """Return the batch sizes of the comparison, ascending."""
    profiles = [variant.profile for variant in report.variants if variant.profile is not None]
    return sorted({result.workload.batch_size for profile in profiles for result in profile.results})


def result_of(variant: Variant, batch_size: int | None) -> WorkloadResult | None:
    """Return what `variant` gave with `batch_size`."""
    if variant.profile is None:
        return None
    return next((each for each in variant.profile.results if each.workload.batch_size == batch_size), None)


def ratio_of(report: ComparisonReport, variant: Variant, batch_size: int | None) -> PairedRatio | None:
    """Return how much faster than the baseline `variant` was with `batch_size`."""
    for ratio in report.ratios:
        if ratio.variant == variant.name and ratio.batch_size == batch_size:
            return ratio
    return None


def told_apart(ratio: PairedRatio) -> bool:
    """Tell whether a variant's interval lies outside of that of the baseline against itself, and of no change."""
    low = min(1.0, ratio.control_lower if ratio.control_lower is not None else 1.0)
    high = max(1.0, ratio.control_upper if ratio.control_upper is not None else 1.0)
    return ratio.lower > high or ratio.upper < low


def accuracy_text(accuracy: Accuracy | None) -> str:
    """Return an accuracy in percent, any other metric as a number."""
    if accuracy is None:
        return NOTHING
    return percent_figure(accuracy.value) if accuracy.metric == "accuracy" else digits(accuracy.value)


def percent_figure(ratio: float) -> str:
    """Return a ratio in percent with a decimal: accuracies differ in those."""
    return f"{100 * ratio:.1f} %"


def _columns(report: ComparisonReport) -> dict[str, Callable[[Variant], Cell]]:
    sizes = batch_sizes(report)
    single, batch = (1 if 1 in sizes else None), (sizes[-1] if sizes and sizes[-1] > 1 else None)
    main = batch or single
    metric = next((variant.accuracy.metric for variant in report.variants if variant.accuracy), "accuracy")
    say: dict[str, Callable[[Variant], Cell]] = {}
    if len({_format(variant) for variant in report.variants if variant.profile}) > 1:
        say["Format"] = lambda variant: Cell(text=_format(variant))
    say |= {
        "Size on disk": lambda variant: _of_profile(variant, lambda profile: size(profile.artifact_bytes)),
        "Parameters": lambda variant: _of_profile(
            variant, lambda profile: count(profile.sizes.parameters) if profile.sizes else NOTHING
        ),
        "Peak memory": lambda variant: _memory(result_of(variant, main)),
        metric.rpartition(":")[2].capitalize(): _accuracy,
    }
    for batch_size in dict.fromkeys(each for each in (single, batch) if each is not None):
        say[f"p50, batch of {batch_size}"] = _latency_column(batch_size)
    if main is not None:
        say[f"Throughput, batch of {main}"] = lambda variant: Cell(
            text=rate(result.throughput_samples_per_second) if (result := result_of(variant, main)) else NOTHING
        )
        say[f"Speed-up, batch of {main}"] = lambda variant: _speedup(report, variant, main)
    return say | {name: partial(_custom, name=name) for name in _custom_names(report)}


def _format(variant: Variant) -> str:
    profile = variant.profile
    return NOTHING if profile is None else ", ".join(part for part in (profile.format, profile.precision) if part)


def _custom_names(report: ComparisonReport) -> list[str]:
    profiles = [variant.profile for variant in report.variants if variant.profile is not None]
    return list(dict.fromkeys(name for profile in profiles for name in profile.custom))


def _custom(variant: Variant, name: str) -> Cell:
    return Cell(text=fact(variant.profile.custom.get(name), name) if variant.profile else NOTHING)


def _of_profile(variant: Variant, say: Callable[..., str]) -> Cell:
    return Cell(text=say(variant.profile) if variant.profile is not None else NOTHING)


def _latency_column(batch_size: int) -> Callable[[Variant], Cell]:
    return lambda variant: _quantile(result_of(variant, batch_size), "0.5")


def _quantiles(result: WorkloadResult) -> tuple[Cell, ...]:
    """Return the cells of a result's quantiles; one that failed says so, and why, in the first."""
    if result.latency is None:
        why = result.message or plain(result.reason or "")
        return (Cell(text=plain(result.outcome), note=why), *[Cell(text=NOTHING)] * (len(QUANTILES) - 1))
    return tuple(_quantile(result, key) for key in map(str, QUANTILES))


def _quantile(result: WorkloadResult | None, key: str) -> Cell:
    if result is None or result.latency is None:
        return Cell(text=NOTHING if result is None else plain(result.outcome))
    if key not in result.latency.quantiles:
        return Cell(text=withheld(result.latency, key), withheld=True)
    note = "" if result.latency.fit else "not comparable"
    return Cell(text=seconds(result.latency.quantiles[key]), note=note if key == "0.5" else "")


def _memory(result: WorkloadResult | None) -> Cell:
    memory = memory_of(result)
    return Cell(text=size(memory.peak_bytes)) if memory else Cell(text=NOTHING)


def _accuracy(variant: Variant) -> Cell:
    accuracy = variant.accuracy
    note = ""
    if accuracy is not None and accuracy.lower is not None and accuracy.upper is not None:
        say = percent_figure if accuracy.metric == "accuracy" else digits
        note = _interval(say(accuracy.lower), say(accuracy.upper))
    return Cell(text=accuracy_text(accuracy), note=note)


def _speedup(report: ComparisonReport, variant: Variant, batch_size: int) -> Cell:
    if report.variants and variant is report.variants[0]:
        control = next((each for each in report.ratios if each.batch_size == batch_size and each.control_lower), None)
        if control is None or control.control_lower is None or control.control_upper is None:
            return Cell(text="baseline")
        return Cell(
            text="baseline",
            note="against itself " + _interval(f"{control.control_lower:.2f}×", f"{control.control_upper:.2f}×"),
        )
    ratio = ratio_of(report, variant, batch_size)
    if ratio is None:
        return Cell(text=NOTHING)
    said = _interval(f"{ratio.lower:.2f}×", f"{ratio.upper:.2f}×")
    if not told_apart(ratio):
        said += ", cannot be told from none"
    return Cell(text=f"{ratio.speedup_ratio:.2f}×", note=said)


def _interval(lower: str, upper: str) -> str:
    """Return an interval as a text that no line ends within."""
    return f"{lower} to {upper}".replace(" ", "\N{NO-BREAK SPACE}")


def failed_variants(report: ComparisonReport) -> Sequence[Variant]:
    """Return the variants that have no figures, or not all."""
    return [variant for variant in report.variants if variant.failure or variant.profile is None]
