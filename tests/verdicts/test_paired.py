"""A candidate helps only beyond doubt: by more than is worthwhile, more than chance, and without breaking a guard."""

import math
from random import Random

import pytest

from mmied.optimization import Guard
from mmied.profiles import PairedRatio
from mmied.stats import paired_ratio
from mmied.verdicts.paired import FEWEST_PAIRS, LOOK_CONFIDENCE, is_settled, judge

MET = Guard(name="finite", met=True, shown="all outputs are finite")
BROKEN = Guard(name="cosine", met=False, shown="worst cosine 0.91, has to be at least 0.99")


def ratio(lower: float, upper: float, *, batch_size: int = 1, pairs: int = 40, control: float = 1.02) -> PairedRatio:
    return PairedRatio(
        variant="bf16",
        batch_size=batch_size,
        pairs=pairs,
        speedup_ratio=math.sqrt(lower * upper),
        lower=lower,
        upper=upper,
        control_lower=2 - control,
        control_upper=control,
    )


def test_a_gain_beyond_doubt_helps_and_says_by_how_much() -> None:
    verdict, why = judge([ratio(1.4, 1.6)], [MET])

    assert verdict == "helps"
    assert "1.50× [1.40, 1.60] at batch size 1" in why


def test_a_gain_that_is_not_worthwhile_does_not_help() -> None:
    verdict, why = judge([ratio(1.02, 1.08)], [MET])

    assert verdict == "does_not_help"
    assert "10%" in why


def test_an_interval_that_holds_both_answers_cannot_tell() -> None:
    assert judge([ratio(1.05, 1.3)], [MET])[0] == "cannot_tell"


def test_a_gain_that_the_model_shows_against_itself_is_none() -> None:
    verdict, why = judge([ratio(1.2, 1.3, control=1.25)], [MET])

    assert verdict == "cannot_tell"
    assert "against itself reached 1.25×" in why


def test_a_broken_guard_outweighs_any_speed() -> None:
    assert judge([ratio(9.0, 9.5)], [MET, BROKEN]) == ("does_not_help", BROKEN.shown)


def test_pairs_that_were_not_fair_say_nothing() -> None:
    assert judge([ratio(1.4, 1.6)], [MET], fit=False)[0] == "cannot_tell"


def test_what_is_slower_at_another_deployed_batch_size_does_not_help() -> None:
    verdict, why = judge([ratio(0.6, 0.7), ratio(2.5, 2.7, batch_size=32)], [])

    assert verdict == "does_not_help"
    assert "slower elsewhere" in why
    assert "batch size 1" in why


def test_one_batch_size_that_gains_is_enough_where_none_loses() -> None:
    assert judge([ratio(0.98, 1.03), ratio(1.4, 1.5, batch_size=8)], [])[0] == "helps"


def test_a_minimum_effect_of_the_users_own_is_heeded() -> None:
    assert judge([ratio(1.3, 1.4)], [], minimum_effect_ratio=0.5)[0] == "does_not_help"
    assert judge([ratio(1.03, 1.05)], [], minimum_effect_ratio=0.02)[0] == "helps"


def test_nothing_measured_is_nothing_to_judge() -> None:
    with pytest.raises(ValueError, match="nothing to judge"):
        judge([], [])


def test_a_clear_loser_is_settled_early_and_an_open_case_goes_on() -> None:
    assert is_settled(ratio(0.7, 0.9, pairs=FEWEST_PAIRS))
    assert is_settled(ratio(1.5, 1.9, pairs=FEWEST_PAIRS))
    assert not is_settled(ratio(0.7, 0.9, pairs=FEWEST_PAIRS - 1))
    assert not is_settled(ratio(1.0, 1.3))


def trial(true_ratio: float, draw: Random, *, noise: float = 0.06, most_pairs: int = 80) -> tuple[str, int]:
    """Judge a candidate as a search does: look after every fourth pair, stop when it is settled."""
    base, candidate, control = [], [], []
    while True:
        for _ in range(4):
            host = math.exp(draw.gauss(0, 0.3))  # what the host does to a whole round
            base.append(host * math.exp(draw.gauss(0, noise)))
            control.append(host * math.exp(draw.gauss(0, noise)))
            candidate.append(host * math.exp(draw.gauss(0, noise)) / true_ratio)
        if len(base) < FEWEST_PAIRS:
            continue
        look = _ratio(base, candidate, control, LOOK_CONFIDENCE)
        if is_settled(look) or len(base) >= most_pairs:
            return judge([_ratio(base, candidate, control, 0.95)], [MET])[0], len(base)


def _ratio(base: list[float], candidate: list[float], control: list[float], confidence: float) -> PairedRatio:
    estimate, lower, upper = paired_ratio(base, candidate, confidence=confidence)
    _, control_lower, control_upper = paired_ratio(base, control)
    return PairedRatio(
        variant="candidate",
        batch_size=1,
        pairs=len(base),
        speedup_ratio=estimate,
        lower=lower,
        upper=upper,
        control_lower=control_lower,
        control_upper=control_upper,
    )


def test_equal_models_are_never_said_to_help_and_cost_few_pairs() -> None:
    draw = Random(1)
    trials = [trial(1.0, draw) for _ in range(30)]

    assert "helps" not in {verdict for verdict, _ in trials}
    assert sum(pairs for _, pairs in trials) / len(trials) < 40


def test_a_worthwhile_gain_is_found_on_a_noisy_host() -> None:
    draw = Random(2)
    verdicts = [trial(1.25, draw)[0] for _ in range(20)]

    assert verdicts.count("helps") >= 19


def test_a_gain_with_a_guard_in_doubt_cannot_be_told() -> None:
    doubt = Guard(name="accuracy", met=False, sure=False, shown="too few labelled samples")
    assert judge([ratio(1.4, 1.6)], [MET, doubt])[0] == "cannot_tell"
    assert "too few labelled samples" in judge([ratio(1.4, 1.6)], [MET, doubt])[1]
    assert judge([ratio(0.9, 1.05)], [MET, doubt])[0] == "does_not_help"
    assert judge([ratio(1.4, 1.6)], [BROKEN, doubt])[0] == "does_not_help"
