"""Say figures as people read them: three digits, a unit, a time that is told from now."""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeGuard

NOTHING = "–"
JUST_NOW_SECONDS = 2


def known(value: float | None) -> TypeGuard[float]:
    """Tell whether there is a figure: neither None nor one of those that are no number."""
    return value is not None and math.isfinite(value)


def digits(value: float) -> str:
    """Return a finite `value` with three significant digits and thousands separated: 1.23, 45.6, 12,300."""
    if value == 0:
        return "0"
    rounded = round(value, 2 - math.floor(math.log10(abs(value))))
    decimals = max(0, 2 - math.floor(math.log10(abs(rounded))))
    return f"{rounded:,.{decimals}f}"


def count(value: int | None) -> str:
    """Return a whole number with its thousands separated."""
    return NOTHING if value is None else f"{value:,}"


def seconds(value: float | None) -> str:
    """Return a measured time in the unit that suits it: 1.23 ms, 456 µs."""
    if not known(value):
        return NOTHING
    if abs(value) >= 120:
        return duration(value)
    for scale, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if abs(value) >= 0.9995 * scale:
            return f"{digits(value / scale)} {unit}"
    return f"{digits(value / 1e-9)} ns" if value else "0 s"


def duration(value: float | None) -> str:
    """Return a span of time in its two largest units: 45 s, 12 min, 3 h 20 min, 2 d 4 h."""
    if not known(value):
        return NOTHING
    if abs(value) < 1:
        return seconds(value)
    if value < 0:
        return f"-{duration(-value)}"
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    for large, large_unit, small, small_unit in ((86400, "d", 3600, "h"), (3600, "h", 60, "min")):
        if whole >= large:
            rest = whole % large // small
            return f"{whole // large} {large_unit}" + (f" {rest} {small_unit}" if rest else "")
    return f"{whole // 60} min" + (f" {whole % 60} s" if whole < 600 and whole % 60 else "")


def size(value: float | None) -> str:
    """Return bytes in decimal units: 45.6 MB."""
    return _scaled(value, ("B", "kB", "MB", "GB", "TB", "PB"))


def hertz(value: float | None) -> str:
    """Return a frequency: 2.45 GHz."""
    return _scaled(value, ("Hz", "kHz", "MHz", "GHz"))


def _scaled(value: float | None, units: Sequence[str]) -> str:
    if not known(value):
        return NOTHING
    power = 0
    while abs(value) >= 999.5 and power < len(units) - 1:
        value /= 1000
        power += 1
    return f"{value:.0f} {units[0]}" if power == 0 else f"{digits(value)} {units[power]}"


def amount(value: float | None) -> str:
    """Return a large count with three digits: 110 M, 2.30 G, 1.20 T; below a thousand as digits() does."""
    if not known(value):
        return NOTHING
    power = 0
    while abs(value) >= 999.5 and power < 4:
        value /= 1000
        power += 1
    return digits(value) + ("", " k", " M", " G", " T")[power]


def rate(per_second: float | None, unit: str | None = "samples") -> str:
    """Return a throughput: 12,300 tokens/s."""
    return f"{digits(per_second)} {unit or 'samples'}/s" if known(per_second) else NOTHING


def percent(ratio: float | None) -> str:
    """Return a ratio of 0 to 1 in percent: 0.42 %, 4.2 %, 42 %."""
    if not known(ratio):
        return NOTHING
    value = 100 * ratio
    if value == 0:
        return "0 %"
    if abs(value) < 0.01:
        return "< 0.01 %" if value > 0 else "0 %"
    return f"{value:.{2 if abs(value) < 1 else 1 if abs(value) < 10 else 0}f} %"


def clock(at: float | None) -> str:
    """Return a Unix time in UTC: 2026-11-21 04:09:46 UTC."""
    return NOTHING if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def iso(at: float) -> str:
    """Return a Unix time as HTML's `datetime` attribute takes it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def relative(at: float | None, now: float) -> str:
    """Return how long ago, or ahead, Unix time `at` is: 3 min ago, in 12 min."""
    if at is None:
        return "never"
    gap = now - at
    if abs(gap) < JUST_NOW_SECONDS:
        return "now"
    said = duration(_coarse(abs(gap)))
    return f"{said} ago" if gap > 0 else f"in {said}"


def _coarse(gap_seconds: float) -> float:
    """Leave out what nobody reads: the seconds of minutes, the minutes of days."""
    for over, step in ((10 * 86400, 86400), (86400, 3600), (60, 60)):
        if gap_seconds >= over:
            return gap_seconds // step * step
    return gap_seconds


FIGURES: Mapping[str, Callable[[float], str]] = {
    "bytes": size,
    "hertz": hertz,
    "seconds": seconds,
    "ratio": percent,
    "celsius": lambda value: f"{value:.0f} °C",
    "watts": lambda value: f"{value:.0f} W",
}


def fact(value: str | float | bool | None, name: str) -> str:
    """Return a figure of an environment, in the unit that the last word of its name tells."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value or NOTHING
    if not known(value):
        return NOTHING
    say = FIGURES.get(name.rsplit("_", 1)[-1])
    if say is not None:
        return say(value)
    return f"{value:,}" if isinstance(value, int) else digits(value)
