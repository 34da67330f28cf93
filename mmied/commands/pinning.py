"""Take baselines from a saved profile, unless it is of something else than what is deployed."""

from collections.abc import Mapping
from dataclasses import replace

from mmied.config import Model
from mmied.errors import MmiedError
from mmied.profiles import Profile
from mmied.records import Run
from mmied.regression import METRICS, Baseline, SeriesKey
from mmied.reports.regression_words import figure, series_name
from mmied.verdicts.run_points import points_of

OTHER_UNIT_FACTOR = 100.0  # no change is so large: milliseconds were taken for seconds


def pinned_figures(profile: Profile) -> Mapping[SeriesKey, float]:
    """Return the figures of a profile by the series that they belong to, as a run's figures are."""
    # In another precision than its own a model is not what is deployed.
    own = [result for result in profile.results if result.workload.precision in (None, profile.precision)]
    summaries = tuple(replace(result, iterations=None, references={}) for result in own)  # raw samples are not needed
    run = Run(
        run_id="pinned",
        host=profile.host,
        model=profile.model,
        kind="profile",
        device=profile.device,
        started_at=profile.at,
        ended_at=profile.at,
        outcome="succeeded",
        load_seconds=profile.load_seconds,
        threads=profile.threads,
        results=summaries,
    )
    return {point.key: point.figure for point in points_of(run) if point.key.model == profile.model}


def require_same(profile: Profile, name: str, model: str, configured: Model | None, newest: Run | None) -> None:
    """Raise MmiedError where the profile in the file `name` cannot be held against the runs of `model`.

    `newest` is its last successful run, and `configured` what the configuration says of it.
    """
    if profile.model != model:
        raise MmiedError(
            f"{name}: is of the model {profile.model}, not of {model}. Measure {model}, or give the profile its name: "
            f"`mmied profile --as {model}`."
        )
    device = newest.device if newest is not None else configured.spec.device if configured is not None else None
    if device is not None and _kind(device) != _kind(profile.device):
        raise MmiedError(f"{name}: was measured on {profile.device}; {model} runs on {device}. Measure it there.")
    if newest is not None and newest.dtype is not None and newest.dtype != profile.precision:
        raise MmiedError(f"{name}: is in {profile.precision}; {model} is deployed in {newest.dtype}.")
    unit = configured.unit if configured is not None else None
    if unit is not None and profile.items_per_sample and profile.items_per_sample != {unit.name: unit.per_sample}:
        counted = ", ".join(f"{each:g} {item} a sample" for item, each in profile.items_per_sample.items())
        raise MmiedError(
            f"{name}: counts {counted}; the configuration of {model} counts {unit.per_sample:g} {unit.name} a sample. "
            "The inputs are not the same: measure with those of the configuration (`mmied profile --config`)."
        )


def require_same_units(figures: Mapping[SeriesKey, float], levels: Mapping[SeriesKey, float], name: str) -> None:
    """Raise MmiedError where a figure is so far from the level of its series that it must be in another unit."""
    for key, value in figures.items():
        level = levels.get(key, value)
        if min(value, level) > 0 and max(value, level) > OTHER_UNIT_FACTOR * min(value, level):
            raise MmiedError(
                f"{name}: {series_name(key)} is {figure(key.metric, value)}, the runs of this host measure "
                f"{figure(key.metric, level)}. Is it in another unit? It has to be in "
                f"{METRICS[key.metric].unit.replace('per_second', 'samples per second')}."
            )


def pinned(figures: Mapping[SeriesKey, float], *, at: float, by: str, why: str | None) -> tuple[Baseline, ...]:
    """Return the figures as baselines that somebody pinned."""
    blank = Baseline(key=SeriesKey("", "", ""), figure=0.0, at=at, source="pinned", runs=1, by=by, why=why)
    return tuple(replace(blank, key=key, figure=value) for key, value in figures.items())


def notes_on(profile: Profile, newest: Run | None) -> tuple[str, ...]:
    """Return what to know of the profile before believing what is held against it."""
    if newest is None:
        return ("the model has no successful run yet: nothing says that the profile is of what is deployed",)
    notes = []
    if profile.host != newest.host:
        notes.append(f"measured on {profile.host}; on {newest.host} the figures may differ for no fault of the model")
    if newest.threads is not None and profile.threads != newest.threads:
        notes.append(f"measured with {profile.threads} threads; the runs have {newest.threads}")
    return tuple(notes)


def _kind(device: str) -> str:
    return device.partition(":")[0]
