"""Say in which order a round of calls in turn takes its streams."""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def order_of_round(streams: Sequence[T], index: int) -> list[T]:
    """Return who comes when: every second round is the one before, backwards; each pair of rounds begins elsewhere."""
    start = index // 2 % len(streams)
    order = [*streams[start:], *streams[:start]]
    return order[::-1] if index % 2 else order
