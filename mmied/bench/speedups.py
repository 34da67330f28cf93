"""Say how much faster than the baseline models are that were called in turn, with what a reader should know of it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mmied.profiles import PairedRatio
from mmied.stats import MINIMUM_PAIRS, paired_ratio

if TYPE_CHECKING:  # torch comes with it
    from mmied.bench.interleave import Interleaved

Shapes = tuple[tuple[str, tuple[int, ...]], ...]  # of a model's outputs, by their paths


def ratio_of(
    variant: str,
    batch_size: int,
    *,
    baseline: Sequence[float],
    blocks: Sequence[float],
    control: Sequence[float],
    confidence: float = 0.95,
) -> PairedRatio:
    """Return how much faster than the baseline's the blocks of a variant are; the control's interval is one of 95 %.

    Blocks of the same index are pairs. Raises ValueError for fewer than MINIMUM_PAIRS.
    """
    speedup, lower, upper = paired_ratio(baseline, blocks, confidence=confidence)
    _, control_lower, control_upper = paired_ratio(baseline, control)
    return PairedRatio(
        variant=variant,
        batch_size=batch_size,
        pairs=len(baseline),
        speedup_ratio=speedup,
        lower=lower,
        upper=upper,
        control_lower=control_lower,
        control_upper=control_upper,
    )


def ratios_of(seen: "Interleaved", batch_size: int, baseline: str) -> list[PairedRatio]:
    """Return how much faster than the baseline each other model was; nothing where pairs are too few."""
    if seen.baseline != baseline or seen.rounds < MINIMUM_PAIRS:
        return []
    return [
        ratio_of(name, batch_size, baseline=seen.blocks[baseline], blocks=blocks, control=seen.control)
        for name, blocks in seen.blocks.items()
        if name != baseline
    ]


def notes_on(seen: "Interleaved", batch_size: int, *, baseline: str, num_runs: int, option: str) -> list[str]:
    """Return what a reader of the ratios should know; `option` is what gives the calls more time."""
    where = f"batch size {batch_size}"
    notes = []
    if seen.baseline != baseline:
        notes.append(f"{where}: the baseline {baseline} failed, so that nothing is held against it")
    elif seen.rounds < MINIMUM_PAIRS:
        notes.append(
            f"{where}: {seen.rounds} rounds in {seen.seconds:.0f} s bear no interval of the speed-up; it takes "
            f"{MINIMUM_PAIRS}. Give more time with {option}."
        )
    fewest = min(len(each.wall_seconds) for each in seen.iterations.values())
    if fewest < num_runs:
        notes.append(f"{where}: time was up after {fewest} calls of a model. Give more with {option}.")
    return notes


def notes_on_shapes(shapes: Mapping[str, Shapes], batch_size: int) -> list[str]:
    """Return a sentence for each model whose outputs have other shapes than the first one's."""
    if not shapes:
        return []
    first, *others = shapes
    return [
        f"batch size {batch_size}: {name} gives {_say(shapes[name])} where {first} gives {_say(shapes[first])}: "
        "these may not be variants of one model"
        for name in others
        if [shape for _, shape in shapes[name]] != [shape for _, shape in shapes[first]]
    ]


def _say(shapes: Shapes) -> str:
    return ", ".join("×".join(map(str, shape)) or "a scalar" for _, shape in shapes) or "no tensors"
