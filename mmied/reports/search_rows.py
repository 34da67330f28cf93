"""Lay out a search: a row for each candidate that was tried, the best first, a column for each figure there is."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from mmied.formats import NOTHING, amount, count, digits, duration, seconds, size
from mmied.optimization import Search, Trial, Verdict
from mmied.profiles import PairedRatio
from mmied.reports.figures import Cell
from mmied.reports.words import plain

ORDER: tuple[Verdict, ...] = ("helps", "cannot_tell", "does_not_help", "not_tried")
SYMBOLS: dict[Verdict, str] = {"helps": "●", "cannot_tell": "◐", "does_not_help": "○", "not_tried": "–"}
COLOURS: dict[Verdict, str] = {"helps": "good", "cannot_tell": "warn", "does_not_help": "", "not_tried": ""}
FIDELITY_ONLY = "fidelity only"  # nobody gave labelled samples


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRow:
    """One candidate that was tried; `said` is its verdict in words."""

    trial: Trial
    said: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSummary:
    """The table of verdicts: the names of its columns after candidate and verdict, and its rows."""

    head: tuple[str, ...]
    rows: tuple[TrialRow, ...]


def summarize_search(search: Search) -> SearchSummary:
    """Return the table of what was tried, without the columns in which no candidate has a figure."""
    trials = sorted(
        (trial for trial in search.trials if trial.verdict != "not_tried"),
        key=lambda trial: (ORDER.index(trial.verdict), -best_speedup(trial)),
    )
    say = _columns(search)
    cells = [[speak(trial) for speak in say.values()] for trial in trials]
    kept = [column for column in range(len(say)) if any(row[column].text != NOTHING for row in cells)]
    names = list(say)
    rows = [
        TrialRow(trial=trial, said=verdict_words(trial), cells=tuple(row[column] for column in kept))
        for trial, row in zip(trials, cells, strict=True)
    ]
    return SearchSummary(head=tuple(names[column] for column in kept), rows=tuple(rows))


def not_tried(search: Search) -> dict[str, list[str]]:
    """Return the candidates that were not tried by why: many share a reason."""
    reasons: dict[str, list[str]] = {}
    for trial in search.trials:
        if trial.verdict == "not_tried":
            reasons.setdefault(trial.why, []).append(trial.candidate)
    if search.left:
        reasons["the budget did not reach it"] = list(search.left)
    return reasons


def counted(search: Search) -> str:
    """Return how many candidates have which verdict, and what the search took."""
    counts = {verdict: sum(trial.verdict == verdict for trial in search.trials) for verdict in ORDER}
    counts["not_tried"] += len(search.left)
    said = ", ".join(f"{count} {_counted_word(verdict, count)}" for verdict, count in counts.items() if count)
    spent, budget = duration(search.spent_seconds), duration(search.budget_seconds)
    return f"{said or 'no candidates'}, in {spent} of {budget}"


def verdict_words(trial: Trial) -> str:
    """Return a verdict in words, with what it rests on where that is outputs alone."""
    label = plain(trial.verdict)
    return f"{label} ({FIDELITY_ONLY})" if trial.verdict == "helps" and trial.fidelity_only else label


def best_speedup(trial: Trial) -> float:
    """Return the highest speed-up over the batch sizes; 0 where it was not timed."""
    return max((ratio.speedup_ratio for ratio in trial.ratios), default=0.0)


def times(ratio: float) -> str:
    """Return a speed-up: 2.13×."""
    return f"{digits(ratio)}×"


def interval(ratio: PairedRatio) -> str:
    """Return the interval of a speed-up: 2.01 to 2.24."""
    return f"{digits(ratio.lower)} to {digits(ratio.upper)}"


def change_words(trial: Trial) -> Cell:
    """Return by how much accuracy changed, with its interval; in points where it is a share of right answers."""
    if trial.accuracy_change is None or trial.accuracy is None:
        return Cell(text=NOTHING)
    estimate, lower, upper = trial.accuracy_change
    if trial.accuracy.metric == "accuracy":
        said = f"{100 * estimate:+.2f} points"
        return Cell(text=said, note=f"{100 * lower:+.2f} to {100 * upper:+.2f}")
    return Cell(text=_signed(estimate), note=f"{_signed(lower)} to {_signed(upper)}")


def distance(trial: Trial) -> str:
    """Return how far a candidate's outputs are from the baseline's, relative to their size."""
    if trial.fidelity is None or trial.fidelity.relative_l2 is None:
        return NOTHING
    value = trial.fidelity.relative_l2
    return "0" if value == 0 else f"{value:.1e}" if value < 1e-3 else f"{100 * value:.2g} %"


def against(value: float | None, baseline: float | None, say: Callable[[float | None], str]) -> Cell:
    """Return a cost with that of the deployed model below it."""
    if value is None:
        return Cell(text=NOTHING)
    return Cell(text=say(value), note=f"from {say(baseline)}" if baseline is not None else "")


def _columns(search: Search) -> dict[str, Callable[[Trial], Cell]]:
    say: dict[str, Callable[[Trial], Cell]] = {
        f"speed-up, batch of {batch_size}": partial(_speedup, batch_size=batch_size)
        for batch_size in search.batch_sizes
    }
    metric = next((trial.accuracy.metric for trial in search.trials if trial.accuracy is not None), "accuracy")
    return say | {
        f"change of {metric.rpartition(':')[2]}": change_words,
        "outputs off by": lambda trial: Cell(text=distance(trial)),
        "peak memory": lambda trial: _cost(trial, "peak_bytes", size),
        "file": lambda trial: _cost(trial, "artifact_bytes", size),
        "until ready": lambda trial: Cell(text=seconds(_ready_seconds(trial))),
        "pays back after": lambda trial: Cell(text=payback(trial)),
    }


COSTS = (  # name, figure of ServingCost, how it is said
    ("Peak memory of a process that serves it", "peak_bytes", size),
    ("Files", "artifact_bytes", size),
    ("Time to load", "load_seconds", seconds),
    ("First call, with what is compiled then", "first_call_seconds", seconds),
    ("Compiled anew for further batch sizes", "recompiles", count),
)


def costs(trial: Trial) -> list[tuple[str, str, str]]:
    """Return what serving a candidate takes, and what serving the deployed model does."""
    return [
        (name, say(getattr(trial.cost, figure, None)), say(getattr(trial.baseline_cost, figure, None) or None))
        for name, figure, say in COSTS
        if getattr(trial.cost, figure, None)  # none known, or nothing to tell: a factory has no file
    ]


def payback(trial: Trial) -> str:
    """Return after how many calls what was spent on making a candidate is earned back."""
    if trial.break_even_calls is None or trial.verdict == "does_not_help":
        return NOTHING
    return "at once" if trial.break_even_calls < 1 else f"{amount(trial.break_even_calls)} calls"


def _ready_seconds(trial: Trial) -> float | None:
    """Return what making it and its first call took: what a server that has no file of it pays at each start."""
    if trial.convert_seconds is None:
        return None
    return trial.convert_seconds + ((trial.cost.first_call_seconds or 0.0) if trial.cost is not None else 0.0)


def _speedup(trial: Trial, batch_size: int) -> Cell:
    ratio = next((each for each in trial.ratios if each.batch_size == batch_size), None)
    return Cell(text=NOTHING) if ratio is None else Cell(text=times(ratio.speedup_ratio), note=interval(ratio))


def _cost(trial: Trial, figure: str, say: Callable[[float | None], str]) -> Cell:
    # A factory without weights has no file, and no bytes that would say anything.
    value = (getattr(trial.cost, figure) if trial.cost is not None else None) or None
    base = (getattr(trial.baseline_cost, figure) if trial.baseline_cost is not None else None) or None
    return against(value, base, say)


def _signed(value: float) -> str:
    return f"{'-' if value < 0 else '+'}{digits(abs(value))}"


def _counted_word(verdict: Verdict, count: int) -> str:
    several = {
        "helps": "help",
        "cannot_tell": "cannot be told",
        "does_not_help": "do not help",
        "not_tried": "not tried",
    }
    return several[verdict] if count != 1 or verdict in ("cannot_tell", "not_tried") else plain(verdict)
