"""Read durations and sizes as people write them, in seconds and bytes.

The parsers of the configuration take any value that YAML can hold. They raise ValueError with the end of a sentence
that begins with the value: 'is not a duration. Try "15m".'
"""

import re
from decimal import Decimal

MAX_DURATION_SECONDS = 36_500 * 86_400
MAX_SIZE_BYTES = 2**63 - 1

_DURATION_UNITS = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600), "d": Decimal(86_400)}
_SIZE_UNITS = {
    "B": 1,
    **{f"{prefix}B": 1000**power for power, prefix in enumerate(("k", "M", "G", "T"), 1)},
    **{f"{prefix}iB": 1024**power for power, prefix in enumerate(("K", "M", "G", "T"), 1)},
    "KB": 1000,  # not SI, but what most people write
}
_DURATION = re.compile(rf"([0-9]+(?:\.[0-9]+)?) ?({'|'.join(_DURATION_UNITS)})")
_SIZE = re.compile(rf"([0-9]+(?:\.[0-9]+)?) ?({'|'.join(_SIZE_UNITS)})")


def parse_duration(value: object, minimum_seconds: float = 0) -> float:
    """Return seconds: 900.0 of "15m", "0.25h" or 900. Raises ValueError for none, or one not above zero."""
    exact = _measure(value, _DURATION, _DURATION_UNITS)
    if exact is None:
        raise ValueError('is not a duration. Try "15m", "5s" or "100ms"; a plain number is seconds.')
    seconds = float(exact)
    if not 0 < seconds <= MAX_DURATION_SECONDS:
        raise ValueError("is not above zero and at most 36500d.")
    if seconds < minimum_seconds:
        raise ValueError(f"is shorter than {format_duration(minimum_seconds)}, the least that is taken.")
    return seconds


def format_duration(seconds: float) -> str:
    """Return the compact form that `parse_duration` takes back exactly: 100ms, 1.5s, 90s, 2m, 90d."""
    exact = Decimal(repr(seconds))
    for unit in ("d", "h", "m"):
        if exact and exact % _DURATION_UNITS[unit] == 0:
            return f"{_plain(exact / _DURATION_UNITS[unit])}{unit}"
    return f"{_plain(exact)}s" if exact >= 1 else f"{_plain(exact * 1000)}ms"


def parse_size(value: object, minimum_bytes: int = 1) -> int:
    """Return bytes: 2000000000 of "2GB", 2147483648 of "2GiB". Raises ValueError for no size, or part of a byte."""
    size = _measure(value, _SIZE, _SIZE_UNITS)
    if size is None:
        raise ValueError('is not a size. Try "512MB", "2GiB" or "8GB"; a plain number is bytes.')
    if not minimum_bytes <= size <= MAX_SIZE_BYTES or size != size.to_integral_value():
        raise ValueError(f"is not a whole number of bytes from {minimum_bytes} on.")
    return int(size)


def as_number(value: object) -> int | float | None:
    """Return `value` where it is a number; to Python, true would be one too."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _measure(value: object, form: re.Pattern[str], units: dict[str, Decimal] | dict[str, int]) -> Decimal | None:
    number = as_number(value)
    if number is not None:
        return Decimal(repr(number))
    match = form.fullmatch(value) if isinstance(value, str) else None
    return Decimal(match[1]) * units[match[2]] if match else None


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
