"""Lay out the figures of a run: a row for each figure, a column for each scenario."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from mmied.catalog import QUANTILES
from mmied.formats import NOTHING, count, digits, percent, rate, seconds, size
from mmied.records import LatencySummary, Memory, WorkloadResult
from mmied.reports.words import ESTIMATORS, plain, quantile_name, withheld


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What stands in a table; `note` goes below it in small."""

    text: str
    note: str = ""
    withheld: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure of all scenarios; `hint` explains it."""

    name: str
    cells: tuple[Cell, ...]
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Figures that belong together."""

    title: str
    rows: tuple[Row, ...]


Say = Callable[[WorkloadResult], Cell | str | None]


def figure_groups(results: Sequence[WorkloadResult]) -> tuple[Group, ...]:
    """Return the table of `results` without the rows and groups in which no scenario has a figure."""
    spaces: tuple[Literal["host", "device"], ...] = ("host", "device")
    groups = [
        ("Outcome", [_row("Outcome", results, _outcome)]),
        ("Latency", _latency_rows(results)),
        ("By the wall clock, contention included", _wall_rows(results)),
        ("Throughput and start", _start_rows(results)),
        *((f"Memory of the {space}", _memory_rows(results, space)) for space in spaces),
        ("Reference workloads beside it", _reference_rows(results)),
    ]
    kept = [(title, tuple(row for row in rows if row is not None)) for title, rows in groups]
    return tuple(Group(title=title, rows=rows) for title, rows in kept if rows)


def _row(name: str, results: Sequence[WorkloadResult], say: Say, hint: str = "") -> Row | None:
    said = [say(result) for result in results]
    if all(cell is None or cell == NOTHING for cell in said):
        return None
    return Row(
        name=name,
        hint=hint,
        cells=tuple(cell if isinstance(cell, Cell) else Cell(text=cell or NOTHING) for cell in said),
    )


def _outcome(result: WorkloadResult) -> Cell:
    return Cell(text=plain(result.outcome), note=result.message or plain(result.reason or ""))


def _of_latency(say: Callable[[LatencySummary], Cell | str]) -> Say:
    return lambda result: say(result.latency) if result.latency else None


def _latency_rows(results: Sequence[WorkloadResult]) -> list[Row | None]:
    return [
        _row("Estimator", results, _of_latency(lambda latency: ESTIMATORS[latency.estimator])),
        _row("Samples behind the figures", results, _of_latency(_samples)),
        *(
            _row(quantile_name(key), results, _of_latency(lambda latency, key=key: _quantile(latency, key)))  # type: ignore[misc]
            for key in map(str, QUANTILES)
        ),
        _row("Slowest", results, _of_latency(lambda latency: seconds(latency.max_seconds))),
        _row("Mean", results, _of_latency(lambda latency: seconds(latency.mean_seconds))),
        _row(
            "Noise",
            results,
            _of_latency(lambda latency: percent(latency.noise_ratio)),
            hint="Median absolute deviation over median",
        ),
        _row(
            "Comparable with other runs",
            results,
            _of_latency(lambda latency: "yes" if latency.fit else "no"),
            hint="No where contention left too little to stand on",
        ),
    ]


def _wall_rows(results: Sequence[WorkloadResult]) -> list[Row | None]:
    return [
        _row(
            "Contended iterations",
            results,
            _of_latency(lambda latency: percent(latency.contended_ratio)),
            hint="Those in which a thread of the worker waited for a CPU, or the device was shared",
        ),
        *(
            _row(
                quantile_name(key),
                results,
                _of_latency(lambda latency, key=key: _quantile(latency, key, wall=True)),  # type: ignore[misc]
            )
            for key in map(str, QUANTILES)
        ),
        _row("Slowest", results, _of_latency(lambda latency: seconds(latency.wall_max_seconds))),
    ]


def _start_rows(results: Sequence[WorkloadResult]) -> list[Row | None]:
    return [
        _row("Throughput", results, lambda result: rate(result.throughput_samples_per_second)),
        _row("First call", results, _first_call),
        _row("Warm-up", results, _warmup),
        _row("Replayed as a CUDA graph", results, lambda result: seconds(result.captured_seconds)),
        _row(
            "Energy",
            results,
            lambda result: None if result.energy_joules is None else f"{digits(result.energy_joules)} J",
        ),
    ]


def _memory_rows(results: Sequence[WorkloadResult], space: str) -> Iterator[Row | None]:
    def of_memory(say: Callable[[Memory], str]) -> Say:
        return lambda result: next((say(memory) for memory in result.memory if memory.space == space), None)

    yield _row("Peak", results, of_memory(lambda memory: size(memory.peak_bytes)))
    yield _row("Average", results, of_memory(lambda memory: size(memory.average_bytes)))
    yield _row("Above the loaded model", results, of_memory(lambda memory: size(memory.activation_bytes)))
    yield _row(
        "Fragmentation",
        results,
        of_memory(lambda memory: percent(memory.fragmentation_ratio)),
        hint="Inactive split bytes over reserved bytes: what the allocator cannot give back",
    )
    yield _row(
        "Slack of the cache",
        results,
        of_memory(lambda memory: percent(memory.cache_slack_ratio)),
        hint="Reserved bytes that nothing is allocated in, over reserved bytes",
    )


def _reference_rows(results: Sequence[WorkloadResult]) -> list[Row | None]:
    names = dict.fromkeys(name for result in results for name in result.reference_seconds)
    return [
        _row(name, results, lambda result, name=name: seconds(result.reference_seconds.get(name)))  # type: ignore[misc]
        for name in names
    ]


def _quantile(latency: LatencySummary, key: str, *, wall: bool = False) -> Cell:
    quantiles = latency.wall_quantiles if wall else latency.quantiles
    if key in quantiles:
        return Cell(text=seconds(quantiles[key]))
    return Cell(text=withheld(latency, key, wall=wall), withheld=True)


def _samples(latency: LatencySummary) -> Cell:
    note = ""
    if latency.pooled_runs > 1:
        note = f"{count(latency.pooled_samples)} pooled over {latency.pooled_runs} runs"
    return Cell(text=f"{latency.samples:,} of {latency.iterations:,}", note=note)


def _first_call(result: WorkloadResult) -> Cell | None:
    if result.first_call_seconds is None:
        return None
    return Cell(text=seconds(result.first_call_seconds), note="cold" if result.cold else "")


def _warmup(result: WorkloadResult) -> Cell | None:
    if result.warmup_seconds is None:
        return None
    notes = [] if result.warmup_iterations is None else [f"{result.warmup_iterations:,} iterations"]
    if result.settled is False:
        notes.append("never settled")
    return Cell(text=seconds(result.warmup_seconds), note=", ".join(notes))
