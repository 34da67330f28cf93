"""Write a profile or a comparison as Markdown short enough for the summary of a CI step."""

from collections.abc import Iterator, Sequence

from mmied.catalog import QUANTILES
from mmied.formats import NOTHING, amount, clock, percent, rate, seconds, size
from mmied.inspection import Inspection
from mmied.profiles import ComparisonReport, Profile, Recommendation
from mmied.records import LatencySummary, WorkloadResult
from mmied.reports.comparison_rows import BATCH_HEAD, batch_rows, failed_variants, summarize_variants
from mmied.reports.figures import Cell
from mmied.reports.markdown import escaped, prose, table
from mmied.reports.words import plain, quantile_name, sentence, withheld, workload_name
from mmied.results import memory_of

COSTLIEST = 5
KEYS = tuple(map(str, QUANTILES))


def profile_markdown(profile: Profile, *, sections: Sequence[str] = ()) -> str:
    """Return the report; `sections` are further ones, in Markdown, that come right after the heading."""
    parts = [
        f"## {escaped(profile.model)}",
        escaped(" · ".join(_facts(profile))),
        *sections,
        table(("Workload", *map(quantile_name, KEYS), "Throughput", "Peak memory", "Contended"), _results(profile))
        if profile.results
        else "Nothing was measured.",
        _bullets([escaped(sentence(note)) for note in (*profile.notes, *_remarks(profile.results))]),
        *_recommended(profile.recommendations),
        *(_inside(profile.inspection) if profile.inspection else ()),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def comparison_markdown(report: ComparisonReport) -> str:
    """Return the report of a comparison."""
    summary = summarize_variants(report)
    facts = [report.device, report.host, clock(report.at), f"mmied {report.mmied_version}"]
    if report.dataset:
        facts.append(f"test data {report.dataset}")
    failures = [
        f"**{escaped(each.name)}**: {escaped(each.failure or 'no figures')}" for each in failed_variants(report)
    ]
    batches = [(f"{row.batch_size}", row.variant, *map(_cell, row.cells)) for row in batch_rows(report)]
    parts = [
        f"## {escaped(' against '.join(variant.name for variant in report.variants))}",
        escaped(" · ".join(facts)),
        table(("Variant", *summary.head), [(row.name, *map(_cell, row.cells)) for row in summary.rows]),
        "Speed-ups are medians over neighbouring blocks of calls, with 95 % intervals." if report.ratios else "",
        f"### Failed\n\n{_bullets(failures)}" if failures else "",
        "### By batch size\n\n" + table(("Batch", "Variant", *BATCH_HEAD), batches, figures_from=2) if batches else "",
        _bullets([escaped(note) for note in report.notes]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _facts(profile: Profile) -> Iterator[str]:
    yield profile.device
    yield profile.precision
    yield f"{profile.threads} thread{'' if profile.threads == 1 else 's'}"
    if profile.sizes is not None:
        yield f"{amount(profile.sizes.parameters)} parameters"
    if profile.artifact_bytes is not None:
        yield f"{size(profile.artifact_bytes)} on disk"
    flops = profile.inspection.flops if profile.inspection else None
    if flops is not None:
        yield f"{amount(flops.flops)} FLOPs a call (coverage {percent(flops.coverage_ratio)})"
    yield profile.host
    yield clock(profile.at)
    yield f"mmied {profile.mmied_version}"


def _results(profile: Profile) -> list[tuple[str, ...]]:
    return [(workload_name(result), *_figures(result, profile)) for result in profile.results]


def _figures(result: WorkloadResult, profile: Profile) -> Iterator[str]:
    if result.latency is None:
        yield f"{plain(result.outcome)}: {result.message or result.reason or 'no reason given'}"
        yield from [NOTHING] * (len(KEYS) - 1)
    else:
        yield from (_quantile(result.latency, key) for key in KEYS)
    throughput = result.throughput_samples_per_second
    said = [rate(throughput)]
    if throughput is not None:
        said += [rate(throughput * count, item) for item, count in profile.items_per_sample.items()]
    yield ", ".join(said)
    memory = memory_of(result)
    yield size(memory.peak_bytes) if memory else NOTHING
    yield percent(result.latency.contended_ratio) if result.latency else NOTHING


def _quantile(latency: LatencySummary, key: str) -> str:
    return seconds(latency.quantiles[key]) if key in latency.quantiles else withheld(latency, key)


def _remarks(results: Sequence[WorkloadResult]) -> Iterator[str]:
    for result in results:
        if result.latency is not None and not result.latency.fit:
            yield f"{workload_name(result)}: contention left too little to stand on; not comparable with other runs."
        if result.settled is False:
            yield f"{workload_name(result)}: its latency never settled."


def _recommended(recommendations: Sequence[Recommendation]) -> Iterator[str]:
    if recommendations:
        yield "### Recommendations"
        yield _bullets(
            [
                f"**{escaped(each.title)}** ({each.confidence} confidence). {prose(each.because)} "
                f"To confirm: {prose(each.confirm)}"
                for each in recommendations
            ]
        )


def _inside(inspection: Inspection) -> Iterator[str]:
    if inspection.layers is not None:
        timed = [layer for layer in inspection.layers.layers if layer.self_seconds]
        costliest = sorted(timed, key=lambda layer: -(layer.self_seconds or 0.0))[:COSTLIEST]
        if costliest and inspection.layers.told_apart:
            rows = [(layer.name or "the model itself", layer.kind, seconds(layer.self_seconds)) for layer in costliest]
            yield "### Costliest layers, by own time\n\n" + table(("Layer", "Class", "Time"), rows, figures_from=2)
    if inspection.operators is not None and inspection.operators.operators:
        whole = sum(operator.self_seconds for operator in inspection.operators.operators)
        operators = [
            (
                each.name,
                each.category,
                seconds(each.self_seconds),
                percent(each.self_seconds / whole if whole else None),
            )
            for each in inspection.operators.operators[:COSTLIEST]
        ]
        yield "### Costliest operators, by own time\n\n" + table(
            ("Operator", "Kind", "Time", "Share"), operators, figures_from=2
        )
    failures = [f"The pass “{escaped(name)}” failed: {escaped(why)}" for name, why in inspection.failures.items()]
    if failures:
        yield _bullets(failures)


def _cell(cell: Cell) -> str:
    return f"{cell.text} ({cell.note})" if cell.note else cell.text


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
