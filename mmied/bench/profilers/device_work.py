"""Read from a trace what a CUDA device did: kernels, copies between the memories of host and device, and fills."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mmied.bench.profilers.recorded import cut
from mmied.inspection import Direction, Kernel, Transfer
from mmied.reports.kinds import kind_of_operation

_DIRECTIONS: Mapping[str, Direction] = {
    "Memcpy HtoD": "host_to_device",
    "Memcpy DtoH": "device_to_host",
    "Memcpy DtoD": "device_to_device",
    "Memcpy PtoP": "device_to_device",
    "Memset": "memset",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceWork:
    """What the device did in a call in the mean, costliest first."""

    kernels: tuple[Kernel, ...] = ()
    transfers: tuple[Transfer, ...] = ()


@dataclass(slots=True)
class _Sum:
    calls: int = 0
    seconds: float = 0.0
    bytes: int = 0
    sized: bool = True


def read_device_work(events: Iterable[Mapping[str, Any]], *, calls: int) -> DeviceWork:
    """Return the device's work of `calls` calls from the events of a Chrome trace, whose times are microseconds."""
    kernels: dict[str, _Sum] = {}
    transfers: dict[Direction, _Sum] = {}
    for event in events:
        match event.get("cat"):
            case "kernel":
                _add(kernels.setdefault(event["name"], _Sum()), event)
            case "gpu_memcpy" | "gpu_memset":
                direction = next((word for name, word in _DIRECTIONS.items() if event["name"].startswith(name)), None)
                if direction is not None:
                    _add(transfers.setdefault(direction, _Sum()), event)
    return DeviceWork(
        kernels=tuple(
            Kernel(
                name=cut(name),
                category=kind_of_operation(name),
                calls=one.calls / calls,
                seconds=one.seconds / calls,
            )
            for name, one in sorted(kernels.items(), key=lambda item: (-item[1].seconds, item[0]))
        ),
        transfers=tuple(
            Transfer(
                direction=direction,
                calls=one.calls / calls,
                bytes=round(one.bytes / calls) if one.sized else None,
                seconds=one.seconds / calls,
            )
            for direction, one in sorted(transfers.items(), key=lambda item: (-item[1].seconds, item[0]))
        ),
    )


def _add(one: _Sum, event: Mapping[str, Any]) -> None:
    one.calls += 1
    one.seconds += event.get("dur", 0) / 1e6
    size = event.get("args", {}).get("bytes")
    one.bytes += size or 0
    one.sized = one.sized and size is not None
