"""Tell what a run spent its time on."""

from dataclasses import dataclass

from mmied.records import Run

LEAST_OTHER_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A part of a run: from `start_ratio` on it took `ratio` of the whole. `kind` chooses its colour."""

    name: str
    kind: str
    seconds: float
    start_ratio: float
    ratio: float


def phases(run: Run) -> tuple[Phase, ...]:
    """Return the phases of `run` in the order in which they came; what none accounts for comes last."""
    parts = [("import", "import", run.import_seconds), ("load", "load", run.load_seconds)]
    for result in run.results:
        name = result.workload.scenario
        parts += [
            (f"first call {name}", "first", result.first_call_seconds),
            (f"warm-up {name}", "warmup", result.warmup_seconds),
            (f"measure {name}", "measure", result.measure_seconds),
        ]
    spent = [(name, kind, seconds) for name, kind, seconds in parts if seconds]
    known = sum(seconds for _, _, seconds in spent)
    whole = max(run.ended_at - run.started_at, known)
    if not whole:
        return ()
    if whole - known > LEAST_OTHER_SECONDS:
        spent.append(("other", "other", whole - known))
    drawn, start = [], 0.0
    for name, kind, seconds in spent:
        drawn.append(Phase(name=name, kind=kind, seconds=seconds, start_ratio=start / whole, ratio=seconds / whole))
        start += seconds
    return tuple(drawn)
