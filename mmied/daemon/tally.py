"""Count what happened since the daemon started: the counters, the sums and the histogram that scrapes read."""

import logging
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

from mmied.catalog import HISTOGRAM_BOUNDS_SECONDS
from mmied.records import Run
from mmied.regression import HOST, SeriesKey
from mmied.stats import clean_samples


@dataclass(slots=True)
class Latencies:
    """Clean latencies of one scenario: their sum, number and distribution over the bounds, the last one open."""

    sum_seconds: float = 0.0
    count: int = 0
    buckets: list[int] = field(default_factory=lambda: [0] * (len(HISTOGRAM_BOUNDS_SECONDS) + 1))
    exemplars: dict[int, tuple[str, float, float]] = field(default_factory=dict)  # bucket: run id, latency, time

    def add(self, latency_seconds: float, run_id: str, at: float) -> None:
        bucket = bisect_left(HISTOGRAM_BOUNDS_SECONDS, latency_seconds)
        self.sum_seconds += latency_seconds
        self.count += 1
        self.buckets[bucket] += 1
        self.exemplars[bucket] = (run_id, latency_seconds, at)


@dataclass(slots=True)
class Tally:
    """All that only grows; keys are (model, scenario) and, where it counts by reason, the reason."""

    runs: Counter[tuple[str, str]] = field(default_factory=Counter)
    failures: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    skips: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    latencies: dict[tuple[str, str], Latencies] = field(default_factory=dict)
    inspections: Counter[str] = field(default_factory=Counter)  # by model, as the next
    inspection_failures: Counter[str] = field(default_factory=Counter)
    searches: Counter[str] = field(default_factory=Counter)  # parts of them
    search_failures: Counter[str] = field(default_factory=Counter)
    regressions: Counter[SeriesKey] = field(default_factory=Counter)  # confirmed ones
    events: Counter[str] = field(default_factory=Counter)  # rows of the change ledger, by kind
    worker_cpu_seconds: float = 0.0
    reloads: int = 0
    reload_failures: int = 0

    def count(self, run: Run) -> None:
        """Take in a run that ended or was refused, with its samples."""
        self.worker_cpu_seconds += run.cpu_seconds or 0.0
        if run.kind in ("inspect", "optimize"):
            runs, failures = (
                (self.inspections, self.inspection_failures)
                if run.kind == "inspect"
                else (self.searches, self.search_failures)
            )
            if run.outcome != "refused":
                runs[run.model] += 1
                failures[run.model] += run.outcome != "succeeded"
            return
        for result in run.results:
            key = (run.model, result.workload.scenario)
            if run.outcome == "refused":
                self.skips[*key, run.reason or "paused"] += 1
                continue
            self.runs[key] += 1
            if result.outcome != "succeeded":
                self.failures[*key, result.reason or "internal"] += 1
            elif result.iterations is not None:
                latencies = self.latencies.setdefault(key, Latencies())
                for sample in clean_samples(result.iterations):
                    latencies.add(sample, run.run_id, run.ended_at)

    def forget(self, models: set[str]) -> None:
        """Drop what was counted for models other than `models`: they were taken out of the configuration."""
        for counter in (self.runs, self.failures, self.skips, self.latencies):
            for key in [key for key in counter if key[0] not in models]:
                del counter[key]  # type: ignore[arg-type]
        for by_model in (self.inspections, self.inspection_failures, self.searches, self.search_failures):
            for name in by_model.keys() - models:
                del by_model[name]
        for series in [series for series in self.regressions if series.model not in models | {HOST}]:
            del self.regressions[series]


class CountingHandler(logging.Handler):
    """Counts log messages by level."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        self.counts[record.levelname.lower()] += 1
