"""Write samples in Prometheus' two text formats, as prometheus_client would and several times as fast."""

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from mmied.catalog import HISTOGRAM_BOUNDS_SECONDS, Metric
from mmied.daemon.samples import Distribution, Quantiles, Sample

_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


def go_float(figure: float) -> str:
    """Return a number as Go, and so Prometheus, writes it: exponents from a million on, +Inf, NaN."""
    if math.isnan(figure):
        return "NaN"
    if math.isinf(figure):
        return "+Inf" if figure > 0 else "-Inf"
    text = repr(float(figure))
    dot = text.find(".")
    if figure > 0 and dot > 6:
        mantissa = f"{text[0]}.{text[1:dot]}{text[dot + 1 :]}".rstrip("0.")
        return f"{mantissa}e+{dot - 1:02d}"
    return text


BOUNDS = (*map(go_float, HISTOGRAM_BOUNDS_SECONDS), "+Inf")


def render(families: Iterable[tuple[Metric, Sequence[Sample]]], *, openmetrics: bool) -> bytes:
    """Return the exposition of the metrics that have samples: OpenMetrics 1.0, or the text format 0.0.4."""
    lines: list[str] = []
    for row, samples in families:
        if samples:
            lines += _head(row, openmetrics)
            lines += _lines(row, samples, openmetrics)
    if openmetrics:
        lines.append("# EOF")
    return ("\n".join(lines) + "\n").encode()


def _head(row: Metric, openmetrics: bool) -> tuple[str, str]:
    if openmetrics:
        return f"# HELP {row.family} {row.help.translate(_ESCAPES)}", f"# TYPE {row.family} {row.type}"
    text = row.help.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {row.name} {text}", f"# TYPE {row.name} {'gauge' if row.type == 'info' else row.type}"


def _lines(row: Metric, samples: Sequence[Sample], openmetrics: bool) -> Iterator[str]:
    plain = _Form(row.name, row.labels)
    extra = {"summary": "quantile", "histogram": "le"}.get(row.type)
    split = f"{row.name}_bucket" if extra == "le" else row.name
    parted = plain if extra is None else _Form(split, (*row.labels, extra))
    count, total = _Form(f"{row.name}_count", row.labels), _Form(f"{row.name}_sum", row.labels)
    for sample in samples:
        labels, value = sample.labels, sample.value
        if isinstance(value, Quantiles):
            for quantile, seconds in value.seconds.items():
                yield parted.line((*labels, quantile), seconds)
            if value.count is not None:
                yield count.line(labels, value.count)
                yield total.line(labels, value.sum_seconds)
        elif isinstance(value, Distribution):
            iterations = 0
            for index, (bound, number) in enumerate(zip(BOUNDS, value.buckets, strict=True)):
                iterations += number
                line = parted.line((*labels, bound), iterations)
                yield line + _exemplar(value, index) if openmetrics else line
            yield count.line(labels, iterations)
            yield total.line(labels, value.sum_seconds)
        else:
            yield plain.line(labels, value)


class _Form:
    """The line of a sample, to be filled in: labels stand in the order of the alphabet."""

    def __init__(self, name: str, labels: Sequence[str]) -> None:
        self._order = sorted(range(len(labels)), key=labels.__getitem__)
        named = ",".join(f'{labels[index]}="%s"' for index in self._order)
        self._text = f"{name}{{{named}}} " if labels else f"{name} "

    def line(self, values: Sequence[str], figure: float) -> str:
        escaped = tuple([_escape(values[index]) for index in self._order])
        return f"{self._text % escaped}{_number(figure)}"


# A scrape writes the same few labels and counts over and over.


@lru_cache(maxsize=4096)
def _escape(value: str) -> str:
    return value.translate(_ESCAPES)


@lru_cache(maxsize=4096)
def _number(figure: float) -> str:
    return go_float(figure)


def _exemplar(distribution: Distribution, index: int) -> str:
    found = distribution.exemplars.get(index)
    if found is None:
        return ""
    run_id, seconds, at = found
    return f' # {{run_id="{_escape(run_id)}"}} {_number(seconds)} {at}'
