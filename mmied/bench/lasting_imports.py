"""Import what lasts as long as a process of ours, such as torch, and keep the garbage collector from looking at it."""

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def lasting_imports() -> Iterator[None]:
    """Keep the collector off what is imported in the block, for good.

    It would find nothing there, and to look through torch's modules, while they come in and once more as the process
    ends, is a third of the CPU time that a process takes which only imports torch. Whatever else there is when the
    block is left is never collected either, so it is for the beginning of processes of our own.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
