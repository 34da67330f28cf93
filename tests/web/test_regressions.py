"""The pages of regressions say what changed, since when, by how much and why, and what to do."""

import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.testclient import TestClient

from mmied.regression import (
    Baseline,
    ObjectiveStanding,
    SeriesKey,
    SeriesStanding,
    Trend,
)

P50 = SeriesKey("ranker", "b8", "latency_p50")


def text(answer: Any) -> str:
    html = re.sub(r"(?s)<(script|style)\b.*?</\1>", " ", answer.text)
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


@pytest.fixture
def judged(daemon: SimpleNamespace, make: SimpleNamespace) -> SimpleNamespace:
    """A daemon that judges, has objectives and sees a drift."""
    baseline = Baseline(key=P50, figure=0.0185, at=make.now - 900_000, source="learned", runs=30)
    regressed = SeriesStanding(
        key=P50, device="cpu", state="regressed", runs=130, at=make.now, figure=0.0214, baseline=baseline,
        change_ratio=0.157, threshold_ratio=0.04, minimum_change_ratio=0.031, change=make.regression,
    )  # fmt: skip
    noisy = SeriesStanding(
        key=SeriesKey("ranker", "b1", "first_call"), device="cpu", state="too_noisy", runs=40, why="its noise is 60 %"
    )
    model = make.model(
        "ranker",
        series=(regressed, noisy),
        objectives=(
            ObjectiveStanding(key=P50, objective=0.020, figure=0.0214, headroom_ratio=-0.07, missed=True, days_left=0),
            ObjectiveStanding(key=SeriesKey("ranker", "b8", "latency_p99"), objective=0.05, why="p99 needs more"),
            ObjectiveStanding(
                key=SeriesKey("ranker", "", "throughput"), objective=300, figure=373, headroom_ratio=0.24,
                missed=False, days_left=41.0,
            ),
        ),
        trends=(Trend(key=P50, ratio_per_week=0.012, lower=0.008, upper=0.016, level=0.0214, days=14),),
    )  # fmt: skip
    daemon.status = make.status(models=(model,), host_series=())
    return daemon


def test_an_active_regression_stands_first_with_cause_and_figures(client: TestClient) -> None:
    page = text(client.get("/regressions"))

    assert "ranker b8 latency p50 15 % worse 18.5 ms → 21.3 ms model" in page
    assert "mmied regressions acknowledge ID" in page


def test_a_host_without_regressions_says_so(client: TestClient, daemon: SimpleNamespace) -> None:
    daemon.store.all_changes = ()
    assert "Nothing is slower, larger or otherwise worse than it was." in text(client.get("/regressions"))


def test_what_is_over_and_what_became_better_stand_apart(
    client: TestClient, daemon: SimpleNamespace, make: SimpleNamespace
) -> None:
    over = replace(make.regression, change_id="1", state="recovered", ended_at=make.now - 600)
    better = replace(make.regression, change_id="2", worse=False, change_ratio=-0.1, lower=-0.12, upper=-0.08)
    daemon.store.all_changes = (over, better)
    active, rest = text(client.get("/regressions")).split(" Over ")

    assert "Nothing is slower" in active
    assert "recovered" in rest.split("Became better")[0] and "10 % better" in rest.split("Became better")[1]


def test_one_change_shows_its_evidence_and_where_the_time_went(client: TestClient, make: SimpleNamespace) -> None:
    answer = client.get(f"/regressions/{make.regression.change_id}")
    page = text(answer)

    assert "ranker b8 latency_p50: 15 % worse" in page
    assert "15 % worse [14 %, 16 %]" in page
    assert "The model&#39;s file changed: 77c02aa1b0de became 3fa94c1d77e0." in page
    assert "encoder.layers.2.linear1 took 1.9 ms more of the 2.8 ms." in page
    assert 'href="/inspections/look-2/against/look-1"' in answer.text
    assert 'href="/inspections/look-2/against/look-1/flamegraph"' in answer.text
    assert "mmied baseline accept --model ranker --metric latency_p50" in page
    assert '"level before"' in answer.text and '"level after"' in answer.text


def test_a_change_that_is_not_known_leads_back_to_the_list(client: TestClient) -> None:
    answer = client.get("/regressions/nothing")
    assert answer.status_code == 404 and "See /regressions." in text(answer)


def test_a_history_that_cannot_be_read_is_told_on_both_pages(client: TestClient, daemon: SimpleNamespace) -> None:
    daemon.store.trouble = "the disk is gone"
    for address in ("/regressions", "/regressions/any"):
        answer = client.get(address)
        assert answer.status_code == 503 and "the disk is gone" in text(answer)


def test_an_id_cannot_smuggle_in_a_tag(client: TestClient, daemon: SimpleNamespace, make: SimpleNamespace) -> None:
    evil = replace(make.regression, note="<script>alert(1)</script>", acknowledged_at=make.now, acknowledged_by="<b>")
    daemon.store.all_changes = (evil,)
    html = client.get(f"/regressions/{evil.change_id}").text
    assert "<script>alert" not in html and "<b>" not in html


def test_the_model_s_page_has_objectives_changes_and_what_is_judged(
    client: TestClient, judged: SimpleNamespace
) -> None:
    page = text(client.get("/models/ranker"))

    assert "b8 latency p50 20.0 ms 21.4 ms -7 % ▲ missed" in page
    assert "not judged p99 needs more." in page
    assert "best throughput 300 samples/s 373 samples/s +24 % ● met crossed in 41 d" in page
    assert "15 % worse 18.5 ms → 21.3 ms model" in page
    assert "b8 latency p50 regressed 18.5 ms 21.4 ms +15.7 % 3.1 % 130" in page
    assert "too noisy its noise is 60 %." in page
    assert "b8 latency p50 drifts: +1.2 % a week [+0.8, +1.6] over 14 d" in page


def test_the_history_charts_of_a_scenario_mark_its_changes(client: TestClient) -> None:
    html = client.get("/models/ranker?range=7d").text
    marked = html.count("latency p50 15 % worse, cause: model")
    drawn = html.count('id="scenario-')
    assert marked >= 3 and drawn == 3  # the charts of b8, and of no other scenario
    assert "latency p50 15 % worse" not in html.split('id="scenario-b8"')[0].split('id="scenario-b1"')[1]
