"""Programs get the records as JSON."""

from types import SimpleNamespace

import pytest
from starlette.testclient import TestClient

from mmied.codec import from_json
from mmied.daemon_status import Status
from mmied.records import HistoryPoint, Run


def test_the_status_comes_back_as_it_was(client: TestClient, daemon: SimpleNamespace) -> None:
    answer = client.get("/api/status")

    assert answer.headers["content-type"] == "application/json"
    assert from_json(Status, answer.content) == daemon.status


def test_a_scenarios_history_is_told_since_a_moment(client: TestClient, make: SimpleNamespace) -> None:
    since = make.now - 86400

    answer = client.get("/api/history", params={"model": "ranker", "scenario": "b1", "since": since})

    points = from_json(tuple[HistoryPoint, ...], answer.content)
    assert 10 < len(points) <= 24
    assert all(point.at >= since for point in points)


def test_runs_are_told_newest_first_and_at_most_as_many_as_asked(client: TestClient) -> None:
    answer = client.get("/api/runs", params={"model": "ranker", "limit": 3})

    assert [run.run_id for run in from_json(tuple[Run, ...], answer.content)] == [
        "ranker-0335",
        "ranker-0334",
        "ranker-0333",
    ]
    assert {run["model"] for run in client.get("/api/runs", params={"limit": 1000}).json()} == {
        "ranker",
        "embedder",
        "detector",
    }


def test_a_run_is_told_with_its_samples(client: TestClient, daemon: SimpleNamespace) -> None:
    answer = client.get("/api/run/ranker-0335")

    assert from_json(Run, answer.content) == daemon.store.whole["ranker-0335"]


def test_a_scenario_without_history_is_an_empty_list(client: TestClient) -> None:
    assert client.get("/api/history", params={"model": "translator-large", "scenario": "b1"}).json() == []


@pytest.mark.parametrize(
    ("address", "code", "word"),
    [
        ("/api/history?model=ranker", 400, "scenario"),
        ("/api/history?model=ranker&scenario=b1&since=nan", 400, "since"),
        ("/api/history?model=ranker&scenario=b64", 404, "b64"),
        ("/api/runs?limit=many", 400, "limit"),
        ("/api/runs?limit=100000", 400, "1000"),
        ("/api/runs?model=nobody", 404, "nobody"),
        ("/api/run/nothing", 404, "nothing"),
        ("/api/nothing", 404, "/api/nothing"),
    ],
)
def test_a_mistake_is_answered_in_json(client: TestClient, address: str, code: int, word: str) -> None:
    answer = client.get(address)

    assert answer.status_code == code
    assert word in answer.json()["error"]


def test_a_history_that_cannot_be_read_is_a_503_that_says_so(client: TestClient, daemon: SimpleNamespace) -> None:
    daemon.store.trouble = "the disk is full"

    for address in ("/api/history?model=ranker&scenario=b1", "/api/runs", "/api/run/ranker-0335"):
        answer = client.get(address)
        assert answer.status_code == 503
        assert "the disk is full" in answer.json()["error"]
    assert client.get("/api/status").status_code == 200
