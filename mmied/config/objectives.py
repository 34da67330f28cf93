"""Read what a model's figures are to be at worst: `objectives: {latency_p99: 50ms, throughput: 1000/s}`.

A key may name a scenario instead, with objectives of its own: `{b8: {latency_p99: 200ms}}`.
"""

import re
from collections.abc import Callable, Iterator, Mapping

from mmied.config.units import parse_duration, parse_size
from mmied.config.values import parse_number, parse_ratio, suggest
from mmied.regression import METRICS, Objective, Unit

MOST_OBJECTIVES = 100
_RATE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?/ ?s")


def parse_rate(value: object) -> float:
    """Return samples per second of "1000/s" or 1000. Raises ValueError."""
    match = _RATE.fullmatch(value) if isinstance(value, str) else None
    try:
        return parse_number(float(match[1]) if match else value)
    except ValueError:
        raise ValueError('is not a rate above zero. Try "1000/s".') from None


def parse_share(value: object) -> float:
    """Return a ratio above zero. Raises ValueError."""
    ratio = parse_ratio(value)
    if ratio == 0:
        raise ValueError("is 0, of which no headroom can be told. Give what is still good enough.")
    return ratio


PARSERS: Mapping[Unit, Callable[[object], float]] = {
    "seconds": parse_duration,
    "per_second": parse_rate,
    "bytes": parse_size,
    "ratio": parse_share,
}
KNOWN = tuple(name for name in METRICS if not name.startswith("reference_"))  # those are the host's


def parse_objectives(value: object) -> tuple[Objective, ...]:
    """Return the objectives of a model. Raises ValueError that names the key."""
    if not isinstance(value, dict) or not value:
        raise ValueError("is not a mapping of metrics. Try {latency_p99: 50ms, throughput: 1000/s}.")
    found = tuple(_read(value, ""))
    if len(found) > MOST_OBJECTIVES:
        raise ValueError(f"has {len(found)} objectives, more than the {MOST_OBJECTIVES} that are taken.")
    return found


def _read(mapping: Mapping[object, object], scenario: str) -> Iterator[Objective]:
    for key, value in mapping.items():
        name = str(key)
        if not scenario and isinstance(value, dict):
            yield from _read(value, name)
            continue
        if name not in KNOWN:
            raise ValueError(f'has "{name:.64}", which is no metric. {suggest(name, KNOWN)}')
        if scenario and METRICS[name].of_model:
            raise ValueError(f"has {name} for {scenario:.64}, and it is one of the whole model. Give it there.")
        try:
            number = PARSERS[METRICS[name].unit](value)
        except ValueError as error:
            raise ValueError(f"has {name}: {value!s:.64}, which {error}") from None
        yield Objective(metric=name, value=float(number), scenario=scenario)
