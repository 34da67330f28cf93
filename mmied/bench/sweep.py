"""The results of several configurations of one model, in their order, and where the sweep stops paying."""

from collections.abc import Sequence
from typing import overload

from mmied.profiles import Knee, Profile
from mmied.results import ProfileResult


class BenchmarkResults(Sequence[ProfileResult]):
    """A result for each configuration. `profile` is the whole record, `knees` has one for each precision."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self._results = ProfileResult(profile).workloads()

    @property
    def knees(self) -> tuple[Knee, ...]:
        return self.profile.knees

    @property
    def knee(self) -> Knee | None:
        """The knee of the profiler's own precision; None where the sweep has none."""
        return next((knee for knee in self.knees if knee.precision == self.profile.precision), None)

    @property
    def best(self) -> ProfileResult | None:
        """The result of the highest throughput."""
        known = [result for result in self._results if result.throughput.samples_per_second is not None]
        return max(known, key=lambda result: result.throughput.samples_per_second or 0.0, default=None)

    @overload
    def __getitem__(self, index: int) -> ProfileResult: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[ProfileResult, ...]: ...

    def __getitem__(self, index: int | slice) -> ProfileResult | tuple[ProfileResult, ...]:
        return self._results[index]

    def __len__(self) -> int:
        return len(self._results)

    def __repr__(self) -> str:
        return "\n".join(repr(result) for result in self._results)
