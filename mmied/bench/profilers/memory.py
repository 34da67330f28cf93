"""How much memory does a call take? A few calls, after and apart from the latency pass, under a sampler."""

import ctypes
import os
import threading
import time
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from mmied.bench.timing import Call
from mmied.records import Memory

LIMIT_SECONDS = 0.3
CALLS = 3  # at least
SAMPLE_SECONDS = 0.002
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def resident_bytes() -> int:
    """Return this process's resident set size."""
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * PAGE_BYTES


def give_back() -> None:
    """Hand the C allocator's free memory back, so that one scenario's leftovers are not the next one's baseline."""
    ctypes.CDLL(None).malloc_trim(0)


def profile_host(call: Call, *, bare_bytes: int, loaded_bytes: int) -> Memory:
    """Return the resident memory of calls: above the bare runtime, and above the loaded model (activation).

    The peak is the kernel's high-water mark, reset before; where that may not be reset, the sampler's highest.
    """
    samples = [resident_bytes()]
    stop = threading.Event()

    def sample() -> None:
        while not stop.wait(SAMPLE_SECONDS):
            samples.append(resident_bytes())

    # Pages that others of this process gave back meanwhile are no pages of the model's.
    least = max(0, loaded_bytes - bare_bytes)
    resettable = _reset_high_water_mark()
    sampler = threading.Thread(target=sample, daemon=True)
    sampler.start()
    _repeat(call)
    stop.set()
    sampler.join()
    peak = max(samples) if not resettable else max(high_water_mark(), *samples)
    return Memory(
        space="host",
        peak_bytes=max(least, peak - bare_bytes),
        average_bytes=max(least, int(fmean(samples)) - bare_bytes),
        activation_bytes=max(0, peak - loaded_bytes),
    )


def profile_device(call: Call, *, device: str, loaded_bytes: int, bare_bytes: int = 0) -> Memory:
    """Return the memory of calls on a CUDA device above `bare_bytes`, as torch's allocator counts it.

    Fragmentation is what cannot be given back (inactive split blocks) over what is reserved; the cache's slack,
    reserved and not allocated, stands apart since whole cached segments can be used again.
    """
    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    _repeat(call)
    torch.cuda.synchronize(device)
    stats: dict[str, Any] = torch.cuda.memory_stats(device)
    peak = stats["allocated_bytes.all.peak"]
    reserved = stats["reserved_bytes.all.current"]
    return Memory(
        space="device",
        peak_bytes=max(0, peak - bare_bytes),
        average_bytes=max(0, stats["allocated_bytes.all.current"] - bare_bytes),
        activation_bytes=max(0, peak - loaded_bytes),
        fragmentation_ratio=stats["inactive_split_bytes.all.current"] / reserved if reserved else 0.0,
        cache_slack_ratio=(reserved - stats["allocated_bytes.all.current"]) / reserved if reserved else 0.0,
    )


def _repeat(call: Call) -> None:
    began = time.perf_counter()
    count = 0
    while count < CALLS or time.perf_counter() - began < LIMIT_SECONDS:
        call()
        count += 1
        if time.perf_counter() - began > 10 * LIMIT_SECONDS:
            return  # a slow model: one call shows its peak


def _reset_high_water_mark() -> bool:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False  # hardened kernels and some sandboxes refuse
    return True


def high_water_mark() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0
