"""Judge a profile, write it down, and say what came of it: the second half of `mmied profile`."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from mmied.codec import to_json
from mmied.commands.reporting import append_summary, file_stem, write_files
from mmied.commands.table import format_table
from mmied.errors import EXIT_FAILURE, MmiedError
from mmied.formats import NOTHING, rate, seconds, size
from mmied.profiles import Profile
from mmied.records import WorkloadResult
from mmied.reports.frames import FlameGraph
from mmied.reports.markdown import escaped, table
from mmied.reports.profile_csv import layers_csv, operators_csv, profile_csv
from mmied.reports.profile_markdown import profile_markdown
from mmied.reports.profile_page import profile_html
from mmied.reports.words import plain, quantile_name, withheld, workload_name
from mmied.results import memory_of
from mmied.verdicts.baselines import Regressions, detect_regressions
from mmied.verdicts.gate import Verdict, judge, say
from mmied.verdicts.thresholds import Threshold

QUANTILES = ("0.5", "0.95", "0.99")


def conclude(
    found: Profile,
    flame: FlameGraph | None,
    thresholds: Sequence[Threshold],
    *,
    before: Profile | None,
    output_dir: Path,
    formats: Sequence[str],
    pictures: Sequence[str] = (),
) -> int:
    """Judge a profile, write its reports, print its figures, and return the exit status. Raises MmiedError."""
    verdicts = judge(thresholds, found)
    regressions, obstacle = _held_against(before, found)
    sections = _sections(verdicts, regressions)
    written = _write(found, flame, sections, output_dir, formats, pictures)
    for line in (*_lines(found), *(f"note: baseline: {note}" for note in regressions.notes)):
        print(line)
    for path in written:
        print(path)
    append_summary(profile_markdown(found, sections=sections))
    wrong = [*_complaints(found, verdicts, regressions), *obstacle]
    for sentence in wrong:
        print(f"mmied: {found.model}: {sentence}", file=sys.stderr)
    return EXIT_FAILURE if wrong else 0


def _held_against(before: Profile | None, found: Profile) -> tuple[Regressions, list[str]]:
    """Return what became worse, or why that cannot be told: the figures are worth their report all the same."""
    if before is None:
        return Regressions(), []
    try:
        return detect_regressions(before, found), list(_not_comparable(before, found))
    except MmiedError as error:
        return Regressions(), [f"could not be held against the baseline: {error}"]


def _not_comparable(before: Profile, found: Profile) -> Iterator[str]:
    """Yield a sentence for each workload whose latencies say nothing beside the baseline's: a gate needs figures."""
    then = {result.workload: result.latency for result in before.results}
    for result in found.results:
        pair = then.get(result.workload), result.latency
        if pair[0] is None or pair[1] is None or (pair[0].fit and pair[1].fit):
            continue
        when = "now" if pair[0].fit else "when the baseline was taken"
        yield (
            f"{workload_name(result)}: its latencies could not be held against the baseline: too much else ran {when}. "
            "Measure on a quieter host."
        )


def _write(
    found: Profile,
    flame: FlameGraph | None,
    sections: Sequence[str],
    output_dir: Path,
    formats: Sequence[str],
    pictures: Sequence[str],
) -> list[Path]:
    stem = file_stem(found.model)
    texts: dict[str, str] = {}
    if "html" in formats:
        texts[f"{stem}_profile.html"] = profile_html(found, flame)
    if "json" in formats:
        texts[f"{stem}_profile.json"] = to_json(found)
        if flame is not None:
            texts[f"{stem}_flamegraph.json"] = to_json(flame)
    if "csv" in formats:
        texts[f"{stem}_profile.csv"] = profile_csv(found)
        inside = found.inspection
        if inside is not None and inside.layers is not None:
            texts[f"{stem}_layers.csv"] = layers_csv(inside.layers)
        if inside is not None and inside.operators is not None:
            texts[f"{stem}_operators.csv"] = operators_csv(inside.operators)
    if "markdown" in formats:
        texts[f"{stem}_profile.md"] = profile_markdown(found, sections=sections)
    written = write_files(texts, output_dir, "--output-dir")
    if pictures:
        from mmied.reports.pictures import draw_profile, save  # matplotlib is an extra, and takes a second

        written += save(draw_profile(found, flame=flame), output_dir / f"{stem}_pictures", pictures)
    return written


def _sections(verdicts: Sequence[Verdict], regressions: Regressions) -> list[str]:
    """Return the tables of what was judged, in Markdown."""
    sections = []
    if verdicts:
        rows = [
            (
                verdict.threshold.text,
                verdict.scenario,
                NOTHING if verdict.measured is None else say(verdict.threshold, verdict.measured),
                "kept" if verdict.kept else "missed" if verdict.measured is not None else "not judged",
            )
            for verdict in verdicts
        ]
        missed = sum(not verdict.kept for verdict in verdicts)
        title = f"### Thresholds: {f'{missed} missed or not judged' if missed else 'all kept'}"
        sections.append(f"{title}\n\n{table(('Threshold', 'Workload', 'Measured', 'Verdict'), rows)}")
        sections += [f"- {escaped(verdict.sentence)}" for verdict in verdicts if verdict.measured is None]
    if regressions:
        lines = "\n".join(f"- {escaped(str(regression))}" for regression in regressions)
        sections.append(f"### Worse than the baseline\n\n{lines}")
    if regressions.notes:
        sections.append("\n".join(f"- baseline: {escaped(note)}" for note in regressions.notes))
    return sections


def _lines(found: Profile) -> Iterator[str]:
    """Yield what the command prints."""
    precision = found.precision
    yield f"{found.model}: {found.device}, {precision}, {found.threads} threads, {size(found.artifact_bytes)} on disk"
    rows = [(workload_name(result), *_figures(result, found)) for result in found.results]
    yield format_table(("workload", "mean", "p50", "p95", "p99", "throughput", "peak memory"), rows)
    for result in found.results:
        if result.latency is not None:
            for key in (key for key in QUANTILES if key not in result.latency.quantiles):
                yield f"note: {workload_name(result)}: {quantile_name(key)} {withheld(result.latency, key)}"
    for stage, latency in found.stages.items():
        yield f"{stage}: mean {seconds(latency.mean_seconds)}"
    if found.inspection is not None:
        for name, why in found.inspection.failures.items():
            yield f"note: {name} could not be had: {why}"
    for note in found.notes:
        yield f"note: {note}"
    for advice in found.recommendations:
        yield f"advice ({advice.confidence} confidence): {advice.title}: {advice.because}"


def _figures(result: WorkloadResult, found: Profile) -> Iterator[str]:
    latency = result.latency
    if latency is None:
        yield plain(result.outcome)
        yield from [NOTHING] * (len(QUANTILES) + 2)
        return
    yield seconds(latency.mean_seconds)
    for key in QUANTILES:
        yield seconds(latency.quantiles[key]) if key in latency.quantiles else "withheld"
    throughput = result.throughput_samples_per_second
    items = (
        [] if throughput is None else [rate(throughput * each, name) for name, each in found.items_per_sample.items()]
    )
    yield ", ".join([rate(throughput), *items])
    memory = memory_of(result)
    yield size(memory.peak_bytes) if memory else NOTHING


def _complaints(found: Profile, verdicts: Sequence[Verdict], regressions: Regressions) -> Iterator[str]:
    """Yield why the exit status is 1: nothing where it is 0."""
    for result in found.results:
        if result.outcome != "succeeded":
            yield f"{workload_name(result)} {plain(result.outcome)}: {result.message}"
    for verdict in verdicts:
        if not verdict.kept:
            yield f"threshold {verdict.threshold.text}: {verdict.sentence}"
    for regression in regressions:
        yield f"worse than the baseline: {regression}"
