"""Points, changes and environments of series as the judges' parts are tested with."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from builders import NOW

from mmied.records import Environment
from mmied.regression import HOST, Baseline, RecordedChange, SeriesKey, SeriesPoint, SeriesStanding

P50 = SeriesKey("ranker", "b8", "latency_p50")
INTERVAL = 900.0
STABLE = {
    "torch": "2.13.0",
    "kernel": "6.1.0",
    "threads": 2,
    "governor": None,
    "cpus": 2,
    "python": "3.11.2",
    "inputs": "12ab",
}


def at(number: int) -> float:
    """When the run of a number began: number 0 is NOW."""
    return NOW + INTERVAL * number


def point(number: int, seconds: float = 0.01, key: SeriesKey = P50, **changes: Any) -> SeriesPoint:
    """A point of the run of a number."""
    whole = SeriesPoint(
        key=key,
        run_id=f"run-{number:+05}",
        at=at(number),
        figure=seconds,
        value=math.log(seconds),
        references={"compute": math.log(0.001)},
        uncertainty=0.002,
        contended_ratio=0.02,
        revision="a" * 64,
        fingerprint="f1",
    )
    return replace(whole, **changes)


def noisy(values: Iterable[float], start: int, key: SeriesKey = P50, **changes: Any) -> list[SeriesPoint]:
    """Points about `values`, which scatter by half a percent in a fixed way."""
    return [
        point(start + index, value * (1 + 0.005 * math.sin(7.3 * (start + index))), key, **changes)
        for index, value in enumerate(values)
    ]


def environment(fingerprint: str = "f1", momentary: dict[str, Any] | None = None, **facts: Any) -> Environment:
    return Environment(fingerprint=fingerprint, stable=STABLE | facts, momentary=momentary or {})


def change(key: SeriesKey = P50, **changes: Any) -> RecordedChange:
    """A regression by a fifth that began with run 0 and was confirmed by run 2."""
    whole = RecordedChange(
        change_id=f"{key.model or 'host'}-{key.scenario}-{key.metric}",
        key=key,
        device="cpu",
        worse=True,
        before=0.010,
        after=0.012,
        change_ratio=0.2,
        lower=0.18,
        upper=0.22,
        sureness=0.9999,
        started_at=at(0),
        first_run_id="run-+0000",
        last_good_at=at(-1),
        last_good_run_id="run--0001",
        confirmed_at=at(2),
        confirmed_run_id="run-+0002",
    )
    return replace(whole, **changes)


def standing(key: SeriesKey = P50, **changes: Any) -> SeriesStanding:
    return replace(SeriesStanding(key=key, device="cpu", state="stable", runs=40), **changes)


def slower_by(ratio: float, good: int = 12, bad: int = 4, **changes: Any) -> Sequence[SeriesPoint]:
    """Points of a series that becomes slower with run 0."""
    return [*noisy([0.01] * good, -good, **changes), *noisy([0.01 * (1 + ratio)] * bad, 0, **changes)]


def judged_series() -> Mapping[SeriesKey, SeriesStanding]:
    """A model that is slower, on a host that is too."""
    compute = SeriesKey(HOST, "cpu", "reference_compute")
    worse = {"state": "regressed", "change_ratio": 0.2, "threshold_ratio": 0.03, "minimum_change_ratio": 0.02}
    baseline = Baseline(key=P50, figure=0.01, at=at(-40), source="learned", runs=40, run_id="run--0001")
    return {
        P50: standing(change=change(cause="model"), baseline=baseline, figure=0.012, at=at(2), **worse),
        compute: standing(compute, change=change(compute, cause="host"), **worse),
    }
