"""What a way to quantize is: a row of the table, with what it needs and what it fits."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.util import find_spec

from torch import nn

from mmied.bench.optimize.export import Inputs
from mmied.bench.optimize.quantization.config import QuantizationConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A model to be quantized: a private copy that a backend may change as it likes, in evaluation mode."""

    model: nn.Module
    config: QuantizationConfig
    examples: Sequence[Inputs] = ()  # example calls; for static quantization those that calibrate


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantized:
    """What a backend made, and the proof: how many modules or nodes it changed, and parameters with them."""

    model: nn.Module
    changed: Mapping[str, int]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """One maintained or tolerated way to quantize."""

    name: str
    types: tuple[str, ...]
    needs: Mapping[str, str]  # module to import → what to install
    versions: tuple[str, ...]  # distributions whose versions matter
    good_for: str  # why "auto" took it, as the end of a sentence
    applicable: Callable[[Request], str | None]  # None, or why not; cheap and without effects
    apply: Callable[[Request], Quantized]


def missing(backend: Backend) -> str | None:
    """Say what a backend lacks on this host; None when nothing."""
    for module, install in backend.needs.items():
        try:
            if find_spec(module) is None:
                return f"the package {module} is missing: {install}"
        except ModuleNotFoundError:
            return f"the package {module.partition('.')[0]} is missing: {install}"
    return None


def selects(config: QuantizationConfig, name: str) -> bool:
    """Return whether the configuration asks for the submodule `name`."""
    return not config.modules or any(fnmatchcase(name, pattern) for pattern in config.modules)
