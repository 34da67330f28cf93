"""Say in sentences what two inspections tell of a change: which layers and operators took the difference."""

from collections.abc import Callable, Iterator, Sequence

from mmied import formats
from mmied.inspection import Inspection
from mmied.reports.flame_difference import Difference
from mmied.reports.inspection_difference import Change, InspectionDifference, compare_inspections

TOLD = 3  # layers, and operators
LEAST_SHARE = 0.05  # of the difference: what took less explains nothing
SAME_RATIO = 0.02  # calls and arithmetic that differ by less are the same


def explain(before: Inspection, after: Inspection, *, flame: Difference | None = None) -> tuple[str, ...]:
    """Return what became of a call from `before` to `after`, the whole first and then what took the difference."""
    found = compare_inspections(before, after)
    return tuple(_sentences(found, flame))


def _sentences(found: InspectionDifference, flame: Difference | None) -> Iterator[str]:
    if found.call is not None:
        yield f"a call took {_from_to(found.call)}, {_signed(found.call.change_seconds)}"
    yield from _sharers("layer", found.layers, found.call)
    yield from _sharers("operator", found.operators, found.call)
    if flame is not None and flame.largest:
        frame = flame.largest[0]
        within = f" within {frame.within}" if frame.within else ""
        yield (
            f"in the flame graph {frame.name}{within} changed most: {formats.seconds(frame.before_seconds)} → "
            f"{formats.seconds(frame.after_seconds)} of its own"
        )
    yield from _totals("arithmetic of a call", found.flops, lambda flops: f"{formats.amount(flops)}FLOP")
    yield from _totals("peak memory of a call", found.peak_bytes, formats.size)
    yield from (f"note: {note}" for note in found.notes)


def _sharers(what: str, changes: Sequence[Change], call: Change | None) -> Iterator[str]:
    """Yield the layers or operators that took most of the difference, in its direction."""
    whole = sum(change.change_seconds for change in changes)
    if call is not None and abs(call.change_ratio or 0.0) > SAME_RATIO:
        whole = call.change_seconds  # of a call that nobody looked at: looking moves the sum
    towards = [change for change in changes if change.change_seconds * whole > 0]
    total = sum(change.change_seconds for change in towards)
    for change in sorted(towards, key=lambda each: -abs(each.change_seconds))[:TOLD]:
        if change.change_seconds / total < LEAST_SHARE:
            continue
        named = f"{what} {change.name}" + (f" ({change.kind})" if change.kind else "")
        said = f"{named} took {_signed(change.change_seconds)} of the difference, {change.change_seconds / total:.0%}"
        if change.before_seconds is None:
            yield f"{said}: it was not there before"
        elif change.after_seconds is None:
            yield f"{said}: it is not there any more"
        else:
            yield f"{said}: {_from_to(change)}"


def _totals(what: str, pair: tuple[float | None, float | None], say: Callable[[float], str]) -> Iterator[str]:
    before, after = pair
    if before and after is not None and abs(after / before - 1) > SAME_RATIO:
        yield f"{what}: {say(before)} → {say(after)}, {after / before - 1:+.0%}"


def _from_to(change: Change) -> str:
    return f"{formats.seconds(change.before_seconds)} → {formats.seconds(change.after_seconds)}"


def _signed(seconds: float) -> str:
    return f"{'+' if seconds > 0 else '−'}{formats.seconds(abs(seconds))}"
