"""Remember which models are to be profiled again at once, because something about their last run is suspicious."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

PAUSE_SECONDS = 60.0  # between two confirming runs: what disturbed one may still be there right after it


@dataclass(frozen=True, slots=True)
class _Wanted:
    not_before: float  # on the monotonic clock
    asked: bool = False


class Confirming:
    """The confirming runs that are wanted, a model at most one at a time."""

    def __init__(self) -> None:
        self._wanted: dict[str, _Wanted] = {}

    def judged(self, model: str, monotonic: float, *, suspicious: bool, made: int, most: int) -> None:
        """Take in what the last run of a model came to.

        While it is `suspicious` another run is wanted, at once at first and then after a pause, until `most` were
        `made` for this suspicion.
        """
        self._wanted.pop(model, None)
        if suspicious and made < most:
            self._wanted[model] = _Wanted(monotonic + (PAUSE_SECONDS if made else 0.0))

    def ask(self, monotonic: float, affords: Callable[[str], bool], hurry: Callable[[str], None]) -> None:
        """Have the models that are due, and that the budget `affords`, profiled at once; each is asked for once."""
        for model, wanted in list(self._wanted.items()):
            if not wanted.asked and monotonic >= wanted.not_before and affords(model):
                self._wanted[model] = _Wanted(wanted.not_before, asked=True)
                hurry(model)

    def forget(self, models: Collection[str]) -> None:
        """Drop models other than `models`: they were taken out of the configuration."""
        self._wanted = {name: wanted for name, wanted in self._wanted.items() if name in models}
