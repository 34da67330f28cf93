"""`mmied baseline`: print what series are held against, and say what they are to be held against from now on."""

import time
from collections.abc import Sequence
from pathlib import Path

from mmied.codec import to_json
from mmied.commands.own_history import opened_history
from mmied.commands.pinning import notes_on, pinned, pinned_figures, require_same, require_same_units
from mmied.commands.series_choice import chosen_series
from mmied.commands.series_settings import judged_points, standing_of
from mmied.commands.status import local_time
from mmied.commands.table import format_table
from mmied.config import Config, Model
from mmied.errors import MmiedError
from mmied.history.store import Store
from mmied.records import Event
from mmied.regression import HOST, Baseline, ChangeState, RecordedChange, SeriesKey, SeriesPoint
from mmied.reports.regression_words import figure, series_name
from mmied.reports.saved import load_baseline
from mmied.verdicts.acceptance import present_level
from mmied.verdicts.company import in_company_of_one

DRIFT = "output_drift"


def show_baselines(config: Path, model: str, metrics: Sequence[str], scenarios: Sequence[str], *, form: str) -> int:
    """Print what each series of a model is held against. Raises ConfigError, or MmiedError."""
    with opened_history(config) as (configured, store):
        keys = chosen_series(store, model, metrics, scenarios)
        found = [(key, store.baseline(key) or standing_of(configured, store, key).baseline) for key in keys]
    if form == "json":
        for _, baseline in found:
            if baseline is not None:
                print(to_json(baseline))
        return 0
    head = ("series", "baseline", "source", "runs", "since", "by", "why")
    print(format_table(head, [_row(key, baseline) for key, baseline in found]))
    return 0


def accept(
    config: Path, model: str, metrics: Sequence[str], scenarios: Sequence[str], *, by: str, why: str | None
) -> int:
    """Have series held against what they are now: this is the new normal. Raises ConfigError, or MmiedError."""
    now = time.time()
    told: list[SeriesKey] = []
    left: list[str] = []
    with opened_history(config) as (_, store):
        for key in chosen_series(store, model, metrics, scenarios):
            points, active = _judged(store, key), store.changes(key=key, state="active")
            if key.metric == DRIFT:  # the next outputs are what later ones are held against: the level is 0 from there
                if points and points[-1].figure == 0 and not active:
                    left.append(f"{series_name(key)}: the outputs are those that were recorded")
                    continue
                store.forget_golden(key.model)
                store.learn_anew(key, now)
                said = f"{series_name(key)}: the outputs of the next run are recorded anew"
            else:
                level = present_level(points, active[0] if active else None, at=now, by=by, why=why)
                if level is None:
                    left.append(f"{series_name(key)}: no run is fit to be a baseline yet")
                    continue
                store.put_baseline(level)
                said = f"{series_name(key)}: {figure(key.metric, level.figure)}, the median of {level.runs} runs"
            _end(store, active, "accepted", now, by, why)
            print(said + (f"; accepts {', '.join(change.change_id for change in active)}" if active else ""))
            told.append(key)
        if not told:
            raise MmiedError(f"nothing was accepted: {'; '.join(left)}.")
        print(*left, sep="\n", end="\n" if left else "")
        _note(store, model, "baseline_accepted", "new normal", told, now, by, why)
    return 0


def reset(
    config: Path, model: str, metrics: Sequence[str], scenarios: Sequence[str], *, by: str, why: str | None
) -> int:
    """Have series learned anew from the next run on. Raises ConfigError, or MmiedError."""
    now = time.time()
    told: list[SeriesKey] = []
    with opened_history(config) as (_, store):
        for key in chosen_series(store, model, metrics, scenarios):
            if key.metric == DRIFT:
                store.forget_golden(key.model)
            dropped = store.learn_anew(key, now)
            _end(store, store.changes(key=key, state="active"), "superseded", now, by, why)
            print(f"{series_name(key)}: learned anew from now on" + ("; its baseline is dropped" if dropped else ""))
            told.append(key)
        _note(store, model, "baseline_reset", "learned anew", told, now, by, why)
    return 0


def pin(
    config_path: Path,
    file: Path,
    model: str,
    metrics: Sequence[str],
    scenarios: Sequence[str],
    *,
    by: str,
    why: str | None,
) -> int:
    """Hold series of a model against the figures of a saved profile. Raises ConfigError, or MmiedError."""
    now = time.time()
    profile = load_baseline(file).profile
    with opened_history(config_path) as (config, store):
        keys = set(chosen_series(store, model, metrics, scenarios))
        newest = store.latest_success(model)
        require_same(profile, str(file), model, _configured(config, model), newest)
        figures = {key: value for key, value in pinned_figures(profile).items() if key in keys}
        if not figures:
            there = ", ".join(sorted({result.workload.scenario for result in profile.results})) or "none"
            raise MmiedError(
                f"{file}: has no figure of a series that was asked for. Its scenarios are {there}; those of {model} "
                f"are {', '.join(sorted({key.scenario for key in keys} - {''})) or 'none'}."
            )
        levels = {
            key: level.figure
            for key in figures
            if (level := present_level(_judged(store, key), None, at=now)) is not None
        }
        require_same_units(figures, levels, str(file))
        for baseline in pinned(figures, at=now, by=by, why=why):
            store.put_baseline(baseline)
            print(f"{series_name(baseline.key)}: {figure(baseline.key.metric, baseline.figure)}")
        for note in notes_on(profile, newest):
            print(f"note: {note}")
        _note(store, model, "baseline_pinned", f"pinned from {file.name}", tuple(figures), now, by, why)
    return 0


def _judged(store: Store, key: SeriesKey) -> tuple[SeriesPoint, ...]:
    found = judged_points(store, key)
    return in_company_of_one(found)[1] if key.model == HOST else found


def _end(
    store: Store,
    changes: Sequence[RecordedChange],
    state: ChangeState,
    now: float,
    by: str,
    why: str | None,
) -> None:
    for change in changes:
        note = f"{state} by {by}" + (f": {why}" if why else "")
        store.amend_change(change.change_id, state=state, ended_at=now, note=note)


def _note(
    store: Store, model: str, kind: str, what: str, keys: Sequence[SeriesKey], now: float, by: str, why: str | None
) -> None:
    """Say in the change ledger who did so, why, and of which series."""
    metrics = {key.metric: [other.scenario for other in keys if other.metric == key.metric] for key in keys}
    series = (f"{metric} ({', '.join(names)})" if any(names) else metric for metric, names in metrics.items())
    said = f"{what}, says {by}" + (f" ({why})" if why else "") + f": {', '.join(series)}"
    store.record_event(Event(at=now, kind=kind, model=None if model == HOST else model, message=said))


def _configured(config: Config, name: str) -> Model | None:
    return next((model for model in config.models if model.name == name), None)


def _row(key: SeriesKey, baseline: Baseline | None) -> tuple[str, ...]:
    if baseline is None:
        return (series_name(key), "–", "none yet", "", "", "", "")
    return (
        series_name(key),
        figure(key.metric, baseline.figure),
        baseline.source,
        str(baseline.runs or ""),
        local_time(baseline.at),
        baseline.by or "",
        baseline.why or "",
    )
