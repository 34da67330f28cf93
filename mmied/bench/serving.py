"""Put a module that belongs to somebody else into the state in which it is served, and leave it as it was found."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def as_served(module: Any, threads: int | None = None) -> Iterator[None]:
    """Hold `module` in evaluation mode, and torch at `threads`; afterwards each submodule has its own mode again.

    Tensors that a forward pass made under inference mode and kept (masks, position tables) are replaced by plain
    copies: with them the module could not be trained any more.
    """
    threads_before = torch.get_num_threads()
    if threads is not None:
        torch.set_num_threads(threads)
    modes = [(each, each.training) for each in _modules(module) if hasattr(each, "training")]
    try:
        if any(training for _, training in modes):
            _evaluate(module)
        yield
    finally:
        for each, training in modes:
            if each.training != training:
                each.training = training
        _free_of_inference(module)
        if threads is not None:
            torch.set_num_threads(threads_before)


def _modules(module: Any) -> list[Any]:
    return list(module.modules()) if isinstance(module, torch.nn.Module) else []


def _evaluate(module: torch.nn.Module) -> None:
    try:
        module.eval()
    except NotImplementedError:  # the module of an exported program has the one mode that it was exported in
        return


def _free_of_inference(module: Any) -> None:
    for each in _modules(module):
        for kept in (vars(each), each.__dict__.get("_buffers", {})):
            for name, value in list(kept.items()):
                if isinstance(value, torch.Tensor) and value.is_inference():
                    kept[name] = value.clone()
