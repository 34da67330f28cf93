"""A model's objectives are judged after its runs, and its drifts are looked for now and then."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import B1, NOW, make_config, make_model, make_result, make_run, make_view
from collected import make_registry
from prometheus_client.parser import text_string_to_metric_families as parse_text

from mmied.config import Model
from mmied.daemon.outlook import REFRESH_SECONDS, Outlook, look_ahead
from mmied.errors import HistoryError
from mmied.history.store import Store
from mmied.records import Run
from mmied.regression import Objective, RecordedChange, SeriesKey, SeriesPoint

DAY = 86_400.0
P50, P99 = SeriesKey("ranker", "b1", "latency_p50"), SeriesKey("ranker", "b1", "latency_p99")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(tmp_path / "history.sqlite", host="here")
    yield store
    store.close()


def ranker(*objectives: Objective) -> Model:
    return make_model(workloads=(B1,), objectives=objectives)


def kept(store: Store, figure: float, *, days_ago: float, key: SeriesKey = P50) -> None:
    """Record a run with a point so many days ago."""
    number = len(store.last_runs("ranker", limit=10_000))
    run_id, at = f"{key.metric}-{number}", NOW - days_ago * DAY
    point = SeriesPoint(key=key, run_id=run_id, at=at, figure=figure, value=math.log(figure))
    store.record(make_run(number, run_id=run_id, started_at=at, ended_at=at + 1), points=[point])


def look(
    store: Store, model: Model, before: Outlook | None = None, *, now: float = NOW, run: Run | None = None
) -> Outlook:
    return look_ahead(model, store, before or Outlook(), last_success=run, now=now)


def test_an_objective_is_judged_by_the_newest_runs(store: Store) -> None:
    for step in range(3):
        kept(store, 0.060, days_ago=0.01 - step * 0.003)

    (found,) = look(store, ranker(Objective(metric="latency_p50", value=0.050))).objectives

    assert (found.key, found.missed, found.runs) == (P50, True, 3)
    assert found.headroom_ratio == pytest.approx(-0.2)


def test_a_percentile_that_the_run_could_not_bear_says_how_many_samples_it_takes(store: Store) -> None:
    run = make_run(1, results=(make_result(B1, samples=120),))

    (found,) = look(store, ranker(Objective(metric="latency_p99", value=0.050)), run=run).objectives

    assert found.missed is None and found.why == "p99 needs 459 samples, the last run had 120"


def test_a_throughput_is_asked_of_the_best_scenario(store: Store) -> None:
    for scenario, figure in (("b1", 400.0), ("b8", 1500.0)):
        kept(store, figure, days_ago=0.001, key=SeriesKey("ranker", scenario, "throughput"))

    (found,) = look(store, make_model(objectives=(Objective(metric="throughput", value=1000.0),))).objectives

    assert found.key == SeriesKey("ranker", "", "throughput")
    assert found.figure == 1500.0 and found.headroom_ratio == pytest.approx(0.5)


def test_a_drift_over_weeks_tells_the_days_until_the_objective_is_crossed(store: Store) -> None:
    for day in range(28, -1, -1):
        kept(store, 0.040 * (1 - 0.02 * day / 7), days_ago=day + 0.001)

    found = look(store, ranker(Objective(metric="latency_p50", value=0.044)))

    assert [trend.key for trend in found.trends] == [P50] and found.trends[0].sure
    assert found.objectives[0].days_left == pytest.approx(35, rel=0.05)  # a tenth, at a fiftieth a week


def test_a_drift_begins_after_the_last_level_shift(store: Store) -> None:
    for day in range(28, -1, -1):
        kept(store, 0.040 if day > 14 else 0.050, days_ago=day + 0.001)
    shifted = RecordedChange(
        change_id="c1", key=P50, device="cpu", worse=True, before=0.04, after=0.05, change_ratio=0.25, lower=None,
        upper=None, sureness=1.0, started_at=NOW - 14.5 * DAY, first_run_id="r", last_good_at=None,
        last_good_run_id=None, confirmed_at=NOW - 14 * DAY, confirmed_run_id="r",
    )  # fmt: skip
    store.keep_change(shifted)

    (trend,) = look(store, ranker()).trends

    assert trend.ratio_per_week == 0 and trend.days < 15


def test_trends_are_looked_for_a_few_times_a_day(store: Store) -> None:
    first = look(store, ranker())
    for day in range(28, -1, -1):
        kept(store, 0.040, days_ago=day + 0.001)

    soon = look(store, ranker(), first, now=NOW + 900)
    later = look(store, ranker(), soon, now=NOW + REFRESH_SECONDS)

    assert soon.trends == () and len(later.trends) == 1


def test_a_start_does_not_look_for_the_trends_of_all_models(store: Store) -> None:
    for day in range(28, -1, -1):
        kept(store, 0.040, days_ago=day + 0.001)

    at_start = look_ahead(ranker(), store, Outlook(), last_success=None, now=NOW, far=False)

    assert at_start.trends_at is None and at_start.trends == ()


def test_a_history_that_cannot_be_read_leaves_what_was_known(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    known = look(store, ranker(Objective(metric="latency_p50", value=0.050)))

    def broken(*args: object, **kwargs: object) -> None:
        raise HistoryError("the disk is gone")

    monkeypatch.setattr(store, "points", broken)
    assert look(store, ranker(Objective(metric="latency_p50", value=0.050)), known) == known


def test_objectives_and_trends_are_exported(store: Store) -> None:
    for day in range(28, -1, -1):
        kept(store, 0.040 * (1 - 0.02 * day / 7), days_ago=day + 0.001)
    model = ranker(Objective(metric="latency_p50", value=0.044), Objective(metric="latency_p99", value=0.1))
    view = make_view(make_config(model), outlooks={"ranker": look(store, model)})

    text = make_registry(lambda: view).render(openmetrics=False).decode()

    found = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in parse_text(text)
        for sample in family.samples
    }
    assert found["mmied_objective_latency_seconds", "0.5", "b1", "ranker"] == 0.044
    assert found["mmied_objective_missed", "b1", "latency_p50", "ranker"] == 0
    assert found["mmied_objective_headroom_ratio", "b1", "latency_p50", "ranker"] == pytest.approx(0.09, abs=0.01)
    assert found["mmied_objective_time_left_seconds", "b1", "latency_p50", "ranker"] == pytest.approx(
        35 * DAY, rel=0.05
    )
    assert found["mmied_trend_ratio_per_week", "b1", "estimate", "latency_p50", "ranker"] == pytest.approx(
        0.02, rel=0.1
    )
    assert ("mmied_objective_missed", "b1", "latency_p99", "ranker") not in found  # it was never measured
