"""Hold two inspections against each other: each layer's and operator's own time per call, before and after."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mmied.inspection import Inspection

MOST_ROWS = 50
NOTHING = "the model itself"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One layer or operator before and after, by its own time in one call; None where it was not there."""

    name: str
    kind: str
    before_seconds: float | None
    after_seconds: float | None

    @property
    def change_seconds(self) -> float:
        return (self.after_seconds or 0.0) - (self.before_seconds or 0.0)

    @property
    def change_ratio(self) -> float | None:
        return self.change_seconds / self.before_seconds if self.before_seconds else None


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectionDifference:
    """What became faster and slower, the largest changes first; `call` is a whole call that nobody looked at."""

    call: Change | None
    layers: tuple[Change, ...]
    operators: tuple[Change, ...]
    flops: tuple[float | None, float | None]
    peak_bytes: tuple[int | None, int | None]
    notes: tuple[str, ...]


def compare_inspections(before: Inspection, after: Inspection, *, rows: int = MOST_ROWS) -> InspectionDifference:
    """Return how `after` differs from `before`, with the `rows` layers and operators that changed most."""
    calls = (_call_seconds(before), _call_seconds(after))
    call = None
    if None not in calls:
        call = Change(name="a call", kind="", before_seconds=calls[0], after_seconds=calls[1])
    return InspectionDifference(
        call=call,
        layers=_largest(_layers(before), _layers(after), rows),
        operators=_largest(_operators(before), _operators(after), rows),
        flops=(_flops(before), _flops(after)),
        peak_bytes=(_peak(before), _peak(after)),
        notes=tuple(_notes(before, after)),
    )


Times = Mapping[str, tuple[str, float]]  # by name: the kind, and the own time


def _largest(before: Times | None, after: Times | None, rows: int) -> tuple[Change, ...]:
    if before is None or after is None:
        return ()
    changes = []
    for name in {**before, **after}:
        old, new = before.get(name), after.get(name)
        changes.append(
            Change(
                name=name,
                kind=(new or old or ("", 0.0))[0],
                before_seconds=old[1] if old is not None else None,
                after_seconds=new[1] if new is not None else None,
            )
        )
    changed = [change for change in changes if change.change_seconds]
    return tuple(sorted(changed, key=lambda change: (-abs(change.change_seconds), change.name))[:rows])


def _layers(inspection: Inspection) -> Times | None:
    if inspection.layers is None:
        return None
    return {
        layer.name or NOTHING: (layer.kind, layer.self_seconds)
        for layer in inspection.layers.layers
        if layer.self_seconds is not None
    }


def _operators(inspection: Inspection) -> Times | None:
    if inspection.operators is None:
        return None
    return {one.name: (one.category, one.self_seconds) for one in inspection.operators.operators}


def _call_seconds(inspection: Inspection) -> float | None:
    for seen in (inspection.layers, inspection.operators):
        if seen is not None and seen.bare_call_seconds is not None:
            return seen.bare_call_seconds
    return None


def _flops(inspection: Inspection) -> float | None:
    return inspection.flops.flops if inspection.flops is not None else None


def _peak(inspection: Inspection) -> int | None:
    return max((timeline.peak_bytes for timeline in inspection.timelines), default=None)


def _notes(before: Inspection, after: Inspection) -> Iterator[str]:
    if before.workload != after.workload:
        yield f"they were called in other ways: {before.workload.scenario} before, {after.workload.scenario} after"
    for what, old, new in (("layers", before.layers, after.layers), ("operators", before.operators, after.operators)):
        if (old is None) is not (new is None):
            yield f"only one of the two has {what}: there is nothing to compare"
    if before.layers is not None and after.layers is not None:
        if before.layers.source != after.layers.source:
            yield "the layers' times were had in two ways, which differ by themselves"
        if not (before.layers.told_apart and after.layers.told_apart):
            yield "layers' times lie within the noise of one another in one of the two: their order means nothing there"
