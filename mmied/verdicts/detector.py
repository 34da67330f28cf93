"""Follow one series run by run, and tell when its level has shifted; pure.

A state holds all that the detector knows, the points of the last window and the confirmed shifts, so it may be stored
(`codec.to_json`) or be rebuilt from the stored points and shifts (`restore`).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from mmied.verdicts.evidence import Evidence
from mmied.verdicts.reading import LEARNED, Reading, read
from mmied.verdicts.scales import as_ratio, in_unit, on_scale
from mmied.verdicts.series import DetectorSettings, Level, Point, Shift, State, Status

__all__ = [
    "DetectorSettings",
    "Level",
    "Point",
    "Shift",
    "State",
    "Status",
    "accept",
    "advance",
    "judge",
    "restore",
    "start",
]

KEPT_SHIFTS = 20
LATE_POINTS = 3  # in a row, earlier than what is known: then it is the clock that was put back
LARGEST = 1e60  # figures beyond it are no measurements, and their squares no numbers
MATTERS = 0.75  # of the smallest shift: evidence speaks for it from one half on, where little noise hides the rest
SUSPICIOUS = 0.5  # of the evidence that a shift takes: enough to look again at once
WANTED_TO_SETTLE = 5  # runs after which a level is known well enough to say that it is the old one again


def start(*, baseline: Level | None = None) -> State:
    """Return the state before the first point; a given `baseline` overrides the learned one."""
    return State(baseline=baseline, pinned=baseline is not None)


def judge(points: Iterable[Point], settings: DetectorSettings, *, baseline: Level | None = None) -> State:
    """Return the state after all `points`, as feeding them one by one gives it."""
    state = start(baseline=baseline)
    for point in points:
        state = advance(state, point, settings)
    return state


def restore(
    points: Sequence[Point], shifts: Sequence[Shift], settings: DetectorSettings, *, baseline: Level | None = None
) -> State:
    """Return the state that the stored last `points` and confirmed `shifts` of a series stand for.

    A given `baseline` overrides the learned one. What is worse than it is regressed, and is no shift again, unless the
    baseline is later than the points: then the next point may tell. Without one, the level before the last worse shift
    stands in.
    """
    state = replace(start(baseline=baseline), shifts=tuple(shifts)[-KEPT_SHIFTS:])
    for point in points:
        later = not state.points or point.at > state.points[-1].at
        if later and _can_count(point) and point.epoch == points[-1].epoch:
            state = _kept(state, point, state.seen, settings)
        state = replace(state, seen=state.seen + 1)
    last = state.shifts[-1] if state.shifts else None
    if last is not None and last.worse and baseline is None:
        state = replace(state, baseline=Level(value=last.before, at=last.first_at), status="regressed")
    elif baseline is not None and len(state.points) >= LEARNED:
        reading = read(state.points, [shift.first_at for shift in state.shifts], settings)
        known = baseline.at is None or baseline.at <= state.points[-1].at
        told = last is not None and last.worse and last.first_at >= (baseline.at or -math.inf)
        if known and (told or _against_baseline(state, reading, settings) is not None):
            state = replace(state, status="regressed")
    elif last is not None:
        state = replace(state, status="recovered" if any(shift.worse for shift in state.shifts[-2:]) else "stable")
    return _judged(state, settings, confirm=False)


def accept(state: State, *, at: float | None = None) -> State:
    """Return the state with the present level as its baseline: this is the new normal."""
    if state.level is None:
        return state
    baseline = replace(state.level, at=state.level.at if at is None else at)
    return replace(state, baseline=baseline, pinned=False, change_ratio=0.0, status="stable", why="accepted")


def advance(state: State, point: Point, settings: DetectorSettings) -> State:
    """Return the state after one more point; a shift that it confirmed is the last of `shifts`."""
    index, state = state.seen, replace(state, seen=state.seen + 1)
    if not _can_count(point):
        return state
    if state.points and point.at <= state.points[-1].at and point.epoch == state.points[-1].epoch:
        if point.at == state.points[-1].at or state.late + 1 < LATE_POINTS:
            return replace(state, late=state.late + (point.at < state.points[-1].at))
        state = _put_back(state, point.at)
    if state.points and point.epoch != state.points[-1].epoch:
        given = state.baseline if state.pinned else None
        state = replace(start(baseline=given), seen=state.seen, shifts=state.shifts)
        state = replace(state, why="something else is measured: learning anew")
    return _judged(_kept(state, point, index, settings), settings)


def _can_count(point: Point) -> bool:
    figures = (point.at, point.value, point.uncertainty or 0.0, point.calm or 0.0, *point.references.values())
    return point.fit and all(abs(figure) < LARGEST for figure in figures)  # which NaN is not either


def _kept(state: State, point: Point, index: int, settings: DetectorSettings) -> State:
    points = (*state.points, point)[-settings.window :]
    return replace(state, points=points, indexes=(*state.indexes, index)[-settings.window :], late=0)


def _put_back(state: State, at: float) -> State:
    """Return the state without the points that a clock which ran ahead had dated later than `at`."""
    count = sum(point.at < at for point in state.points)
    shifts = tuple(replace(s, first_at=min(s.first_at, at), confirmed_at=min(s.confirmed_at, at)) for s in state.shifts)
    return replace(state, points=state.points[:count], indexes=state.indexes[:count], shifts=shifts)


def _judged(state: State, settings: DetectorSettings, *, confirm: bool = True) -> State:
    if len(state.points) < LEARNED:
        missing = LEARNED - len(state.points)
        why = f"{missing} more {'run' if missing == 1 else 'runs'} to learn the level"
        return replace(state, status="learning", why=why)
    reading = read(state.points, [shift.first_at for shift in state.shifts], settings)
    needed = reading.needed
    found = reading.confirming
    smallest_found = as_ratio(reading.smallest_found, reading.level, settings)
    state = replace(
        state,
        level=_level(reading, state.points[reading.begin].at, settings),
        threshold=needed,
        evidence=found.strength,
        minimum_change_ratio=smallest_found,
        noise_ratio=as_ratio(reading.noise.deviation, reading.level, settings),
    )
    if math.isinf(reading.smallest_found) or (smallest_found or 0.0) > settings.too_noisy_ratio:
        state = replace(state, suspect_since=None, suspect_ratio=None)
        noisy: Status = "too_noisy" if len(state.points) >= 2 * LEARNED else "learning"
        what = "no shift" if smallest_found is None else f"no shift below {smallest_found:.0%}"
        return replace(state, status=noisy, why=f"runs differ so much that {what} could be told")
    matters = abs(found.shift) >= MATTERS * reading.smallest
    proven = matters and found.strength >= needed and not reading.drifts
    if confirm and proven and state.points[-1].at - state.points[found.first].at >= settings.least_seconds:
        return _shifted(state, reading, found, settings)
    if confirm and state.pinned and state.status != "regressed":
        against = _against_baseline(state, reading, settings)
        if against is not None:
            return _regressed(state, against)
    return _settled(state, reading, settings)


def _shifted(state: State, reading: Reading, found: Evidence, settings: DetectorSettings) -> State:
    """Return the state after `found` was confirmed."""
    shift = _shift(state, reading, found, reading.level, settings)
    before = _level(reading, state.points[reading.begin].at, settings)
    shifts = (*state.shifts, shift)[-KEPT_SHIFTS:]
    was_regressed = state.status == "regressed"
    state = replace(state, shifts=shifts, suspect_since=None, suspect_ratio=None)
    good = state.baseline if (state.pinned or was_regressed) and state.baseline is not None else before
    state = replace(state, baseline=good)
    after = read(state.points, [each.first_at for each in shifts], settings)
    state = replace(state, level=_level(after, shift.first_at, settings))
    distance = _distance(after, good, settings)
    state = replace(state, change_ratio=as_ratio(distance, on_scale(good.value, settings), settings))
    if _is_worse(distance, settings) and 2 * abs(distance) > reading.smallest:
        return _regressed(state, None)
    if was_regressed:
        return replace(state, status="recovered", why="back at the level before the regression, or better")
    return replace(state, status="stable", why="shifted to a better level")


def _regressed(state: State, shift: Shift | None) -> State:
    shifts = state.shifts if shift is None else (*state.shifts, shift)[-KEPT_SHIFTS:]
    last = shifts[-1]
    size = "" if last.ratio is None else f" by {last.ratio:+.1%}"
    return replace(
        state,
        status="regressed",
        shifts=shifts,
        suspect_since=None,
        suspect_ratio=None,
        change_ratio=state.change_ratio if shift is None else last.ratio,
        why=f"worse{size}, {last.sureness:.4%} sure",
    )


def _against_baseline(state: State, reading: Reading, settings: DetectorSettings) -> Shift | None:
    """Return the shift from the pinned baseline to the present level, where it is one and a worse one."""
    baseline = state.baseline
    if baseline is None or state.suspect_since is not None:
        return None
    distance = _distance(reading, baseline, settings)
    alternative = math.copysign(max(abs(distance), reading.smallest), distance)
    strength = (alternative * distance - alternative * alternative / 2) / (reading.error * reading.error)
    strength = reading.noise.tempered(max(strength, 0.0), 1)
    if not _is_worse(distance, settings) or strength < reading.needed:
        return None
    before = on_scale(baseline.value, settings)
    found = Evidence(first=reading.begin, shift=distance, error=reading.error, strength=strength)
    return _shift(state, reading, found, before, settings)


def _settled(state: State, reading: Reading, settings: DetectorSettings) -> State:
    """Return the state where nothing was confirmed: suspicious, or as before."""
    status, why = state.status, state.why
    count = len(state.points) - reading.begin
    if state.baseline is not None and (state.pinned or status == "regressed"):
        distance = _distance(reading, state.baseline, settings)
        ratio = as_ratio(distance, on_scale(state.baseline.value, settings), settings)
        state = replace(state, change_ratio=ratio)
        back = not _is_worse(distance, settings) or 2 * abs(distance) + reading.error < reading.smallest
        if status == "regressed" and back and count >= WANTED_TO_SETTLE:
            status, why = "recovered", "back at the level before the regression"
    if status in ("learning", "suspect", "too_noisy") or (status == "recovered" and count >= LEARNED):
        status, why = "stable", "no shift since the level was learned"
    if status == "stable" and not state.pinned:
        state = replace(state, baseline=state.level, change_ratio=0.0)
    suspicious = reading.suspicious
    if suspicious.strength >= SUSPICIOUS * reading.needed and not reading.drifts:
        ratio = as_ratio(suspicious.shift, reading.level, settings)
        state = replace(state, suspect_since=state.points[suspicious.first].at, suspect_ratio=ratio)
        runs = len(state.points) - suspicious.first
        size = "" if ratio is None else f" differ by {ratio:+.1%}"
        if status != "regressed":
            status, why = "suspect", f"the last {runs} {'run' if runs == 1 else 'runs'}{size}: not sure yet"
    else:
        state = replace(state, suspect_since=None, suspect_ratio=None)
        if reading.drifts and status == "stable":
            why = "drifts, without a step"
    return replace(state, status=status, why=why)


def _shift(state: State, reading: Reading, found: Evidence, before: float, settings: DetectorSettings) -> Shift:
    after = before + found.shift
    strength = found.strength - reading.needed
    return Shift(
        before=in_unit(before, settings),
        after=in_unit(after, settings),
        ratio=as_ratio(found.shift, before, settings),
        lower=as_ratio(found.shift - 1.96 * found.error, before, settings),
        upper=as_ratio(found.shift + 1.96 * found.error, before, settings),
        first_index=state.indexes[found.first],
        first_at=state.points[found.first].at,
        confirmed_at=state.points[-1].at,
        sureness=1 - settings.false_alarms_per_run * math.exp(-max(strength, 0.0)),
        worse=_is_worse(found.shift, settings),
    )


def _level(reading: Reading, at: float, settings: DetectorSettings) -> Level:
    return Level(value=in_unit(reading.level, settings), at=at, references=reading.companions)


def _distance(reading: Reading, baseline: Level, settings: DetectorSettings) -> float:
    """Return how far the level is above `baseline`, had the references been where they were then."""
    moved = sum(
        coefficient * (reading.companions[name] - baseline.references[name])
        for name, coefficient in reading.coefficients.items()
        if name in baseline.references
    )
    return reading.level - moved - on_scale(baseline.value, settings)


def _is_worse(distance: float, settings: DetectorSettings) -> bool:
    return distance > 0 if settings.better == "lower" else distance < 0
