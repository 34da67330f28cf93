"""Decide when a model is to be profiled next. Pure: the time is an argument, the last run comes from the history.

APScheduler's cron trigger tells the times of a cron expression; nothing of APScheduler runs.
"""

import hashlib
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from mmied.config import Cron, Every

if TYPE_CHECKING:
    from apscheduler.triggers.cron import CronTrigger

LONGEST_BACKOFF_SECONDS = 86_400.0
CRON_SPLAY_SECONDS = 60.0
MISFIRE_GRACE_SECONDS = 3600.0  # a cron time missed by more is not made up for: it was chosen for its hour
FIRST_RETRY_SECONDS = 15.0


def next_run_at(schedule: Every | Cron, *, key: str, now: float, last_run_at: float | None, failures: int = 0) -> float:
    """Return the Unix time at which the next run is due; at or before `now` means at once.

    An interval has fixed slots, splayed over hosts and models by a hash of `key`, so that a fleet that is restarted
    together does not run together; the next run is in the first slot that is at least half an interval after the
    last. A model that was never run is due at once, except by cron. Each consecutive failure beyond the first
    doubles the interval, up to a day. A last run that lies in the future, since the clock was set back, counts as
    none: the time to wait for would move on with `now`.
    """
    if last_run_at is not None and last_run_at > now:
        last_run_at = None
    if isinstance(schedule, Cron):
        grace_began = now - MISFIRE_GRACE_SECONDS
        answered = grace_began if last_run_at is None else _answered_until(schedule, last_run_at, failures)
        return _fires_at(schedule, max(answered, grace_began)) + share(key) * CRON_SPLAY_SECONDS
    if last_run_at is None:
        return now
    interval = schedule.seconds
    offset = share(key) * interval
    earliest = last_run_at + (_stretch(interval, failures) - 0.5) * interval
    slots = -((offset - earliest) // interval)  # rounded up
    return offset + slots * interval


def missed_at(schedule: Every | Cron, *, now: float, last_run_at: float | None, failures: int = 0) -> float | None:
    """Return the cron time that went by unused since the last run and is too old to be made up for, if any."""
    if not isinstance(schedule, Cron) or last_run_at is None:
        return None
    fires = _fires_at(schedule, _answered_until(schedule, last_run_at, failures))
    return fires if fires < now - MISFIRE_GRACE_SECONDS else None


def _stretch(interval: float, failures: int) -> float:
    """Return by how much failures in a row lengthen an interval."""
    doublings = min(max(0, failures - 1), 20)  # the shortest interval, a second, is a day after 17
    return min(2.0**doublings, max(1.0, LONGEST_BACKOFF_SECONDS / interval))


def _answered_until(schedule: Cron, last_run_at: float, failures: int) -> float:
    """Return up to when cron times are answered by the last run, or passed over for its failure."""
    answered = last_run_at + 1  # it was splayed, so that the time which it answered lies before it
    if failures < 2:
        return answered
    interval = interval_seconds(schedule, last_run_at)
    return answered + (_stretch(interval, failures) - 1) * interval


def _fires_at(schedule: Cron, after: float) -> float:
    fires = _trigger(schedule.expression).get_next_fire_time(None, datetime.fromtimestamp(after, UTC))
    return float("inf") if fires is None else fires.timestamp()


def interval_seconds(schedule: Every | Cron, now: float) -> float:
    """Return the time between two runs; of a cron expression, between its next two."""
    if isinstance(schedule, Every):
        return schedule.seconds
    trigger = _trigger(schedule.expression)
    first = trigger.get_next_fire_time(None, datetime.fromtimestamp(now, UTC))
    second = trigger.get_next_fire_time(first, first) if first is not None else None
    return float("inf") if first is None or second is None else (second - first).total_seconds()


def retry_seconds(*, refusals: int, interval: float, key: str) -> float:
    """Return how long to wait after `refusals` refusals in a row: doubling, within half an interval, jittered."""
    longest = max(FIRST_RETRY_SECONDS, min(interval / 2, 3600.0))
    return float(
        min(FIRST_RETRY_SECONDS * 2.0 ** min(refusals - 1, 20), longest) * (0.75 + share(f"{key}/{refusals}") / 2)
    )


def share(key: str) -> float:
    """Return a number from 0 to 1 that is always the same for a key."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64


@lru_cache(maxsize=1024)
def _trigger(expression: str) -> "CronTrigger":
    from apscheduler.triggers.cron import CronTrigger  # lazily, for its memory

    return CronTrigger.from_crontab(expression, timezone="UTC")
