"""Say of a changed model file whether it is slower than the one before, from calls of both in the same minutes."""

from dataclasses import dataclass
from typing import Literal

from mmied.profiles import PairedRatio
from mmied.regression import PredecessorResult

Word = Literal["slower", "faster", "no_difference", "cannot_tell"]
SURE_SHARE = 0.5  # of the least change: a file that is slower by just that is measured below it half of the time


@dataclass(frozen=True, slots=True, kw_only=True)
class Succession:
    """What became of one batch size with the new file. Ratios are of a call's time, less 1: above 0 is slower.

    The interval is one of 95 %. `control_ratio` is how far the same file was from itself at most, by its interval.
    """

    batch_size: int
    word: Word
    change_ratio: float
    lower: float
    upper: float
    control_ratio: float
    why: str  # a sentence with the figures


def slower_file(result: PredecessorResult, minimum_ratio: float) -> tuple[Succession, ...]:
    """Return for each batch size whether the deployed file is slower than its predecessor.

    It is slower, or faster, where the interval leaves out no difference at all and whatever the same file differed
    from itself by, and the change is one that matters. There is no difference where the interval leaves no room for
    one of `minimum_ratio`.
    """
    return tuple(_judged(ratio, result.fit, minimum_ratio) for ratio in result.ratios)


def _judged(ratio: PairedRatio, fit: bool, minimum_ratio: float) -> Succession:
    change, lower, upper = 1 / ratio.speedup_ratio - 1, 1 / ratio.upper - 1, 1 / ratio.lower - 1
    control = max(
        (abs(1 / bound - 1) for bound in (ratio.control_lower, ratio.control_upper) if bound is not None), default=0.0
    )
    interval = f"{change:+.1%} [{lower:+.1%}, {upper:+.1%}]"
    told = f"batch size {ratio.batch_size}: a call's time changed by {interval}, in {ratio.pairs} pairs"
    word: Word = "cannot_tell"
    if not fit:
        why = f"{told}, but other work kept the CPUs or the device too busy for that to be fair"
    elif lower > control and change >= SURE_SHARE * minimum_ratio:
        word, why = "slower", f"{told}; the same file against itself {control:.1%} at most"
    elif upper < -control and -change >= SURE_SHARE * minimum_ratio:
        word, why = "faster", f"{told}; the same file against itself {control:.1%} at most"
    elif -minimum_ratio < lower and upper < minimum_ratio:
        word, why = "no_difference", f"{told}: less than the {minimum_ratio:.1%} that matter"
    elif lower > 0 or upper < 0:
        why = f"{told}, but the same file against itself reached {control:.1%}"
    else:
        why = f"{told}: too wide to say"
    return Succession(
        batch_size=ratio.batch_size,
        word=word,
        change_ratio=change,
        lower=lower,
        upper=upper,
        control_ratio=control,
        why=why,
    )
