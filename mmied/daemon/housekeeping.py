"""What has to be done now and then beside the runs: sample the hardware, keep a minute's sample, prune what is kept."""

import ctypes
import gc
import logging
import threading
import time

from mmied.daemon.hardware import Sampler
from mmied.daemon.predecessors import Predecessors
from mmied.errors import HistoryError
from mmied.history.artifacts import Artifacts
from mmied.history.store import Store

log = logging.getLogger(__name__)

KEEP_SECONDS = 60.0  # a sample a minute is kept: 90 days of them are 50 MB
PRUNE_SECONDS = 3600.0

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # of malloc.h


def hold_little_memory() -> None:
    """Have the C library keep little of what is freed, in one arena for all threads, and Python look for less garbage.

    The former was 7 MB of 88 after a run and all pages; malloc is no bottleneck of a daemon that mostly sleeps. As to
    the latter, what was imported lives as long as the process: without it in its sight the collector, which waits for
    garbage in proportion to what it sees, comes sooner.
    """
    tune = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc's, as malloc_trim is
    if tune is not None:
        for option, value in ((M_ARENA_MAX, 1), (M_TRIM_THRESHOLD, 1 << 16), (M_MMAP_THRESHOLD, 1 << 16)):
            tune(option, value)
    gc.collect()
    gc.freeze()


def give_memory_back() -> None:
    """Hand the C library's free memory back to the host, in less than a millisecond: pages and runs leave megabytes."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's
    if trim is not None:
        trim(0)


def keep_house(
    *,
    sampler: Sampler,
    store: Store,
    artifacts: Artifacts,
    predecessors: Predecessors,
    interval_seconds: float,
    stop: threading.Event,
) -> None:
    """Do so until `stop`: the body of a thread. What goes wrong is logged and tried again the next time."""
    kept_at = pruned_at = float("-inf")
    while not stop.is_set():
        began = time.monotonic()
        try:
            give_memory_back()
            sample = sampler.sample(time.time())
            if began - kept_at >= KEEP_SECONDS:
                kept_at = began
                store.record_hardware(sample)
            if began - pruned_at >= PRUNE_SECONDS:
                pruned_at = began
                log.info("artifacts_pruned", extra={"inspections": artifacts.prune(time.time())})
                log.info("predecessors_pruned", extra={"copies": predecessors.prune()})
                rows = store.prune(time.time())
                log.info("history_pruned", extra={"rows": rows})
        except HistoryError as error:
            log.error("housekeeping_failed", extra={"error": str(error)})
        except Exception:
            log.exception("housekeeping_failed")
        stop.wait(max(0.0, interval_seconds - (time.monotonic() - began)))
