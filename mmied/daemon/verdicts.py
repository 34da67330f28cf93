"""Tell whether what was once said of a candidate still holds. Pure."""

from collections.abc import Sequence

from mmied.config import Model
from mmied.optimization import StandingVerdict, Verdict
from mmied.records import Environment, Run

MOST_AGE_SECONDS = 60 * 86_400.0  # what nobody looked at again for so long is no evidence of today
ORDER: tuple[Verdict, ...] = ("helps", "cannot_tell", "does_not_help", "not_tried")
TOLD_FACTS = 3  # of those that differ


def expired(verdict: StandingVerdict, model: Model, last_success: Run | None, *, now: float) -> str | None:
    """Return why a verdict holds no more, or None while it does.

    It is held against the last successful run that profiled the model: its revision, and what it ran on.
    """
    if verdict.batch_sizes != tuple(sorted({workload.batch_size for workload in model.workloads})):
        return "it was tried at other batch sizes"
    if now - verdict.trial.at > MOST_AGE_SECONDS:
        return f"it was last tried {(now - verdict.trial.at) / 86_400:.0f} days ago"
    if last_success is None:
        return None
    if verdict.revision != last_success.revision:
        return "the model's file changed since"
    now_on = last_success.environment
    if verdict.environment is None or now_on is None or verdict.environment.fingerprint == now_on.fingerprint:
        return None
    return _differences(verdict.environment, now_on)


def by_verdict(verdicts: Sequence[StandingVerdict]) -> list[StandingVerdict]:
    """Return verdicts with those first that an operator looks for: what helps, the fastest first."""
    return sorted(verdicts, key=lambda each: (ORDER.index(each.trial.verdict), -(best_speedup(each) or 0.0)))


def best_speedup(verdict: StandingVerdict) -> float | None:
    """Return the speed-up at the batch size where a candidate did best; None where it was not measured."""
    return max((ratio.speedup_ratio for ratio in verdict.trial.ratios), default=None)


def _differences(then: Environment, now: Environment) -> str:
    names = sorted(name for name in {**then.stable, **now.stable} if then.stable.get(name) != now.stable.get(name))
    told = [f"{name} was {then.stable.get(name)} and is {now.stable.get(name)}" for name in names[:TOLD_FACTS]]
    more = f", and {len(names) - TOLD_FACTS} more" if len(names) > TOLD_FACTS else ""
    return ", ".join(told) + more if told else "the host is another"
