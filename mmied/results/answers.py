"""Hold the figures of one workload, with units in their names; what was not measured is None."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mmied.records import Iterations, LatencySummary
from mmied.stats import latency_samples, required_samples

QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """What a call takes, in seconds, contention taken out; `interval` holds the true median with 95 % confidence.

    `withheld` says of each quantile that the sample does not support why it is None. `wall` are the quantiles as the
    clock on the wall saw them.
    """

    samples: int = 0
    mean: float | None = None
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    minimum: float | None = None
    max: float | None = None
    standard_deviation: float | None = None
    interval: tuple[float, float] | None = None
    contended_ratio: float | None = None
    fit: bool = False
    wall: Mapping[str, float] = field(default_factory=dict)
    withheld: Mapping[str, str] = field(default_factory=dict)

    @property
    def median(self) -> float | None:
        return self.p50

    def milliseconds(self) -> dict[str, float | int | None]:
        """Return the figures as the mapping gives them."""
        seconds = {
            "mean": self.mean,
            "p50": self.p50,
            "median": self.p50,
            "p95": self.p95,
            "p99": self.p99,
            "min": self.minimum,
            "max": self.max,
            "std": self.standard_deviation,
        }
        return {name: None if value is None else 1e3 * value for name, value in seconds.items()} | {
            "samples": self.samples
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """What is done in a second, calls back to back. Tokens and images are known where a sample's were given."""

    samples_per_second: float | None = None
    requests_per_second: float | None = None  # calls: a request is a batch
    items_per_second: Mapping[str, float] = field(default_factory=dict)

    @property
    def tokens_per_second(self) -> float | None:
        return self.items_per_second.get("tokens")

    @property
    def images_per_second(self) -> float | None:
        return self.items_per_second.get("images")


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryBytes:
    """Bytes while calls ran, on the device where there is one: `peak` and `average` above the bare runtime.

    `activation` is the peak above the loaded model, `per_sample` that over the batch size.
    """

    peak: int | None = None
    average: int | None = None
    activation: int | None = None
    per_sample: float | None = None


def latency_of(summary: LatencySummary | None, iterations: Iterations | None = None) -> Latency:
    """Return the latency that a summary holds; the least of it can be told from the iterations alone."""
    if summary is None:
        return Latency()
    samples = summary.pooled_samples or summary.samples
    quantiles = {name: summary.quantiles.get(str(q)) for name, q in QUANTILES.items()}
    return Latency(
        samples=summary.samples,
        mean=summary.mean_seconds,
        minimum=min(latency_samples(iterations)[0]) if iterations is not None else None,
        max=summary.max_seconds,
        standard_deviation=summary.standard_deviation_seconds,
        interval=summary.median_interval_seconds,
        contended_ratio=summary.contended_ratio,
        fit=summary.fit,
        wall={
            name: summary.wall_quantiles[str(q)] for name, q in QUANTILES.items() if str(q) in summary.wall_quantiles
        },
        withheld={
            name: f"{name} needs {required_samples(q)} samples, has {samples}"
            for name, q in QUANTILES.items()
            if quantiles[name] is None
        },
        **quantiles,
    )
