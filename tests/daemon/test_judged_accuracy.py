"""Inspections hold a model against labelled samples, and an accuracy that falls is a regression."""

from collections.abc import Callable

import pytest
from inspections import inspected
from judged_host import JudgedHost, configured

from mmied.config import Config


@pytest.fixture
def host(make_host: Callable[[Config], JudgedHost]) -> JudgedHost:
    return make_host(configured("ranker"))


def look(host: JudgedHost, accuracy: float) -> None:
    """Inspect the model now, and let six hours pass."""
    host.number += 1
    run_id = f"look-{host.number:05}"
    host.take(inspected(host.number, run_id=run_id, started_at=host.now, ended_at=host.now + 60, accuracy=accuracy))
    host.now += 6 * 3600.0


def test_an_accuracy_that_falls_is_a_regression(host: JudgedHost) -> None:
    for _ in range(20):
        look(host, 0.93)
    assert host.standing("accuracy").state == "stable"

    for _ in range(3):
        look(host, 0.91)
    standing = host.standing("accuracy")

    assert standing.state == "regressed" and standing.change is not None
    assert (round(standing.change.before, 3), round(standing.change.after, 3)) == (0.93, 0.91)


def test_an_accuracy_that_rises_is_none(host: JudgedHost) -> None:
    for accuracy in (*[0.93] * 20, *[0.95] * 4):
        look(host, accuracy)

    assert host.standing("accuracy").state in ("stable", "recovered")


def test_less_than_what_may_be_lost_is_no_change(host: JudgedHost) -> None:
    for accuracy in (*[0.93] * 20, *[0.927] * 6):
        look(host, accuracy)

    assert host.standing("accuracy").change is None
