"""Hold a model in the precision that calls ask for, and know which of the process's memory is its own."""

import gc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from mmied.bench.precision import apply_precision
from mmied.bench.precision_names import AUTOCAST
from mmied.bench.profilers import memory
from mmied.bench.timing import Call
from mmied.records import Memory


@dataclass(frozen=True, slots=True)
class Baseline:
    """Bytes that the process held before the model was there, and with it: in its own memory and on the device."""

    bare: int
    loaded: int
    device_bare: int
    device_loaded: int

    def moved(self, loaded: int, device_loaded: int) -> "Baseline":
        """Return the baseline of as large a model, in a process that holds so much by now."""
        return Baseline(
            loaded - (self.loaded - self.bare),
            loaded,
            device_loaded - (self.device_loaded - self.device_bare),
            device_loaded,
        )


class Holding:
    """One model on a device, with at most one copy of it in another precision than its own."""

    def __init__(self, device: str, precision: str) -> None:
        self._device, self._precision = device, precision
        self._on_cuda = device.startswith("cuda")
        self._own = self._current = Baseline(0, 0, 0, 0)
        self._other: tuple[str, Callable[..., Any]] | None = None  # the copy, with its precision

    def note_loaded(self, *, bare_bytes: int) -> None:
        """Take what came since the process held `bare_bytes`, and all that is on the device, for the model's."""
        self._own = self._current = Baseline(bare_bytes, memory.resident_bytes(), 0, self._device_bytes())

    def note_size(self, own_bytes: int) -> None:
        """Take so many bytes for the model's, which was there before anybody looked."""
        self._own = self._current = Baseline(0, 0, 0, own_bytes) if self._on_cuda else Baseline(0, own_bytes, 0, 0)

    def in_precision(self, model: Callable[..., Any], precision: str) -> Callable[..., Any]:
        """Return the model in a precision; memory is from now on that of what is returned. Raises ModelError."""
        if precision == self._precision:
            self._other, self._current = None, self._own
            return model
        if self._other is None or self._other[0] != precision:
            self._other = None  # one copy at a time
            memory.give_back()
            before, device_before = memory.resident_bytes(), self._device_bytes()
            self._other = precision, apply_precision(model, precision)
            self._current = self._own
            if not precision.startswith(AUTOCAST):  # a copy, which alone would be there in production
                self._current = Baseline(before, memory.resident_bytes(), device_before, self._device_bytes())
        return self._other[1]

    def settle(self, *, alone: bool) -> None:
        """Give free memory back, so that one workload's leftovers are not the next one's baseline.

        Where others use the process too, what it holds by now beside the model is theirs.
        """
        if not alone:
            gc.collect()
        memory.give_back()
        if not alone:
            now, device_now = memory.resident_bytes(), self._device_bytes()
            self._own, self._current = self._own.moved(now, device_now), self._current.moved(now, device_now)

    def measure(self, call: Call) -> tuple[Memory, ...]:
        """Return the memory of calls, above what the process holds without the model."""
        base = self._current
        host = memory.profile_host(call, bare_bytes=base.bare, loaded_bytes=base.loaded)
        if not self._on_cuda:
            return (host,)
        on_device = memory.profile_device(
            call, device=self._device, loaded_bytes=base.device_loaded, bare_bytes=base.device_bare
        )
        return host, on_device

    def _device_bytes(self) -> int:
        return int(torch.cuda.memory_allocated(self._device)) if self._on_cuda else 0
