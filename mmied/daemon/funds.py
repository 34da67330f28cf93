"""How a budget stands, and the sentence for one that is overdrawn."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Funds:
    """A budget: its rate in seconds a second, what it holds in seconds, and what the schedule asks of it."""

    rate: float
    tokens_seconds: float
    demand_ratio: float


def overdrawn_notice(resource: str, demand_ratio: float, key: str) -> str:
    """Return the sentence on a schedule that asks for more than the budget gives."""
    return (
        f"the schedule asks for {demand_ratio:.1f} times the {resource} budget: runs come about {demand_ratio:.1f} "
        f"times less often than planned. Raise `budget.{key}`, lengthen the intervals, or measure fewer scenarios."
    )
