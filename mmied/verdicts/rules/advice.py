"""What a rule has to say of one profile."""

from collections.abc import Mapping
from dataclasses import dataclass

from mmied.profiles import Confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """Advice before its figures are written out.

    `title`, `because` and `confirm` name entries of `evidence` in braces; the last word of an entry's name is its
    unit, by which it is written. `saves_ratio` is the share of the time, or of the memory, that is at stake.
    """

    title: str
    because: str
    confirm: str
    confidence: Confidence
    evidence: Mapping[str, float | int | str]
    saves_ratio: float
