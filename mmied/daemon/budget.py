"""Keep what profiling costs within a share of the host: token buckets of CPU and GPU seconds."""

from dataclasses import dataclass

IMPORT_SECONDS = 3.0  # what a worker takes to start, load torch and open a small model
INSPECT_SECONDS = 10.0  # of the deep passes together, on a small model
DAEMON_CPUS = 0.005  # what the daemon itself uses while idle; measured by benchmarks/overhead.py


@dataclass(slots=True)
class Bucket:
    """Seconds that may be spent. It fills at `rate` a second up to `capacity`, and may be overdrawn by a run's end.

    A run is started when the bucket holds what it is expected to cost; what it did cost is taken out when it ends.
    """

    rate: float
    capacity: float
    level: float
    filled_at: float  # on the monotonic clock

    def fill(self, monotonic: float) -> None:
        self.level = min(self.capacity, self.level + self.rate * max(0.0, monotonic - self.filled_at))
        self.filled_at = monotonic

    def affords(self, seconds: float) -> bool:
        return self.level >= min(seconds, self.capacity)

    def spend(self, seconds: float) -> None:
        self.level -= seconds

    def seconds_until(self, seconds: float) -> float:
        """Return how long it takes until the bucket affords `seconds`, when nothing else is spent."""
        return max(0.0, (min(seconds, self.capacity) - self.level) / self.rate) if self.rate else float("inf")


def open_bucket(
    *,
    rate: float,
    round_seconds: float,
    first_seconds: float,
    spent_seconds: float,
    monotonic: float,
    before: Bucket | None = None,
) -> Bucket:
    """Return the bucket to start with: enough for a first run of every model that has had none of late.

    `first_seconds` is the cost of those, so that first figures come at once and a daemon that restarts over and over
    does not get round after round. `round_seconds` is the cost of all models; an hour's worth fits in, or a round
    where that is more. What was spent in the last hour beyond that, `spent_seconds` in all, is still owed. After a
    reload what was in the bucket `before` goes over instead.
    """
    capacity = max(round_seconds, rate * 3600.0)
    level = min(0.0, capacity - spent_seconds) if before is None else before.level
    return Bucket(rate=rate, capacity=capacity, level=min(capacity, level + first_seconds), filled_at=monotonic)


def expected_cpu_seconds(*, scenarios: int, scenario_seconds: float, threads: int) -> float:
    """Return what a run will cost in CPU time, before there was one.

    The guess is for a small model, which does not use up its time; a large one shows what it costs the first time.
    """
    return IMPORT_SECONDS + scenarios * min(scenario_seconds, 2.0) * threads


def expected_inspect_cpu_seconds(*, threads: int) -> float:
    """Return what an inspection will cost in CPU time, before there was one."""
    return IMPORT_SECONDS + INSPECT_SECONDS * threads


def demand_ratio(*, costs_and_intervals: list[tuple[float, float]], rate: float, idle: float = 0.0) -> float:
    """Return what the schedule asks for, in seconds a second, over the budget's rate; above 1 runs are put off."""
    asked = idle + sum(cost / interval for cost, interval in costs_and_intervals)
    return asked / rate if rate else float("inf")


def expected_gpu_seconds(*, scenarios: int, scenario_seconds: float) -> float:
    """Return for how long a run will use its GPU, before there was one."""
    return scenarios * min(scenario_seconds, 2.0)
