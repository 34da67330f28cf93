"""A gate passes on figures that keep its limits, and on nothing else."""

from dataclasses import replace
from typing import Any

import pytest
from builders import B1, B8, NOW, make_failure, make_result

from mmied.errors import MmiedError
from mmied.profiles import Profile
from mmied.records import Memory
from mmied.verdicts.gate import Verdict, judge
from mmied.verdicts.thresholds import METRICS, parse_threshold, require_judgeable


def make_profile(**changes: Any) -> Profile:
    """A TorchScript model measured at batch sizes 1 (10 ms) and 8 (50 ms), 500 calls each."""
    whole = Profile(
        mmied_version="0.1.0",
        model="ranker",
        host="here",
        device="cpu",
        precision="float32",
        threads=2,
        at=NOW,
        format="torchscript",
        artifact_bytes=40_000_000,
        load_seconds=0.2,
        results=(make_result(B1), make_result(B8, median=0.05)),
    )
    return replace(whole, **changes)


def judged(text: str, profile: Profile | None = None) -> tuple[Verdict, ...]:
    return judge([parse_threshold(text)], profile or make_profile())


@pytest.mark.parametrize(
    ("text", "metric", "limit"),
    [
        ("latency:100ms", "latency", 0.1),
        ("latency=100 ms", "latency", 0.1),
        ("mean:0.1s", "latency", 0.1),
        ("p99:150us", "p99", 150e-6),
        ("p99:150µs", "p99", 150e-6),
        ("P50:1min", "p50", 60.0),
        ("throughput:1000samples/s", "throughput", 1000.0),
        ("throughput:1000/s", "throughput", 1000.0),
        ("throughput:1e6", "throughput", 1e6),
        ("throughput:50requests/s", "throughput", 50.0),
        ("memory:2GB", "memory", 2e9),
        ("memory:512MiB", "memory", 512 * 2**20),
        ("peak-memory:1.5gib", "memory", 1.5 * 2**30),
        ("first-call:3s", "first_call", 3.0),
        ("size:100MB", "size", 1e8),
    ],
)
def test_limits_are_read_in_the_units_that_people_write(text: str, metric: str, limit: float) -> None:
    threshold = parse_threshold(text)
    assert (threshold.metric, threshold.limit) == (metric, pytest.approx(limit))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("latency", "is not METRIC:LIMIT"),
        ("", "is not METRIC:LIMIT"),
        ("latncy:100ms", 'Did you mean "latency"?'),
        ("troughput:5/s", 'Did you mean "throughput"?'),
        ("accuracy:0.9", "Known are latency, p50"),
        ("latency:100", "Give a unit: 100ms"),
        ("latency:100MB", '"MB" is no unit of a time'),
        ("latency:fast", '"fast" is not a time. Try 100ms'),
        ("latency:-5ms", "is not a time"),
        ("latency:0ms", "is not a time"),
        ("memory:2", "Give a unit: 2GB"),
        ("memory:2GG", 'no unit of a size. Did you mean "GB"'),
        ("memory:100ms", "no unit of a size"),
        ("throughput:100ms", "is not a rate. Try 1000samples/s"),
        ("p99@0:5ms", "is not a batch size"),
        ("p99@big:5ms", "is not a batch size"),
        ("size@8:5MB", "the same for every batch size"),
    ],
)
def test_a_limit_that_says_nothing_is_told(text: str, told: str) -> None:
    with pytest.raises(MmiedError, match=r"^--threshold: ") as caught:
        parse_threshold(text)
    assert told in str(caught.value)


def test_a_threshold_holds_for_each_workload() -> None:
    (small, large) = judged("latency:20ms")
    assert (small.scenario, small.kept) == ("b1", True)
    assert (large.scenario, large.kept) == ("b8", False)
    assert large.sentence == "latency of b8 is 50 ms, above 20 ms"
    assert small.sentence == "latency of b1 is 10 ms, at most 20 ms"


@pytest.mark.parametrize("text", ["latency@1:20ms", "latency@b1:20ms"])
def test_a_batch_size_can_be_singled_out(text: str) -> None:
    (verdict,) = judged(text)
    assert (verdict.scenario, verdict.kept) == ("b1", True)


def test_rates_are_limited_from_below() -> None:
    small, large = judged("throughput:150samples/s")
    assert small.sentence == "throughput of b1 is 100 samples/s, below 150 samples/s"
    assert not small.kept
    assert large.kept


def test_a_rate_counts_what_its_unit_says() -> None:
    profile = make_profile(items_per_sample={"tokens": 128.0})
    assert [verdict.measured for verdict in judged("throughput:1requests/s", profile)] == pytest.approx([100.0, 20.0])
    assert [verdict.measured for verdict in judged("throughput:1tokens/s", profile)] == pytest.approx(
        [12_800.0, 20_480.0]
    )
    assert not judged("throughput:1images/s", profile)[0].kept, "nobody told how many images a sample has"


def test_a_percentile_that_was_withheld_is_not_kept() -> None:
    profile = make_profile(results=(make_result(B1, samples=100),))
    (verdict,) = judged("p99:1s", profile)
    assert not verdict.kept
    assert verdict.measured is None
    assert verdict.sentence == ("p99 of b1 could not be judged: it needs 459 samples, has 100; give --num-runs 459")


def test_a_percentile_that_contention_took_says_so() -> None:
    result = make_result(B1)
    assert result.latency is not None
    few = replace(result.latency, samples=300, iterations=900, contended_ratio=2 / 3, quantiles={"0.5": 0.01})
    (verdict,) = judged("p99:1s", make_profile(results=(replace(result, latency=few),)))
    assert "since 67% of the calls waited for others" in verdict.sentence


def test_a_figure_of_a_busy_host_is_judged_and_says_so() -> None:
    result = make_result(B1)
    assert result.latency is not None
    profile = make_profile(results=(replace(result, latency=replace(result.latency, fit=False)),))
    assert "waited for others" in judged("latency:1s", profile)[0].sentence
    assert "waited for others" not in judged("memory:1GB", profile)[0].sentence


def test_a_workload_that_failed_is_not_kept() -> None:
    first, failed = judged("latency:1s", make_profile(results=(make_result(B1), make_failure(B8, "out_of_memory"))))
    assert first.kept
    assert not failed.kept
    assert "it failed: out_of_memory of the test" in failed.sentence


def test_memory_is_that_of_the_models_device() -> None:
    host = Memory(space="host", peak_bytes=500, activation_bytes=50)
    device = Memory(space="device", peak_bytes=3000, activation_bytes=300)
    results = (make_result(B1, memory=(host, device)),)
    assert judged("memory:1GB", make_profile(results=results))[0].measured == 500
    assert judged("memory:1GB", make_profile(results=results, device="cuda:0"))[0].measured == 3000
    assert judged("activation:1GB", make_profile(results=results, device="cuda:0"))[0].measured == 300
    assert not judged("memory:1GB", make_profile(results=(make_result(B1, memory=()),)))[0].kept


def test_what_belongs_to_the_model_is_judged_once() -> None:
    profile = make_profile()
    assert [verdict.sentence for verdict in judged("size:30MB", profile)] == ["size is 40 MB, above 30 MB"]
    assert [verdict.kept for verdict in judged("load:1s", profile)] == [True]
    (verdict,) = judged("end_to_end:1s", profile)
    assert not verdict.kept
    summary = make_result(B1).latency
    assert summary is not None
    assert judged("end_to_end:1s", make_profile(stages={"total": summary}))[0].kept


def test_nothing_measured_is_nothing_kept() -> None:
    for metric, row in METRICS.items():
        limit = {"time": "100s", "rate": "1/s", "size": "1TB"}[row.kind]
        bare = make_profile(results=(), artifact_bytes=None, load_seconds=None)
        verdicts = judged(f"{metric}:{limit}", bare)
        assert verdicts
        assert not any(verdict.kept for verdict in verdicts)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("p99@16:1s", "batch size 16 is not measured, only 1, 8. Add it to --batch-size."),
        ("throughput:5images/s", "Give --unit images=NUMBER."),
        ("end_to_end:1s", "Give --preprocess"),
        ("p99:1s", "p99 could not be judged: it needs 459 samples, and --num-runs is 100. Give --num-runs 459"),
    ],
)
def test_what_can_never_be_judged_is_told_before_the_run(text: str, told: str) -> None:
    with pytest.raises(MmiedError) as caught:
        require_judgeable([parse_threshold(text)], batch_sizes=(1, 8), items={"tokens"}, end_to_end=False, num_runs=100)
    assert told in str(caught.value)


def test_what_can_be_judged_is_let_through() -> None:
    texts = ("p99@8:1s", "throughput:5tokens/s", "throughput:5/s", "throughput:5requests/s", "end_to_end:1s")
    require_judgeable(map(parse_threshold, texts), batch_sizes=(1, 8), items={"tokens"}, end_to_end=True, num_runs=459)
    require_judgeable([parse_threshold("p99:1s")], batch_sizes=(1,), items=(), end_to_end=False)
