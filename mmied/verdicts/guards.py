"""What a faster candidate must not cost: conditions on outputs and accuracy, and whether they hold."""

from dataclasses import dataclass

from mmied.optimization import Exactness, Fidelity, Guard

MAX_ACCURACY_DROP = 0.005  # half a point: below what most users would see, above what rounding does


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How far outputs may be from the baseline's; None is not asked for."""

    worst_cosine: float | None = None
    relative_l2: float | None = None
    top1_agreement: float | None = None


# Measured on eight families of models: reordered float32 arithmetic stays below 1e-5, bfloat16 at 0.005 to 0.009,
# int8 that works at 0.01 to 0.04, int8 that is broken above 0.3. No such number foretells what pruning does.
BOUNDS: dict[Exactness, Bounds] = {
    "exact": Bounds(relative_l2=1e-4),
    "reduced": Bounds(worst_cosine=0.999, relative_l2=0.02),
    "int8": Bounds(worst_cosine=0.99, relative_l2=0.05, top1_agreement=0.99),
    "pruned": Bounds(),
}


def guard_fidelity(fidelity: Fidelity, exactness: Exactness) -> tuple[Guard, ...]:
    """Return the conditions on outputs that a candidate of this exactness has to meet."""
    guards = [
        Guard(name="finite", met=fidelity.finite, shown=_said(fidelity.finite, "outputs are finite", "not all are")),
        Guard(
            name="structure",
            met=fidelity.same_structure,
            shown=_said(fidelity.same_structure, "outputs have the baseline's structure", "they have another"),
        ),
    ]
    if not all(guard.met for guard in guards):
        return tuple(guards)
    bounds = BOUNDS[exactness]
    if bounds.worst_cosine is not None and fidelity.worst_cosine is not None:
        guards.append(_at_least("worst cosine", fidelity.worst_cosine, bounds.worst_cosine))
    if bounds.relative_l2 is not None and fidelity.relative_l2 is not None:
        met = fidelity.relative_l2 <= bounds.relative_l2
        shown = f"relative L2 distance {fidelity.relative_l2:.2g}, may be at most {bounds.relative_l2:g}"
        guards.append(Guard(name="relative L2 distance", met=met, shown=shown))
    if bounds.top1_agreement is not None and fidelity.top1_agreement is not None:
        guards.append(_at_least("top-1 agreement", fidelity.top1_agreement, bounds.top1_agreement))
    return tuple(guards)


def guard_accuracy(
    change: tuple[float, float, float],
    *,
    max_drop: float = MAX_ACCURACY_DROP,
    higher_is_better: bool = True,
    exactness: Exactness = "reduced",
    predictions_changed: int | None = None,
) -> Guard:
    """Return the condition on the task's accuracy: not worse by more than `max_drop`, beyond doubt.

    `change` is the candidate's score less the baseline's on the same samples, with its 95 % interval. That the
    interval's bad end has to be within the margin is the test of non-inferiority: a small test set, which cannot rule
    a drop out, does not pass for one that found none. It is not held against an exact candidate that changed no
    prediction: there the outputs themselves have shown that it computes the same.
    """
    estimate, lower, upper = change
    worst_drop, least_drop = (-lower, -upper) if higher_is_better else (upper, lower)
    shown = f"score changed by {estimate:+.4f} [{lower:+.4f}, {upper:+.4f}], may be worse by {max_drop:g} at most"
    if exactness == "exact" and predictions_changed == 0:
        return Guard(name="accuracy", met=True, shown="no prediction on labelled samples changed")
    if worst_drop <= max_drop:
        return Guard(name="accuracy", met=True, shown=shown)
    if least_drop > max_drop:
        return Guard(name="accuracy", met=False, shown=shown)
    return Guard(name="accuracy", met=False, sure=False, shown=f"{shown}: too few labelled samples to rule that out")


def _at_least(name: str, value: float, bound: float) -> Guard:
    return Guard(name=name, met=value >= bound, shown=f"{name} {value:.5g}, has to be at least {bound:g}")


def _said(met: bool, well: str, badly: str) -> str:
    return well if met else f"{well}: {badly}"
