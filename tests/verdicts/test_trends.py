"""A slow drift is told with its interval, and noise is not called one."""

import math
from random import Random

import pytest

from mmied.regression import SeriesKey, SeriesPoint
from mmied.verdicts.objectives import DAY_SECONDS
from mmied.verdicts.trends import find_trend

KEY = SeriesKey("ranker", "b1", "latency_p50")
THROUGHPUT = SeriesKey("ranker", "b1", "throughput")


def series(
    days: int, *, weekly: float = 0.0, noise: float = 0.01, seed: int = 0, key: SeriesKey = KEY, each_day: int = 8
) -> list[SeriesPoint]:
    """Return runs of so many days, of a figure about 0.010 that drifts by a ratio each week."""
    draw = Random(seed)
    points = []
    for run in range(days * each_day):
        at = run * DAY_SECONDS / each_day
        figure = 0.010 * (1 + weekly * at / (7 * DAY_SECONDS)) * math.exp(draw.gauss(0, noise))
        points.append(SeriesPoint(key=key, run_id=f"r{run}", at=at, figure=figure, value=math.log(figure)))
    return points


def test_a_drift_of_one_percent_a_week_is_found_within_four_weeks() -> None:
    trend = find_trend(KEY, series(28, weekly=0.01))
    assert trend is not None and trend.sure
    assert trend.ratio_per_week == pytest.approx(0.01, abs=0.002)
    assert trend.lower < 0.01 < trend.upper


def test_a_throughput_that_falls_is_a_drift_for_the_worse() -> None:
    trend = find_trend(THROUGHPUT, series(28, weekly=-0.02, key=THROUGHPUT))
    assert trend is not None and trend.sure and trend.ratio_per_week > 0


def test_noise_without_a_drift_is_called_one_in_at_most_one_of_fifteen_histories() -> None:
    trends = [find_trend(KEY, series(28, noise=0.03, seed=seed)) for seed in range(150)]
    assert all(trend is not None for trend in trends)
    assert sum(trend.sure for trend in trends if trend) <= 10  # 5 % are 7.5


def test_days_that_resemble_the_day_before_do_not_make_a_drift() -> None:
    found = 0
    for seed in range(100):
        draw, level, points = Random(seed), 0.0, []
        for day in range(60):
            level = 0.6 * level + draw.gauss(0, 0.01)
            figure = 0.010 * math.exp(level)
            points.append(SeriesPoint(key=KEY, run_id=f"{day}", at=day * DAY_SECONDS, figure=figure, value=0.0))
        trend = find_trend(KEY, points)
        found += trend is not None and trend.sure
    assert found <= 12


def test_a_level_shift_is_no_drift_when_it_is_told_since_when_the_level_holds() -> None:
    before, after = series(14), series(14, seed=1)
    shifted = [
        SeriesPoint(key=KEY, run_id=p.run_id, at=p.at + 14 * DAY_SECONDS, figure=1.2 * p.figure, value=p.value)
        for p in after
    ]
    contaminated, clean = find_trend(KEY, before + shifted), find_trend(KEY, before + shifted, since=14 * DAY_SECONDS)
    assert contaminated is not None and contaminated.ratio_per_week > 0.02
    assert clean is not None and not clean.sure


def test_spikes_and_unfit_runs_do_not_move_the_slope() -> None:
    points = series(28)
    spoilt = [
        SeriesPoint(key=KEY, run_id=p.run_id, at=p.at, figure=50 * p.figure, value=p.value, fit=index % 3 == 0)
        if index % 5 == 0
        else p
        for index, p in enumerate(points)
    ]
    trend = find_trend(KEY, spoilt)
    assert trend is not None and abs(trend.ratio_per_week) < 0.005


@pytest.mark.parametrize("days", [0, 1, 6, 9])
def test_a_week_is_too_short_to_tell(days: int) -> None:
    assert find_trend(KEY, series(days)) is None


def test_a_constant_series_has_no_drift() -> None:
    trend = find_trend(KEY, series(28, noise=0.0))
    assert trend is not None and not trend.sure and trend.ratio_per_week == 0


def test_gaps_of_days_are_bridged_by_the_line() -> None:
    points = [point for point in series(40, weekly=0.02) if not 10 <= point.at / DAY_SECONDS < 30]
    trend = find_trend(KEY, points)
    assert trend is not None and trend.ratio_per_week == pytest.approx(0.02, abs=0.004)
