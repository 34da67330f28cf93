"""An objective is judged on several runs, and not where too little was measured."""

import pytest

from mmied.regression import Objective, SeriesKey, SeriesPoint, Trend
from mmied.verdicts.objectives import held_against, judge_objective, whole_throughput

P99 = SeriesKey("ranker", "b1", "latency_p99")
THROUGHPUT = SeriesKey("ranker", "b8", "throughput")
HOUR = 3600.0


def points(*figures: float, key: SeriesKey = P99, fit: bool = True) -> list[SeriesPoint]:
    return [
        SeriesPoint(key=key, run_id=f"r{index}", at=index * HOUR, figure=figure, value=figure, fit=fit)
        for index, figure in enumerate(figures)
    ]


def judged(series: list[SeriesPoint], objective: float = 0.050, key: SeriesKey = P99, trend: Trend | None = None):  # type: ignore[no-untyped-def]
    return judge_objective(key, objective, series, now=10 * HOUR, stale_seconds=24 * HOUR, trend=trend)


def trend(per_week: float, *, level: float, key: SeriesKey = P99, sure: bool = True) -> Trend:
    margin = 0.1 * abs(per_week) if sure else 2 * abs(per_week) + 0.001
    return Trend(
        key=key, ratio_per_week=per_week, lower=per_week - margin, upper=per_week + margin, level=level, days=28
    )


def test_a_latency_below_its_objective_has_headroom() -> None:
    found = judged(points(0.040, 0.041, 0.039))
    assert found.missed is False and found.headroom_ratio == pytest.approx(0.2) and found.runs == 3


def test_a_throughput_above_its_objective_has_headroom() -> None:
    found = judged(points(1500, 1500, key=THROUGHPUT), 1000, THROUGHPUT)
    assert found.missed is False and found.headroom_ratio == pytest.approx(0.5)


def test_one_run_beyond_the_objective_does_not_miss_it() -> None:
    assert judged(points(0.040, 0.041, 0.090)).missed is False


def test_three_runs_beyond_the_objective_miss_it() -> None:
    found = judged(points(0.040, 0.060, 0.055, 0.058))
    assert found.missed is True and found.headroom_ratio == pytest.approx(-0.16)


def test_the_first_run_that_is_good_again_ends_a_missed_objective() -> None:
    assert judged(points(0.060, 0.060, 0.040)).missed is False


def test_a_percentile_that_no_run_could_bear_is_not_judged() -> None:
    found = judge_objective(
        P99, 0.050, [], now=0.0, stale_seconds=1.0, lacking="p99 needs 459 samples, the last run had 120"
    )
    assert found.missed is None and found.figure is None and found.why == "p99 needs 459 samples, the last run had 120"


def test_runs_that_contention_spoilt_are_not_judged() -> None:
    found = judged(points(0.09, 0.09, 0.09, fit=False))
    assert found.missed is None and found.why == "too much else ran on the host in each run"


def test_an_old_figure_tells_nothing_of_today() -> None:
    found = judge_objective(P99, 0.050, points(0.09), now=100 * HOUR, stale_seconds=24 * HOUR)
    assert found.missed is None and found.why == "the last run that measured it is 100.0 h old"


def test_a_trend_towards_the_objective_tells_the_days_left() -> None:
    found = judged(points(0.040), trend=trend(0.025, level=0.040))
    assert found.days_left == pytest.approx(70)  # a quarter of the level at a fortieth a week


def test_a_trend_that_leads_away_or_is_noise_tells_no_day() -> None:
    assert judged(points(0.040), trend=trend(-0.025, level=0.040)).days_left is None
    assert judged(points(0.040), trend=trend(0.025, level=0.040, sure=False)).days_left is None


def test_a_falling_throughput_meets_its_objective_from_above() -> None:
    found = judged(points(1500, key=THROUGHPUT), 1000, THROUGHPUT, trend(0.1, level=1500, key=THROUGHPUT))
    assert found.days_left == pytest.approx(7 * (500 / 1500) / 0.1)


def test_an_objective_that_is_crossed_has_no_day_left() -> None:
    assert judged(points(0.060), trend=trend(0.02, level=0.060)).days_left == 0


def test_an_objective_is_for_each_scenario_but_those_that_have_their_own() -> None:
    objectives = [
        Objective(metric="latency_p99", value=0.2, scenario="b8"),
        Objective(metric="latency_p99", value=0.05),
        Objective(metric="load_time", value=3.0),
    ]
    assert held_against(objectives, "ranker", ("b1", "b8")) == {
        SeriesKey("ranker", "b1", "latency_p99"): 0.05,
        SeriesKey("ranker", "b8", "latency_p99"): 0.2,
        SeriesKey("ranker", "", "load_time"): 3.0,
    }


def test_a_throughput_is_asked_of_the_whole_model_unless_it_names_a_scenario() -> None:
    objectives = [Objective(metric="throughput", value=1000), Objective(metric="throughput", value=10, scenario="b1")]
    assert held_against(objectives, "ranker", ("b1", "b8")) == {SeriesKey("ranker", "b1", "throughput"): 10}
    assert whole_throughput(objectives) == 1000
    assert whole_throughput(objectives[1:]) is None
