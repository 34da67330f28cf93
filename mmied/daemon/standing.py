"""Keep where each model stands: a fold over its runs, so that a restart finds it again in the history. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from mmied.records import Run, WorkloadResult

QUARANTINE_AFTER = 2  # runs in which the daemon itself died
BY_ADMISSION = ("busy_cpu", "busy_gpu", "busy_io", "low_memory")  # not: a budget that is spent, a time that was missed


@dataclass(frozen=True, slots=True, kw_only=True)
class Success:
    """The last time that a scenario succeeded; the run comes without samples and results."""

    run: Run
    result: WorkloadResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """How jobs of one kind went. A refused run is an attempt; a run is what was started and came to its own end."""

    last_attempt: Run | None = None
    last_run: Run | None = None
    last_success: Run | None = None
    failures: int = 0  # runs in a row
    refusals: int = 0  # in a row
    turned_away: int = 0  # of these, by admission: what `force_after` counts
    orphans: int = 0  # runs since the last success in which the daemon died

    @property
    def quarantined(self) -> bool:
        return self.orphans >= QUARANTINE_AFTER


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing(Attempts):
    """Where a model stands: how its profiling goes, and apart from it how its inspections and searches do."""

    successes: Mapping[str, Success] = field(default_factory=dict)  # by scenario
    last_results: Mapping[str, WorkloadResult] = field(default_factory=dict)  # by scenario, of the last run
    scenario_failures: Mapping[str, int] = field(default_factory=dict)
    inspections: Attempts = field(default_factory=Attempts)
    searches: Attempts = field(default_factory=Attempts)
    comparisons: Attempts = field(default_factory=Attempts)  # of a changed file with the one before

    def of(self, kind: str) -> Attempts:
        """Return how the jobs of a kind went."""
        own: Mapping[str, Attempts] = {
            "inspect": self.inspections,
            "optimize": self.searches,
            "compare": self.comparisons,
        }
        return own.get(kind, self)


T = TypeVar("T", bound=Attempts)


def advance(standing: Standing, run: Run) -> Standing:
    """Return the standing after one more run."""
    bare = replace(run, results=tuple(_without_samples(result) for result in run.results), golden=None)
    if run.kind == "inspect":
        return replace(standing, inspections=_count(standing.inspections, bare))
    if run.kind == "compare":
        return replace(standing, comparisons=_count(standing.comparisons, bare))
    if run.kind == "optimize":
        searches = _count(standing.searches, bare)
        # A part that was stopped with the daemon is where the search goes on.
        return replace(standing, searches=searches if run.searched is None else replace(searches, last_run=bare))
    if run.kind != "profile":
        return standing
    if run.outcome == "refused":
        return _count(standing, bare)
    failures = dict(standing.scenario_failures)
    successes = dict(standing.successes)
    for result in bare.results:
        name = result.workload.scenario
        if result.outcome == "succeeded":
            failures[name] = 0
            successes[name] = Success(run=replace(bare, results=(), log_tail=""), result=result)
        else:
            failures[name] = failures.get(name, 0) + 1
    return replace(
        _count(standing, bare),
        successes=successes,
        last_results={result.workload.scenario: result for result in bare.results},
        scenario_failures=failures,
    )


def _count(attempts: T, run: Run) -> T:
    """Return how jobs of a kind went after one more of them."""
    if run.outcome == "refused":
        return replace(
            attempts,
            last_attempt=run,
            refusals=attempts.refusals + 1,
            turned_away=attempts.turned_away + (run.reason in BY_ADMISSION),
        )
    succeeded = run.outcome == "succeeded"
    return replace(
        attempts,
        last_attempt=run,
        last_run=run,
        last_success=run if succeeded else attempts.last_success,
        failures=0 if succeeded else attempts.failures + 1,
        refusals=0,
        turned_away=0,
        orphans=0 if succeeded else attempts.orphans + run.orphaned,
    )


def release(standing: Standing) -> Standing:
    """Return the standing of a model that gets a fresh start: its file changed, or an operator reloaded."""
    return replace(
        _forgive(standing),
        inspections=_forgive(standing.inspections),
        searches=_forgive(standing.searches),
        comparisons=_forgive(standing.comparisons),
    )


def _forgive(attempts: T) -> T:
    return replace(attempts, failures=0, refusals=0, turned_away=0, orphans=0)


def fold(runs: Iterable[Run], released_at: float = 0.0) -> Standing:
    """Return the standing after `runs`, oldest first; failures before `released_at` (a Unix time) are forgiven."""
    standing = Standing()
    forgiven = False
    for run in runs:
        if not forgiven and run.started_at >= released_at:
            standing, forgiven = release(standing), True
        standing = advance(standing, run)
    return standing if forgiven else release(standing)


def _without_samples(result: WorkloadResult) -> WorkloadResult:
    return replace(result, iterations=None, references={})
