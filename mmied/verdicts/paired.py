"""Say of a candidate whether it helps: from paired ratios, a control and guards, and when enough pairs are had."""

from collections.abc import Sequence

from mmied.optimization import Guard, Verdict
from mmied.profiles import PairedRatio

MINIMUM_EFFECT_RATIO = 0.10  # a gain below this is seldom worth another artefact to look after
LOOK_CONFIDENCE = 0.999  # of the interval by which a trial may end early: it is looked at many times
FEWEST_PAIRS = 12  # before the first look


def bar(ratio: PairedRatio, minimum_effect_ratio: float) -> float:
    """Return the speed-up that the lower bound has to pass: the least worthwhile, or what two equal models showed."""
    return max(1 + minimum_effect_ratio, ratio.control_upper or 0.0)


def is_settled(ratio: PairedRatio, *, minimum_effect_ratio: float = MINIMUM_EFFECT_RATIO) -> bool:
    """Tell whether more pairs would not change the verdict. `ratio` has its interval at LOOK_CONFIDENCE.

    Looking again and again at an interval of 95 % would stop too often at a chance excursion; one of 99.9 % holds
    its promise over some tens of looks (Bonferroni).
    """
    limit = bar(ratio, minimum_effect_ratio)
    return ratio.pairs >= FEWEST_PAIRS and (ratio.upper < 1 + minimum_effect_ratio or ratio.lower > limit)


def judge(
    ratios: Sequence[PairedRatio],
    guards: Sequence[Guard],
    *,
    fit: bool = True,
    minimum_effect_ratio: float = MINIMUM_EFFECT_RATIO,
) -> tuple[Verdict, str]:
    """Return the verdict over the deployed batch sizes, and a sentence that says why.

    It helps where at one batch size the gain is worthwhile beyond doubt, at none a loss is likely, and all guards are
    met. It does not help where no batch size can have a worthwhile gain, one has a certain loss, or a guard is surely
    not met. Raises ValueError without any ratio.
    """
    if not ratios:
        raise ValueError("no batch size was measured: there is nothing to judge")
    broken = [guard for guard in guards if not guard.met and guard.sure]
    doubtful = [guard for guard in guards if not guard.met and not guard.sure]
    if broken:
        return "does_not_help", "; ".join(guard.shown for guard in broken)
    if not fit:
        return "cannot_tell", "other work kept the CPUs or the device too busy for fair pairs: try a quieter hour"
    lost = [ratio for ratio in ratios if ratio.upper < 1]
    gained = [ratio for ratio in ratios if ratio.lower > bar(ratio, minimum_effect_ratio)]
    hopeless = [ratio for ratio in ratios if ratio.upper < 1 + minimum_effect_ratio]
    if gained and not lost and doubtful:
        return "cannot_tell", f"{_told(gained[0])}, but {'; '.join(guard.shown for guard in doubtful)}"
    if gained and not lost:
        return "helps", "; ".join(_told(ratio) for ratio in gained)
    if gained:
        return "does_not_help", f"{_told(gained[0])}, but slower elsewhere: {'; '.join(_told(each) for each in lost)}"
    if len(hopeless) == len(ratios):
        best = max(ratios, key=lambda ratio: ratio.upper)
        return "does_not_help", f"{_told(best)}: below the {minimum_effect_ratio:.0%} that would be worthwhile"
    undecided = max(ratios, key=lambda ratio: ratio.upper)
    if undecided.control_upper is not None and undecided.lower > 1 + minimum_effect_ratio:
        return "cannot_tell", f"{_told(undecided)}, but the model against itself reached {undecided.control_upper:.2f}×"
    return "cannot_tell", f"{_told(undecided)}: too wide to say after {undecided.pairs} pairs"


def _told(ratio: PairedRatio) -> str:
    return f"{ratio.speedup_ratio:.2f}× [{ratio.lower:.2f}, {ratio.upper:.2f}] at batch size {ratio.batch_size}"
