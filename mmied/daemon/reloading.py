"""Tell what of a new configuration takes effect at once and what at the next start."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from mmied.config import Config, Model

RESTART_BOUND: Mapping[str, Callable[[Config], object]] = {
    "state": lambda config: config.state,
    "http.listen": lambda config: config.http.listen,
    "history.url": lambda config: config.history.url,
    "hardware.interval": lambda config: config.hardware.interval_seconds,
}

# What of a model changes what its runs measure.
MEASURED: Mapping[str, Callable[[Model], object]] = {
    "source": lambda model: model.spec.source,
    "device": lambda model: model.spec.device,
    "dtype": lambda model: model.spec.dtype,
    "threads": lambda model: model.spec.threads,
    "inputs": lambda model: (model.spec.inputs, model.spec.seed),
    "scenarios": lambda model: " ".join(workload.scenario for workload in model.workloads),
}
UNTOLD = ("source", "inputs")  # too long to be told


def differences(old: Iterable[Model], fresh: Iterable[Model]) -> Iterator[str]:
    """Yield what a new configuration changed of the models, in a few words each."""
    before, after = ({model.name: model for model in models} for models in (old, fresh))
    if added := sorted(after.keys() - before.keys()):
        yield f"new: {', '.join(added)}"
    if gone := sorted(before.keys() - after.keys()):
        yield f"taken out: {', '.join(gone)}"
    for name in sorted(before.keys() & after.keys()):
        told = [
            f"{what} became others" if what in UNTOLD else f"{what} {_said(then)} became {_said(now)}"
            for what, read in MEASURED.items()
            if (then := read(before[name])) != (now := read(after[name]))
        ]
        if told:
            yield f"{name}: {', '.join(told)}"


def _said(value: object) -> str:
    return "not set" if value is None else str(value)


def needs_restart(old: Config, fresh: Config) -> tuple[str, ...]:
    """Return a sentence for each setting that was changed and has to wait for a restart."""
    return tuple(
        f"`{name}` was changed in the configuration and takes effect at the next restart"
        for name, read in RESTART_BOUND.items()
        if read(old) != read(fresh)
    )


def with_restart_bound(fresh: Config, running: Config) -> Config:
    """Return the new configuration with those settings as they are running."""
    history = fresh.history.model_copy(update={"url": running.history.url})
    return replace(fresh, state=running.state, http=running.http, history=history, hardware=running.hardware)
