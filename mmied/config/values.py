"""Read what single keys may hold: names, addresses, CPU numbers, shapes. See config_units for their errors."""

import difflib
import ipaddress
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata

from mmied.candidates import CANDIDATES, GROUP
from mmied.config.units import as_number

MAX_CPUS = 8192  # Linux's own bound on CPU numbers

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_FUNCTION = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")
_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_LISTEN = re.compile(r"(?:\[(?P<ipv6>[0-9A-Fa-f:.%\w]+)\]|(?P<host>[^:\[\]]+)):(?P<port>[0-9]{1,5})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where HTTP listens; port 0 is any free one."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def suggest(word: str, known: Iterable[str]) -> str:
    """Return the sentence that helps who wrote `word` where one of `known` was meant."""
    words = list(known)
    near = difflib.get_close_matches(word[:64], words, n=1)
    return f'Did you mean "{near[0]}"?' if near else f"Known are {', '.join(words)}."


def parse_text(value: object) -> str:
    """Return a text that says something. Raises ValueError."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError("is not a text." + (" Put it in quotes." if isinstance(value, bool | int | float) else ""))
    return value


def parse_flag(value: object) -> bool:
    """Return true or false. Raises ValueError."""
    if not isinstance(value, bool):
        raise ValueError("is neither true nor false.")
    return value


def parse_number(value: object) -> float:
    """Return a number above zero. Raises ValueError."""
    number = as_number(value)
    if number is None or number <= 0:
        raise ValueError("is not a number above zero.")
    return float(number)


def parse_ratio(value: object) -> float:
    """Return a ratio, 0 and 1 included. Raises ValueError."""
    number = as_number(value)
    if number is None or not 0 <= number <= 1:
        raise ValueError("is not a ratio from 0 to 1. 0.01 is one percent.")
    return float(number)


def parse_budget_ratio(value: object) -> float:
    """Return a ratio above zero: with a budget of nothing, nothing would ever run. Raises ValueError."""
    ratio = parse_ratio(value)
    if ratio == 0:
        raise ValueError("lets nothing run. Give a ratio above 0; 0.01 is one percent.")
    return ratio


def parse_effect(value: object) -> float:
    """Return the ratio above zero of 0.1 or "10%". Raises ValueError."""
    percent = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?%", value) if isinstance(value, str) else None
    number = float(percent[1]) / 100 if percent else as_number(value)
    if number is None or not 0 < number <= 10:
        raise ValueError('is not a ratio above 0. Try "10%" or 0.1.')
    return float(number)


def parse_false_alarms(value: object) -> float:
    """Return how many of the runs in which nothing changed may be taken for a change. Raises ValueError."""
    number = as_number(value)
    if number is None or not 0 < number <= 0.1:
        raise ValueError("is not a rate from above 0 to 0.1. Try 0.001: one run in a thousand.")
    return float(number)


def parse_candidates(value: object) -> tuple[str, ...]:
    """Return names of candidates, known ones or import paths of functions. Raises ValueError.

    An entry point counts by its name: loading it would run code of others, and bring torch into the daemon.
    """
    names = value if isinstance(value, list) else []
    if not names or len(set(map(str, names))) != len(names):
        raise ValueError("is not a list of different candidates. Try [compile, bfloat16], or leave it out for all.")
    known = [row.name for row in CANDIDATES]
    known += sorted({entry.name for entry in metadata.entry_points(group=GROUP)} - set(known))
    for name in names:
        if not isinstance(name, str) or (name not in known and not _FUNCTION.fullmatch(name)):
            raise ValueError(f'has "{name!s:.64}", which is no candidate. {suggest(str(name), known)}')
    return tuple(names)


def parse_metric(value: object) -> str:
    """Return accuracy, mse or the import path of a function. Raises ValueError."""
    if value not in ("accuracy", "mse") and not (isinstance(value, str) and _FUNCTION.fullmatch(value)):
        raise ValueError("is not a metric. Try accuracy, mse, or package.module:function.")
    return str(value)


def whole(low: int, high: int) -> Callable[[object], int]:
    """Return the parser of whole numbers from `low` to `high`."""

    def parse(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ValueError(f"is not a whole number from {low} to {high}.")
        return value

    return parse


def one_of(*known: str) -> Callable[[object], str]:
    """Return the parser of a word out of `known`."""

    def parse(value: object) -> str:
        if value not in known or not isinstance(value, str):
            raise ValueError(f"is not known here. {suggest(str(value), known)}")
        return value

    return parse


def parse_name(value: object) -> str:
    """Return a name that can be a label and a part of a URL. Raises ValueError."""
    text = parse_text(value)
    if not _NAME.fullmatch(text):
        raise ValueError('is not a name: it takes 1 to 64 of A-Z a-z 0-9 "." "_" "-", a letter or digit first.')
    return text


def parse_function(value: object) -> str:
    """Return the import path of a function. Raises ValueError."""
    if not isinstance(value, str) or not _FUNCTION.fullmatch(value):
        raise ValueError('is not the import path of a function. Try "package.module:function".')
    return value


def parse_device(value: object) -> str:
    """Return a torch device. Raises ValueError."""
    if not isinstance(value, str) or not re.fullmatch(r"cpu|cuda(:(0|[1-9][0-9]{0,2}))?", value):
        raise ValueError('is not a device. Try "cpu", "cuda" or "cuda:0".')
    return value


def parse_trust(value: object) -> str:
    """Return "sha256:" with 64 hex digits. Raises ValueError."""
    if not isinstance(value, str) or not re.fullmatch(r"sha256:[0-9a-f]{64}", value):
        raise ValueError('is not "sha256:" with 64 hex digits, a-f small. Let "mmied trust add FILE" write it.')
    return value


def parse_history_url(value: object) -> str:
    """Return the URL of a PostgreSQL database. Raises ValueError."""
    if not isinstance(value, str) or not re.fullmatch(r"postgres(ql)?(\+psycopg)?://\S+", value):
        raise ValueError("is not the URL of a PostgreSQL database. Try postgresql://USER@HOST/DATABASE, or null.")
    return value


def parse_listen(value: object) -> Address:
    """Return host and port. Raises ValueError."""
    match = _LISTEN.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match["port"]) > 65_535 or not _is_host(match):
        raise ValueError('is not host:port. Try "127.0.0.1:9177", "[::1]:9177" or "0.0.0.0:9177".')
    return Address(host=match["ipv6"] or match["host"], port=int(match["port"]))


def _is_host(match: re.Match[str]) -> bool:
    host = match["ipv6"] or match["host"]
    try:
        return ipaddress.ip_address(host).version == (6 if match["ipv6"] else 4)
    except ValueError:
        # What looks like an IPv4 address and is none is no host name either.
        return not match["ipv6"] and bool(_HOST_NAME.fullmatch(host)) and not re.fullmatch(r"[0-9.]+", host)


def parse_cpus(value: object) -> tuple[int, ...]:
    """Return CPU numbers in order, of [2, 3] or "2-3,6". Raises ValueError."""
    text = ",".join(str(cpu) for cpu in value) if isinstance(value, list) else value
    cpus: set[int] = set()
    for part in text.split(",") if isinstance(text, str) else ():
        match = re.fullmatch(r" *([0-9]{1,4})(?:-([0-9]{1,4}))? *", part)
        span = range(int(match[1]), int(match[2] or match[1]) + 1) if match else range(0)
        if not span or span[-1] >= MAX_CPUS:
            raise ValueError('is not a list of CPU numbers. Try [2, 3] or "2-3".')
        cpus.update(span)
    if not cpus:
        raise ValueError('is not a list of CPU numbers. Try [2, 3] or "2-3".')
    return tuple(sorted(cpus))


def parse_shape(value: object) -> tuple[int | str, ...]:
    """Return sizes and the word "batch". Raises ValueError."""
    if not isinstance(value, list):
        raise ValueError("is not a shape. Try [batch, 128].")
    for size in value:
        if size != "batch" and (not isinstance(size, int) or isinstance(size, bool) or size < 1):
            raise ValueError(f'has {size!s:.40}, which is neither a size above zero nor "batch". Try [batch, 128].')
    return tuple(value)


def parse_range(value: object) -> tuple[float, float]:
    """Return low and high. Raises ValueError."""
    numbers = [as_number(item) for item in value] if isinstance(value, list) else []
    if len(numbers) != 2 or numbers[0] is None or numbers[1] is None:
        raise ValueError("is not a pair of numbers. Try [0, 10000].")
    low, high = float(numbers[0]), float(numbers[1])
    if low >= high:
        raise ValueError(f"runs from {low:g} to {high:g}: the first has to be the lower.")
    return low, high


def parse_values(value: object) -> tuple[float, ...]:
    """Return numbers. Raises ValueError."""
    numbers = [as_number(item) for item in value] if isinstance(value, list) else []
    if not numbers or None in numbers:
        raise ValueError("is not a list of numbers. Try [0, 1, 2].")
    return tuple(float(number) for number in numbers if number is not None)
