"""Hold two flame graphs against each other, frame by frame, in seconds per call."""

from collections.abc import Sequence
from dataclasses import dataclass

from mmied.errors import MmiedError
from mmied.reports.frames import FlameGraph, Frame, total_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameChange:
    """One path before and after, by the frame's own time per call; a frame that is not there took none.

    `within` is the module around it, or its caller where none is known.
    """

    name: str
    within: str
    before_seconds: float
    after_seconds: float

    @property
    def change_seconds(self) -> float:
        return self.after_seconds - self.before_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """`before_seconds` has, for each frame of the new graph, what its path took before per call; None: not there."""

    before: FlameGraph
    before_seconds: tuple[float | None, ...]
    largest: tuple[FrameChange, ...]
    notes: tuple[str, ...]


def differ(before: FlameGraph, after: FlameGraph, *, rows: int = 10) -> Difference:
    """Return how `after` differs, with the `rows` paths whose own time changed most.

    Raises MmiedError where the two cannot be held against each other.
    """
    for what in ("profiler", "clock"):
        old, new = getattr(before, what), getattr(after, what)
        if old != new:
            raise MmiedError(
                f"--compare: that run's {what} is {old}, this one's {new}; their frames have nothing in common. "
                "Profile again with the same --profiler and --device."
            )
    twins = _twins(before.frames, after.frames)
    old_totals = total_seconds(before.frames)
    changes = []
    for index, (frame, twin) in enumerate(zip(after.frames, twins, strict=True)):
        old_self = 0.0 if twin is None else before.frames[twin].self_seconds / before.calls
        changes.append((old_self, frame.self_seconds / after.calls, after.frames, index))
    gone = set(range(len(before.frames))) - set(twins)
    changes += [(before.frames[index].self_seconds / before.calls, 0.0, before.frames, index) for index in sorted(gone)]
    changes.sort(key=lambda change: -abs(change[1] - change[0]))
    return Difference(
        before=before,
        before_seconds=tuple(None if twin is None else old_totals[twin] / before.calls for twin in twins),
        largest=tuple(
            FrameChange(
                name=frames[index].name,
                within=name_around(frames, index),
                before_seconds=old,
                after_seconds=new,
            )
            for old, new, frames, index in changes[:rows]
            if old != new
        ),
        notes=tuple(_notes(before, after)),
    )


def name_around(frames: Sequence[Frame], index: int) -> str:
    """Return the name of the innermost module around a frame, of its caller where there is none, "" for the root."""
    caller = at = frames[index].parent
    while at is not None:
        if frames[at].category == "module":
            return frames[at].name
        at = frames[at].parent
    return "" if caller is None else frames[caller].name


def _twins(before: Sequence[Frame], after: Sequence[Frame]) -> list[int | None]:
    """Return, for each frame of `after`, the index of the frame of `before` on the same path; the roots are twins."""
    known = {(frame.parent, frame.name): index for index, frame in enumerate(before)}
    twins: list[int | None] = [0]
    for frame in after[1:]:
        above = twins[frame.parent] if frame.parent is not None else None
        twins.append(None if above is None else known.get((above, frame.name)))
    return twins


def _notes(before: FlameGraph, after: FlameGraph) -> list[str]:
    notes = [
        f"{what} differs: {getattr(before, name)} before, {getattr(after, name)} now"
        for name, what in (("model", "the model's name"), ("device", "the device"), ("batch_size", "the batch size"))
        if getattr(before, name) != getattr(after, name)
    ]
    if before.environment and after.environment and before.environment.fingerprint != after.environment.fingerprint:
        notes.append("the two ran in different environments (versions, threads, host or model file)")
    return notes
