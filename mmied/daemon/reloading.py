"""Tell what of a new configuration takes effect at once and what at the next start."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from mmied.config import Config

RESTART_BOUND: Mapping[str, Callable[[Config], object]] = {
    "state": lambda config: config.state,
    "http.listen": lambda config: config.http.listen,
    "history.url": lambda config: config.history.url,
    "hardware.interval": lambda config: config.hardware.interval_seconds,
}


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
