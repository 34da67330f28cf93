"""How long does a whole request take, from raw input to answer? Its stages timed in turn, as calls are."""

from collections.abc import Callable, Mapping
from typing import Any

from mmied.bench.profilers import latency
from mmied.bench.recording import Recorder, Timed
from mmied.bench.timing import Call, CpuTimer
from mmied.records import LatencySummary
from mmied.stats import summarize

Step = Callable[[Any], Any]


class StageTimer:
    """Times the stages of a request one by one, each given what the one before it returned; their sum is the call's.

    On CUDA a stage has to end when its work is done: the host's clock times it.
    """

    def __init__(self, steps: Mapping[str, Step], first: Any, timer: CpuTimer) -> None:
        self._steps, self._first, self._timer = steps, first, timer
        self.taken: dict[str, list[Timed]] = {name: [] for name in steps}

    def refresh(self) -> None:
        self._timer.refresh()

    def time(self, call: Call) -> Timed:
        """Make one request, whatever `call` is."""
        value = self._first
        times: list[Timed] = []
        for name, step in self._steps.items():
            timed, value = self._timed(step, value)
            self.taken[name].append(timed)
            times.append(timed)
        return Timed(
            sum(each.wall_seconds for each in times),
            sum(each.wait_seconds for each in times),
            sum(each.wait_total_seconds for each in times),
        )

    def _timed(self, step: Step, given: Any) -> tuple[Timed, Any]:
        returned: list[Any] = []
        return self._timer.time(lambda: returned.append(step(given))), returned[0]


def profile(
    steps: Mapping[str, Step],
    *,
    first: Any,
    timer: CpuTimer,
    several_threads: bool,
    was_disturbed: Callable[[], bool],
    others_cpus: Callable[[], float],
    limit_seconds: float,
    num_runs: int | None = None,
    warmup_runs: int | None = None,
) -> dict[str, LatencySummary]:
    """Return the latency of each stage and of the total, over whole requests that begin with `first`."""
    stage_timer = StageTimer(steps, first, timer)

    def request() -> Any:
        value = first
        for step in steps.values():
            value = step(value)
        return value

    passed = latency.profile(
        request,
        timer=stage_timer,
        several_threads=several_threads,
        references={},
        was_disturbed=was_disturbed,
        others_cpus=others_cpus,
        limit_seconds=limit_seconds,
        num_runs=num_runs,
        warmup_runs=warmup_runs,
    )
    whole = passed.iterations
    summaries = {}
    for name, taken in stage_timer.taken.items():
        recorder = Recorder(several_threads, disturbed=list(whole.disturbed))
        for timed in taken[-len(whole.wall_seconds) :]:  # those before were warm-up
            recorder.add(timed)
        summaries[name] = summarize(recorder.iterations(whole.others_cpus))
    return summaries | {"total": summarize(whole)}
