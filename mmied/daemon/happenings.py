"""Notice by the environments of successive runs what changed on the host, once, and about each model."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from mmied.daemon.standing import Standing
from mmied.records import Environment, Event, Run
from mmied.verdicts.ledger import events_between, of_device


@dataclass(frozen=True, slots=True)
class _Seen:
    at: float
    environment: Environment


class Happenings:
    """What the last runs ran on."""

    def __init__(self, standings: Mapping[str, Standing]) -> None:
        self._by_model: dict[str, _Seen] = {}
        self._by_device: dict[str, _Seen] = {}
        runs = [standing.last_success for standing in standings.values() if standing.last_success is not None]
        for run in sorted(runs, key=lambda run: run.started_at):
            self._remember(run)

    def events_of(self, run: Run) -> tuple[Event, ...]:
        """Return what changed since the runs before, as rows of the ledger at the time at which the run began.

        One that comes late, behind a newer one, tells nothing.
        """
        if run.kind != "profile" or run.environment is None:
            return ()
        last = max(self._by_device.values(), key=lambda seen: seen.at, default=None)
        if last is not None and run.started_at < last.at:
            return ()
        found: tuple[Event, ...] = ()
        if last is not None:
            before = _merged(last, self._by_device.get(run.device))
            found += events_between(before, run.environment, at=run.started_at)
        own = self._by_model.get(run.model)
        if own is not None:
            found += events_between(own.environment, run.environment, at=run.started_at, model=run.model)
        self._remember(run)
        return found

    def _remember(self, run: Run) -> None:
        if run.environment is not None:
            seen = _Seen(run.started_at, run.environment)
            self._by_model[run.model] = self._by_device[run.device] = seen


def _merged(last: _Seen, on_device: _Seen | None) -> Environment:
    """Return what is known of the host: from the last run of all, and of the GPU from the last run on it."""
    newest = {name: value for name, value in last.environment.stable.items() if not of_device(name)}
    if on_device is None:
        return replace(last.environment, stable=newest, momentary={})
    of_gpu = {name: value for name, value in on_device.environment.stable.items() if of_device(name)}
    return replace(last.environment, stable=newest | of_gpu, momentary=on_device.environment.momentary)
