"""`mmied regressions`: print the regressions that were found, what is known of one, and that somebody has seen it."""

import time
from collections.abc import Iterator
from pathlib import Path

from mmied import formats
from mmied.codec import to_json
from mmied.commands.own_history import opened_history
from mmied.commands.series_choice import require_model
from mmied.commands.status import local_time
from mmied.commands.table import format_table
from mmied.errors import MmiedError
from mmied.history.store import Store
from mmied.regression import RecordedChange
from mmied.reports.regression_words import (
    change_figures,
    change_size,
    difference_paths,
    figure,
    series_name,
)

DAY_SECONDS = 86_400.0
RECENT_SECONDS = 30 * DAY_SECONDS
MOST = 1000  # changes that a list has
EVER = 1_000_000  # changes that are looked through for an id
SUREST = 0.9999  # nobody reads more nines


def list_regressions(
    config: Path, model: str | None, *, active: bool, everything: bool, since_seconds: float | None, form: str
) -> int:
    """Print the changes that were found, newest first: regressions that are active, or younger than a month.

    Only `active` ones, `everything` with improvements and whatever their age, or those of the last `since_seconds`.
    Raises ConfigError, or MmiedError.
    """
    with opened_history(config) as (configured, store):
        since = time.time() - since_seconds if since_seconds is not None else 0.0
        found = store.changes(
            model=model,
            state="active" if active else None,
            worse=None if everything else True,
            since=since,
            limit=MOST,
        )
        if model is not None and not found and all(known.name != model for known in configured.models):
            require_model(store, model)
    if not everything and since_seconds is None:
        recent = time.time() - RECENT_SECONDS
        found = tuple(change for change in found if change.state == "active" or change.started_at >= recent)
    if form == "json":
        for change in found:
            print(to_json(change))
        return 0
    if not found:
        print("no regressions" if not everything else "no changes")
        return 0
    head = ("id", "began", "series", "before → after", "change", "cause", "state")
    print(format_table(head, [_row(change) for change in found]))
    if len(found) == MOST:
        print(f"only the newest {MOST:,} changes were looked at; --since or --model narrows them")
    return 0


def show_regression(config: Path, change_id: str, *, form: str) -> int:
    """Print all that is known of a change. Raises ConfigError, or MmiedError."""
    with opened_history(config) as (_, store):
        change = find_change(store, change_id)
    print(to_json(change) if form == "json" else "\n".join(_lines(change)))
    return 0


def acknowledge(config: Path, change_id: str, *, by: str, note: str | None) -> int:
    """Note in the history that somebody has seen a change. Raises ConfigError, or MmiedError."""
    with opened_history(config) as (_, store):
        before = find_change(store, change_id)
        fields = {"acknowledged_at": time.time(), "acknowledged_by": by}
        store.amend_change(before.change_id, **fields, **({} if note is None else {"note": note}))
    again = f"; before by {before.acknowledged_by}" if before.acknowledged_by is not None else ""
    print(f"{before.change_id}: {series_name(before.key)}, {change_size(before)}: acknowledged by {by}{again}")
    return 0


def find_change(store: Store, change_id: str) -> RecordedChange:
    """Return the change whose id begins so. Raises MmiedError where there is none, or more than one."""
    exact = store.change(change_id)
    if exact is not None:
        return exact
    known = store.changes(limit=EVER)
    found = [change for change in known if change_id and change.change_id.startswith(change_id)]
    if len(found) == 1:
        return found[0]
    if not found:
        newest = ", ".join(change.change_id for change in known[:5])
        hint = f"The newest are {newest}. See `mmied regressions list --all`." if known else "None was found yet."
        raise MmiedError(f'no change has the id "{change_id}". {hint}')
    several = ", ".join(change.change_id for change in found[:5])
    raise MmiedError(f'"{change_id}" begins the ids of {len(found)} changes: {several}. Give more of it.')


def _row(change: RecordedChange) -> tuple[str, ...]:
    state = change.state + (", acknowledged" if change.acknowledged_at is not None else "")
    cause = f"{change.cause}, part of {change.part_of}" if change.part_of is not None else change.cause
    return (
        change.change_id,
        local_time(change.started_at),
        series_name(change.key),
        change_figures(change),
        change_size(change, interval=True),
        cause,
        state,
    )


def _lines(change: RecordedChange) -> Iterator[str]:
    metric = change.key.metric
    yield f"{change.change_id}: {series_name(change.key)} on {change.device}: {change_size(change, interval=True)}"
    brackets = "; the brackets hold the true change in 95 of 100 cases" if change.lower is not None else ""
    yield f"figures: {figure(metric, change.before)} before, {figure(metric, change.after)} after{brackets}"
    ended = f", ended {local_time(change.ended_at)}" if change.ended_at is not None else ""
    yield f"state: {change.state}{ended}; {'worse' if change.worse else 'better'} than before, " + (
        f"sure to {100 * min(change.sureness, SUREST):.4g} %"
    )
    if change.acknowledged_at is not None:
        yield f"acknowledged: by {change.acknowledged_by or 'somebody'} at {local_time(change.acknowledged_at)}"
    if change.note is not None:
        yield f"note: {change.note}"
    if change.last_good_at is not None:
        yield f"last good run: {local_time(change.last_good_at)}, {change.last_good_run_id}"
    yield f"first run of the change: {local_time(change.started_at)}, {change.first_run_id}"
    delay = formats.duration(max(0.0, change.confirmed_at - change.started_at))
    yield f"confirmed: {local_time(change.confirmed_at)}, {change.confirmed_run_id}, {delay} later"
    yield f"cause: {change.cause}"
    if change.part_of is not None:
        yield f"part of: {change.part_of}, the change of the host that explains it"
    for evidence in change.evidence:
        towards = f" (speaks for: {evidence.cause})" if evidence.cause is not None else ""
        yield f"  - {evidence.text}{towards}"
    if change.events:
        yield "change ledger between the last good run and the first of the change:"
        for event in change.events:
            yield f"  - {local_time(event.at)} {event.kind}: {event.message}"
    yield from _paired(change)
    if change.explanation:
        yield "what the inspections before and after say:"
        yield from (f"  - {sentence}" for sentence in change.explanation)
    paths = difference_paths(change)
    if paths:
        yield f"pages: {paths[0]} (differences), {paths[1]} (flame graphs)"


def _paired(change: RecordedChange) -> Iterator[str]:
    ratio = change.paired
    if ratio is None:
        return
    yield (
        f"the file before against the file after, in the same minutes: {ratio.speedup_ratio:.3f} times as fast "
        f"[{ratio.lower:.3f}, {ratio.upper:.3f}], {ratio.pairs} pairs at batch size {ratio.batch_size}"
    )
    if ratio.control_lower is not None and ratio.control_upper is not None:
        yield f"  - the same file against itself: {ratio.control_lower:.3f} to {ratio.control_upper:.3f}"
