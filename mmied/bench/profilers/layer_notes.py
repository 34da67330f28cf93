"""Say what a reader of layers' times should know: what recording cost, and what it could not see."""

from collections.abc import Sequence

import torch

from mmied.bench.profilers.layer_times import PartTimes
from mmied.bench.profilers.locator import Locator
from mmied.bench.profilers.model_tree import Part, is_exported


def notes_of_time(recorded: float, bare: float, *, calls: int, apart: bool) -> list[str]:
    """Return what is to be known of the times: what recording took, and whether they mean anything."""
    notes = []
    if recorded > bare:
        notes.append(
            f"recording slowed a call by {recorded / bare - 1:.0%}, from {bare * 1e3:.3f} to {recorded * 1e3:.3f} ms; "
            "that is taken off each layer again by the events it had"
        )
    if not apart:
        why = (
            "one call was recorded" if calls == 1 else "they differ from call to call about as much as from one another"
        )
        notes.append(f"the layers' times cannot be told apart: {why}, so that their order means nothing")
    return notes


def notes_of_parts(locator: Locator, times: Sequence[PartTimes], *, on_cuda: bool) -> list[str]:
    """Return what a reader should know of what the profiler could not see."""
    parts, learned = locator.parts, locator.learned
    notes = []
    if not isinstance(parts[0].module, torch.nn.Module):
        notes.append(
            f"{parts[0].kind} runs as one compiled or foreign whole and tells no layers: "
            "profile the model that it was made from"
        )
    if learned.fused:
        below = _never_called_below(parts, times, learned.fused)
        if below:
            notes.append(
                f"{_names(parts, sorted(learned.fused))} ran in torch's fused kernels, each as one: "
                f"the {below} layers inside have no times of their own"
            )
    if learned.compiled:
        notes.append("regions of torch.compile run as one kernel sequence: layers inside them show no calls")
    if isinstance(parts[0].module, torch.jit.ScriptModule):
        notes.append(
            "the time between operators, which is TorchScript's interpreter's, stands with the model itself; "
            "calls of one module right after another count as one"
        )
        if not any(time.calls for time in times[1:]):
            notes.append("the operators name no modules: layers cannot be told")
    if learned.remembered:
        notes.append("the program was frozen: its layers are those that its operators remember, without parameters")
    if is_exported(parts[0].module):
        notes.append(
            "the layers of an exported program are told by the nodes of its graph; "
            "the time between operators stands with the model itself"
        )
    if learned.unmatched:
        notes.append("the exported program ran other operators than its graph names: its layers cannot be told")
    if learned.ambiguous:
        named = ", ".join(sorted(learned.ambiguous)[:3])
        notes.append(f"several modules are called {named}: their times stand with the layer around them")
    if learned.unregistered:
        named = ", ".join(sorted(learned.unregistered)[:3])
        notes.append(f"modules that are no registered parts ran ({named}): their times stand with the layer around")
    if on_cuda:
        notes.append("seconds are the host's, which launches the work; device_seconds are the kernels'")
    return notes


def _never_called_below(parts: Sequence[Part], times: Sequence[PartTimes], fused: set[int]) -> int:
    inside = set(fused)
    below = 0
    for index, part in enumerate(parts):
        if part.parent in inside and not times[index].calls:
            inside.add(index)
            below += 1
    return below


def _names(parts: Sequence[Part], indexes: Sequence[int]) -> str:
    names = [parts[index].name or parts[index].kind for index in indexes]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
