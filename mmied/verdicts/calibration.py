"""Tell of a stored series what can be found in it, and what alarms it would have had; pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from mmied.verdicts.detector import advance, start
from mmied.verdicts.false_alarms import threshold
from mmied.verdicts.reading import LEARNED, read
from mmied.verdicts.series import DetectorSettings, Level, Point, Shift


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What a series' own noise allows, and what a replay of the detector over it gave.

    `noise_ratio` is the standard deviation of runs of one level that their own errors do not explain, on a log scale
    a ratio, else in the metric's unit. `inflation` tells how much more the mean of 1, 2, 4, 8 and 16 runs varies than
    that of independent ones: above 1 for drift, cycles, and runs that resemble their neighbours. `tail_ratio` is the
    share of runs farther than three standard deviations from those around them; 0.003 for normal noise.
    """

    runs: int  # that counted
    set_aside: int
    threshold: float
    noise: float | None = None
    inflation: tuple[float, ...] = ()
    tail_ratio: float | None = None
    minimum_change_ratio: float | None = None  # found within three runs in 95 of 100 cases
    judgeable: bool = False
    why: str = ""
    shifts: tuple[Shift, ...] = ()  # that the replay confirmed
    suspicions: int = 0  # times that confirming runs would have been asked for


def calibrate(points: Sequence[Point], settings: DetectorSettings, *, baseline: Level | None = None) -> Calibration:
    """Return what `points` of a series allow to be found under `settings`, having replayed the detector over them."""
    state = start(baseline=baseline)
    shifts: list[Shift] = []
    counted = suspicions = 0
    for point in points:
        before, state = state, advance(state, point, settings)
        if state.indexes[-1:] == before.indexes[-1:]:
            continue
        counted += 1
        suspicions += state.suspect_since is not None and before.suspect_since is None
        if state.shifts[-1:] != before.shifts[-1:]:
            shifts.append(state.shifts[-1])
    if len(state.points) < LEARNED:
        why = f"{counted} runs: it takes {LEARNED} to learn a level"
        usual = threshold(settings.false_alarms_per_run)
        return Calibration(runs=counted, set_aside=len(points) - counted, threshold=usual, why=why)
    reading = read(state.points, [shift.first_at for shift in state.shifts], settings)
    return Calibration(
        runs=counted,
        set_aside=len(points) - counted,
        threshold=reading.needed,
        noise=reading.noise.deviation,
        inflation=reading.noise.dependence,
        tail_ratio=reading.noise.accidents,
        minimum_change_ratio=state.minimum_change_ratio,
        judgeable=state.status != "too_noisy",
        why=state.why,
        shifts=tuple(shifts),
        suspicions=suspicions,
    )
