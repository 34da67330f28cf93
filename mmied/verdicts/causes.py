"""Tell what a change of a series comes from, with the evidence in words and figures; pure.

What was paired in the same minutes decides. Then: did the reference work move with the series, was the model's file or
what it runs on changed in between, were others busier, did other models change at the same time. What nothing speaks
for is `unknown`.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

from mmied import formats
from mmied.profiles import PairedRatio
from mmied.records import Environment, Event
from mmied.regression import (
    HOST,
    METRICS,
    Cause,
    Evidence,
    PredecessorResult,
    RecordedChange,
    SeriesPoint,
)
from mmied.verdicts.ledger import events_between
from mmied.verdicts.succession import slower_file

SIDE_RUNS = 12  # on either side of a change, that are held against each other
REFERENCE_RATIO = 0.02  # by which reference work has to move before it says anything
REFERENCE_ERRORS = 3.0  # and by how many of its own standard errors
EXPLAINS = 0.5  # the share of a change at which what moved with it is its cause
EXPLAINS_BESIDE_FILE = 0.8  # the same where the model's file changed too
CONTENDED_RATIO, CONTENDED_RISE = 0.3, 0.2  # of calls that waited for others, after; and by how much that rose
MANY_MODELS = 0.5  # of the host's other models, that changed at the same time
OF_TIME = ("seconds", "per_second")  # units that a slow or busy host changes; memory and outputs it does not
CAUSE_OF_EVENT: Mapping[str, Cause] = {
    "model_changed": "model",
    "runtime_changed": "environment",
    "driver_changed": "environment",
    "settings_changed": "environment",
    "limits_changed": "environment",
    "clocks_changed": "host",
    "host_changed": "host",
}
WORDS = {
    "model_changed": "the model's file changed",
    "runtime_changed": "the software changed",
    "driver_changed": "the driver changed",
    "settings_changed": "the settings changed",
    "limits_changed": "the limits changed",
    "clocks_changed": "the clocks changed",
    "host_changed": "the host changed",
    "config_reloaded": "the configuration was read again",
}
CLOCK_JUMPED = "the clock jumped"  # how the message of an event begins that slows nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What is known beside a change.

    `points` are of its series, `events` of the ledger from the last good run to the first of the new level. `before`
    and `after` are what those two ran on. `others` are changes of other models of the host in the same time and
    direction, `other_models` how many models that could be of.
    """

    points: Sequence[SeriesPoint] = ()
    events: Sequence[Event] = ()
    before: Environment | None = None
    after: Environment | None = None
    others: Sequence[RecordedChange] = ()
    other_models: int = 0
    paired: PredecessorResult | None = None
    batch_size: int | None = None  # of the series' scenario


@dataclass(slots=True)
class _Case:
    """The evidence that was gathered, and what of it speaks for which cause."""

    evidence: list[Evidence] = field(default_factory=list)
    speaks: set[Cause] = field(default_factory=set)

    def add(self, evidence: Evidence) -> None:
        self.evidence.append(evidence)
        if evidence.cause is not None:
            self.speaks.add(evidence.cause)


def attribute(change: RecordedChange, known: Circumstances) -> tuple[Cause, tuple[Evidence, ...]]:
    """Return the cause of a change and the reasons to believe in it, the decisive ones first."""
    before = [point for point in known.points if point.fit and point.at < change.started_at][-SIDE_RUNS:]
    after = [point for point in known.points if point.fit and point.at >= change.started_at][:SIDE_RUNS]
    of_time = METRICS[change.key.metric].unit in OF_TIME
    case = _Case()
    paired = _paired(change, known)
    if paired is not None:
        case.add(paired)
    events = list(_events(known, change))
    for event in events:
        case.add(event)
    share = 0.0
    if of_time and change.key.model != HOST:
        reference, share = _reference(change, before, after)
        if reference is not None:
            case.add(reference)
    busier = _contention(before, after) if of_time else None
    if busier is not None:
        case.add(busier)
    others = _others(known) if change.key.model != HOST else None
    if others is not None:
        case.add(others)
    refuted = paired is not None and paired.cause is None
    cause = _decide(change, case, share, by_pair=paired is not None and paired.cause == "model", refuted=refuted)
    ranked = sorted(case.evidence, key=lambda each: (each.kind != "paired", each.cause != cause, each.cause is None))
    return cause, tuple(ranked)


def _decide(change: RecordedChange, case: _Case, share: float, *, by_pair: bool, refuted: bool) -> Cause:
    told = {each.cause for each in case.evidence if each.kind in ("event", "environment")}
    contended = any(each.kind == "contention" and each.cause == "contention" for each in case.evidence)
    if by_pair:
        return "model"
    file_changed = "model" in told and not refuted
    if change.key.model == HOST:
        return "environment" if "environment" in told else "contention" if contended and "host" not in told else "host"
    if share >= (EXPLAINS_BESIDE_FILE if file_changed else EXPLAINS):
        if "environment" in told:
            return "environment"
        return "contention" if contended and "host" not in told else "host"
    if file_changed:
        return "model"
    for cause in ("environment", "host"):
        if cause in told:
            return cause
    if contended:
        return "contention"
    return "host" if any(each.kind == "others" and each.cause == "host" for each in case.evidence) else "unknown"


def _paired(change: RecordedChange, known: Circumstances) -> Evidence | None:
    """Return what the file before says beside the file after; None where that was not told, or cannot be."""
    found = known.paired
    if found is None or not found.fit:
        return None
    if change.key.metric == "output_drift":
        if found.drift_ratio is None:
            return None
        differ = found.drift_ratio > 0
        text = f"the outputs of the file before and of the deployed one are {found.drift_ratio:.2g} apart"
        return Evidence(kind="paired", text=text, cause="model" if differ and change.worse else None)
    pair = pair_of(found, known.batch_size)
    if pair is None or not change.key.metric.startswith(("latency", "throughput")) or change.change_ratio <= -1:
        return None
    (told,) = slower_file(replace(found, ratios=(pair,)), minimum_ratio=abs(change.change_ratio))
    changed = _of_throughput(change) if change.key.metric == "throughput" else math.log1p(change.change_ratio)
    shifted, least, most = (math.log1p(each) for each in (told.change_ratio, told.lower, told.upper))
    if changed < 0:
        shifted, least, most, changed = -shifted, -most, -least, -changed
    text = f"the deployed file against the one before, in the same minutes: {told.why}"
    if least > math.log1p(told.control_ratio) and shifted >= EXPLAINS * changed:
        return Evidence(kind="paired", text=text, cause="model")
    if most < EXPLAINS * changed:
        return Evidence(kind="paired", text=f"{text}. The file is not what changed it")
    return None  # too wide to say


def pair_of(found: PredecessorResult, batch_size: int | None) -> PairedRatio | None:
    """Return the ratio at a batch size, or at the one next to it."""
    return min(found.ratios, key=lambda ratio: abs(ratio.batch_size - (batch_size or 1)), default=None)


def _of_throughput(change: RecordedChange) -> float:
    """Return by how much longer a call takes, as a logarithm, where a throughput is so much less."""
    return -math.log1p(-change.change_ratio) if change.change_ratio < 1 else math.inf


def _events(known: Circumstances, change: RecordedChange) -> Iterator[Evidence]:
    """Yield what was changed in between: what the ledger says, and what the two runs' environments say beside it."""
    kinds = set()
    relevant = [event for event in known.events if not event.message.startswith(CLOCK_JUMPED)]
    for event in sorted(relevant, key=lambda each: each.at):
        if event.model not in (None, change.key.model) or event.kind.startswith("baseline"):
            continue
        kinds.add(event.kind)
        said = f"{WORDS.get(event.kind, event.kind)}: {event.message} ({formats.clock(event.at)})"
        yield Evidence(kind="event", text=said, cause=CAUSE_OF_EVENT.get(event.kind))
    if known.before is None or known.after is None or known.before.fingerprint == known.after.fingerprint:
        return
    model = change.key.model
    rows = events_between(known.before, known.after, at=change.started_at)
    if model != HOST:
        rows += events_between(known.before, known.after, at=change.started_at, model=model)
    for row in rows:
        if row.kind not in kinds:
            said = f"{WORDS[row.kind]} between the last good run and the first of the new level: {row.message}"
            yield Evidence(kind="environment", text=said, cause=CAUSE_OF_EVENT[row.kind])


def _reference(
    change: RecordedChange, before: Sequence[SeriesPoint], after: Sequence[SeriesPoint]
) -> tuple[Evidence | None, float]:
    """Return whether the reference work moved with the series, and what share of its change that explains."""
    sign = 1 if METRICS[change.key.metric].better == "lower" else -1  # as the references of a point have
    moves = {}
    for name in sorted({name for point in (*before, *after) for name in point.references}):
        then = [sign * point.references[name] for point in before if name in point.references]
        now = [sign * point.references[name] for point in after if name in point.references]
        if then and now:
            moves[name] = (median(now) - median(then), REFERENCE_ERRORS * math.hypot(_error(then), _error(now)))
    if not moves:
        return None, 0.0
    whole = sign * (median(point.value for point in after) - median(point.value for point in before))
    told = ", ".join(f"{name} {math.expm1(move):+.1%}" for name, (move, _) in moves.items())
    real = {name: move for name, (move, noise) in moves.items() if abs(move) > max(REFERENCE_RATIO, noise)}
    share = max((move / whole for move in real.values()), default=0.0) if whole else 0.0
    if share >= EXPLAINS:
        name = max(real, key=lambda each: real[each] / whole)
        text = f"reference work in the same minutes moved with it, which explains {min(share, 1):.0%} of it ({told})"
        return Evidence(kind="reference", text=f"{text}: {name} most", cause="host"), share
    if real:
        return Evidence(kind="reference", text=f"reference work moved too little to explain it ({told})"), share
    return Evidence(kind="reference", text=f"reference work in the same minutes took the same ({told})"), 0.0


def _error(values: Sequence[float]) -> float:
    """Return the standard error of a median, from the median absolute deviation; of few values what they may hide."""
    if len(values) < 3:
        return REFERENCE_RATIO / REFERENCE_ERRORS
    centre = median(values)
    return 1.2533 * 1.4826 * median(abs(value - centre) for value in values) / math.sqrt(len(values))


def _contention(before: Sequence[SeriesPoint], after: Sequence[SeriesPoint]) -> Evidence | None:
    then = [point.contended_ratio for point in before if point.contended_ratio is not None]
    now = [point.contended_ratio for point in after if point.contended_ratio is not None]
    if not then or not now:
        return None
    text = f"calls that others kept waiting: {median(then):.0%} before, {median(now):.0%} after"
    rose = median(now) >= CONTENDED_RATIO and median(now) - median(then) >= CONTENDED_RISE
    return Evidence(kind="contention", text=text, cause="contention" if rose else None)


def _others(known: Circumstances) -> Evidence | None:
    if not known.other_models:
        return None
    names = sorted({other.key.model for other in known.others})
    of = f"{len(names)} of {known.other_models} other models of this host"
    if not names:
        return Evidence(kind="others", text=f"{of} changed at the same time")
    text = f"{of} changed at the same time: {', '.join(names[:SIDE_RUNS])}"
    return Evidence(kind="others", text=text, cause="host" if len(names) >= MANY_MODELS * known.other_models else None)
