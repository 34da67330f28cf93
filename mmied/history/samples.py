"""Pack the raw samples of one result into a compact blob, and unpack them exactly.

A blob is one byte for the version and a zlib stream. Figures that are whole nanoseconds (k / 1e9, as clocks give
them) are kept as integers, others as float64; their bytes are grouped by significance, which makes the high ones
compress to almost nothing: about 3 bytes a latency where float64 takes 6.5.
"""

import struct
import sys
import zlib
from array import array
from collections.abc import Mapping
from io import BytesIO

from mmied.errors import HistoryError
from mmied.records import Iterations

VERSION = 1
_FLOATS, _NANOSECONDS = 0, 1  # how the figures of a series are kept
_WIDTH = 8  # bytes, of a float64 as of an int64


def pack(iterations: Iterations | None, references: Mapping[str, Iterations]) -> bytes | None:
    """Return the samples as a blob, or None where there are none."""
    if iterations is None and not references:
        return None
    parts = [struct.pack("<BH", iterations is not None, len(references))]
    if iterations is not None:
        parts += _iterations_out(iterations)
    for name, reference in references.items():
        label = name.encode()
        parts += [struct.pack("<H", len(label)), label, *_iterations_out(reference)]
    return bytes([VERSION]) + zlib.compress(b"".join(parts))


def unpack(blob: bytes) -> tuple[Iterations | None, dict[str, Iterations]]:
    """Return the samples of a model and of its references. Raises HistoryError when `blob` is not such a blob."""
    if blob[:1] != bytes([VERSION]):
        raise HistoryError(
            f"raw samples of version {blob[0] if blob else 'none'}; this mmied reads version {VERSION}. "
            "Try a newer mmied."
        )
    try:
        body = BytesIO(zlib.decompress(blob[1:]))
        has_own, count = _read(body, "<BH")
        own = _iterations_in(body) if has_own else None
        references = {}
        for _ in range(count):
            name = _take(body, _read(body, "<H")[0]).decode()
            references[name] = _iterations_in(body)
    except (zlib.error, struct.error, EOFError, UnicodeDecodeError) as error:
        raise HistoryError(f"raw samples are damaged: {error}") from error
    return own, references


def _iterations_out(iterations: Iterations) -> list[bytes]:
    others_cpus = iterations.others_cpus
    return [
        _seconds_out(iterations.wall_seconds),
        _seconds_out(iterations.wait_seconds),
        *_optional_out(iterations.wait_total_seconds),
        _series_out(array("q", iterations.disturbed), _NANOSECONDS),
        *_optional_out(None if others_cpus is None else (others_cpus,)),
        *_optional_out(iterations.device_seconds),
    ]


def _iterations_in(body: BytesIO) -> Iterations:
    wall_seconds, wait_seconds, wait_total_seconds = _seconds_in(body), _seconds_in(body), _optional_in(body)
    disturbed = tuple(_series_in(body)[1])
    others_cpus = _optional_in(body)
    return Iterations(
        wall_seconds=wall_seconds,
        wait_seconds=wait_seconds,
        wait_total_seconds=wait_total_seconds,
        disturbed=disturbed,
        others_cpus=None if others_cpus is None else others_cpus[0],
        device_seconds=_optional_in(body),
    )


def _optional_out(seconds: tuple[float, ...] | None) -> list[bytes]:
    return [b"\0"] if seconds is None else [b"\1", _seconds_out(seconds)]


def _optional_in(body: BytesIO) -> tuple[float, ...] | None:
    (there,) = _read(body, "<B")
    return _seconds_in(body) if there else None


def _seconds_out(seconds: tuple[float, ...]) -> bytes:
    try:
        nanoseconds = array("q", (round(figure * 1e9) for figure in seconds))
    except (OverflowError, ValueError):  # too long for 64 bits, or not a number
        return _series_out(array("d", seconds), _FLOATS)
    if all(whole / 1e9 == figure for whole, figure in zip(nanoseconds, seconds, strict=True)):
        return _series_out(nanoseconds, _NANOSECONDS)
    return _series_out(array("d", seconds), _FLOATS)


def _seconds_in(body: BytesIO) -> tuple[float, ...]:
    form, figures = _series_in(body)
    return tuple(figures) if form == _FLOATS else tuple(whole / 1e9 for whole in figures)


def _series_out(figures: "array[int] | array[float]", form: int) -> bytes:
    if sys.byteorder == "big":
        figures.byteswap()
    flat = figures.tobytes()
    grouped = b"".join(flat[place::_WIDTH] for place in range(_WIDTH))
    return struct.pack("<BI", form, len(figures)) + grouped


def _series_in(body: BytesIO) -> "tuple[int, array[int]]":
    form, count = _read(body, "<BI")
    grouped = _take(body, count * _WIDTH)
    flat = bytearray(count * _WIDTH)
    for place in range(_WIDTH):
        flat[place::_WIDTH] = grouped[place * count : (place + 1) * count]
    figures = array("d" if form == _FLOATS else "q")
    figures.frombytes(flat)
    if sys.byteorder == "big":
        figures.byteswap()
    return form, figures


def _read(body: BytesIO, layout: str) -> tuple[int, ...]:
    return struct.unpack(layout, body.read(struct.calcsize(layout)))


def _take(body: BytesIO, length: int) -> bytes:
    taken = body.read(length)
    if len(taken) < length:
        raise EOFError("they end too early")
    return taken
