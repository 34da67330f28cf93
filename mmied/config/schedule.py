"""Read when a model is due: an interval, or a cron expression in UTC."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from mmied.config.units import parse_duration

_CRON_FIELDS = {"minute": "minute", "hour": "hour", "day": "day of a month", "month": "month", "day_of_week": "weekday"}
_OR_NEVER = 'interval, a cron expression or "never". Try'
_LEAST_INTERVAL_SECONDS = 1.0  # the daemon looks once a second at what is due


@dataclass(frozen=True, slots=True)
class Every:
    """Due each time that so many seconds have passed since the last run began."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Never:
    """Not due at all."""


@dataclass(frozen=True, slots=True)
class Cron:
    """Due whenever the UTC time matches; `expression` has five fields, weekdays by name."""

    expression: str


def parse_schedule(value: object) -> Every | Cron:
    """Return an interval ("15m") or a cron expression ("0 3 * * *"). Raises ValueError where it is neither."""
    if isinstance(value, str) and len(value.split()) == len(_CRON_FIELDS):
        return parse_cron(value)
    try:
        parse_duration(value)
    except ValueError as error:
        raise ValueError('is not an interval or a cron expression. Try "5m" or "*/5 * * * *".') from error
    return Every(parse_duration(value, _LEAST_INTERVAL_SECONDS))


def parse_schedule_or_never(value: object) -> Every | Cron | Never:
    """Return when something is due that may be switched off. Raises ValueError where it is nothing of that."""
    if value in ("never", "off") or value is False:  # `off` is a truth value to YAML 1.1
        return Never()
    try:
        return parse_schedule(value)
    except ValueError as error:
        raise ValueError(str(error).replace("interval or a cron expression. Try", _OR_NEVER)) from error


def parse_cron(value: object) -> Cron:
    """Return a cron expression. Raises ValueError where APScheduler would not take it, or never fire."""
    fields = value.split() if isinstance(value, str) else []
    if len(fields) != len(_CRON_FIELDS):
        raise ValueError('is not a cron expression: it has five fields, in UTC. Try "0 3 * * *".')
    # Here and not above: it takes 3 MB, which a daemon that goes by intervals need not hold.
    from apscheduler.triggers.cron import CronTrigger

    expression = " ".join(fields)
    for (name, meaning), text in zip(_CRON_FIELDS.items(), fields, strict=True):
        try:
            CronTrigger(**{name: text}, timezone="UTC")
        except ValueError as error:
            raise ValueError(f'is not a cron expression: "{text}" is no {meaning}. Try "0 3 * * *".') from error
    if re.search(r"(^|[,-])[0-9]", fields[-1]):  # 0 is Monday to APScheduler, Sunday to crontab(5)
        raise ValueError('numbers its weekdays, and 0 is not the same day everywhere. Write "sun" or "mon-fri".')
    trigger = CronTrigger.from_crontab(expression, timezone="UTC")
    if trigger.get_next_fire_time(None, datetime(2024, 1, 1, tzinfo=UTC)) is None:  # any date: no year is named
        raise ValueError("names a day that never comes.")
    return Cron(expression)
