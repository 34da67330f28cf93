"""Look inside a warm model: the deep passes one after another, each alone, so that one that fails takes no other."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from mmied.bench.failures import sentence_of
from mmied.bench.profilers import attention, flops, layers, memory_timeline, operators, usage
from mmied.bench.profilers.recorded import Recorded, Target
from mmied.inspection import Attention, Flops, Inspection, Layers, MemoryTimeline, Operators, Usage
from mmied.records import Workload

PASSES = ("layers", "operators", "flops", "memory", "usage", "attention")


@dataclass(slots=True)
class _Found:
    """What the passes left so far."""

    layers: Layers | None = None
    recorded: Recorded | None = None
    operators: Operators | None = None
    flops: Flops | None = None
    timelines: tuple[MemoryTimeline, ...] = ()
    usage: Usage | None = None
    attentions: tuple[Attention, ...] = ()
    failures: dict[str, str] = field(default_factory=dict)
    pass_seconds: dict[str, float] = field(default_factory=dict)


def inspect(
    target: Target,
    *,
    workload: Workload,
    passes: Collection[str] = PASSES,
    folder: Path | None = None,
    reached: Callable[[str], None] = lambda name: None,
    so_far: Callable[[Inspection, Recorded | None], None] = lambda inspection, recorded: None,
) -> tuple[Inspection, Recorded | None]:
    """Run `passes` over the target, and return what they saw with the frames of the layers pass.

    `reached` is told each pass before it runs, `so_far` what there is after each; `folder` takes the traces. A pass
    that raises is a sentence in the inspection's failures. Raises ValueError for a pass that is not one of PASSES.
    """
    if unknown := sorted(set(passes) - set(PASSES)):
        raise ValueError(f"passes: {', '.join(unknown)}: not one of {', '.join(PASSES)}")
    found = _Found()
    steps: dict[str, Callable[[], None]] = {
        "layers": lambda: _look_at_layers(found, target, folder),
        "operators": lambda: setattr(found, "operators", operators.profile(target)),
        "flops": lambda: setattr(found, "flops", flops.profile(target)),
        "memory": lambda: setattr(found, "timelines", memory_timeline.profile(target)),
        "usage": lambda: setattr(found, "usage", usage.profile(target)),
        "attention": lambda: setattr(found, "attentions", attention.profile(target)),
    }
    for name in PASSES:
        if name not in passes:
            continue
        reached(name)
        began = time.perf_counter()
        try:
            with torch.inference_mode():
                steps[name]()
        except Exception as error:  # noqa: BLE001 - what a pass cannot do to a user's model is a result of its own
            found.failures[name] = sentence_of(error)
        found.pass_seconds[name] = time.perf_counter() - began
        so_far(_merge(found, workload), found.recorded)
    return _merge(found, workload), found.recorded


def _look_at_layers(found: _Found, target: Target, folder: Path | None) -> None:
    found.layers, found.recorded = layers.profile(target, folder=folder)


def _merge(found: _Found, workload: Workload) -> Inspection:
    """Give each layer its arithmetic: the passes that timed and that counted knew nothing of one another."""
    timed = found.layers
    if timed is not None and found.flops is not None:
        counted = found.flops.by_layer
        timed = replace(timed, layers=tuple(replace(each, flops=counted.get(each.name)) for each in timed.layers))
    return Inspection(
        workload=workload,
        layers=timed,
        operators=found.operators,
        flops=found.flops,
        timelines=found.timelines,
        usage=found.usage,
        attentions=found.attentions,
        failures=dict(found.failures),
        pass_seconds=dict(found.pass_seconds),
    )
