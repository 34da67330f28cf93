"""`mmied calibrate`: tell how noisy each series is and what could be found in it, and replay the detector over it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmied import formats
from mmied.codec import to_json
from mmied.commands.own_history import opened_history
from mmied.commands.progress import Progress
from mmied.commands.series_choice import require_model
from mmied.commands.series_settings import settings_for
from mmied.commands.status import local_time
from mmied.commands.table import format_table
from mmied.config import Config
from mmied.errors import MmiedError
from mmied.history.store import Store
from mmied.regression import HOST, SeriesKey
from mmied.reports.regression_words import series_name
from mmied.verdicts.calibration import Calibration
from mmied.verdicts.calibration import calibrate as replay
from mmied.verdicts.company import in_company_of_one
from mmied.verdicts.judgement import detector_point
from mmied.verdicts.scatter import Scatter, scatter
from mmied.verdicts.series import Shift

REPLAYED = 1000  # the newest runs of a series: weeks of them, and a second of computing
TOO_NOISY = "too noisy"


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibratedSeries:
    """What one series allows; a change counts from `threshold_ratio` on. None: not known, or too noisy to judge."""

    key: SeriesKey
    calibration: Calibration
    scatter: Scatter | None
    threshold_ratio: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationReport:
    """What the series of a host allow. `false_alarms_per_run` is there to be held against what was aimed at."""

    host: str
    series: tuple[CalibratedSeries, ...]
    runs: int  # of those that can be judged
    alarms: int  # that the replay gave over them
    false_alarms_per_run: float | None  # if every alarm was false
    aimed_at: float


def calibrate(config_path: Path, model: str | None, *, form: str) -> int:
    """Print it for the series of a model and of the host, or for all. Raises ConfigError, or MmiedError."""
    with opened_history(config_path) as (config, store):
        keys = store.series() if model is None else (*store.series(HOST), *require_model(store, model))
        if not keys:
            raise MmiedError("no figures in the history yet. They come with the daemon's runs.")
        found = tuple(_calibrated(config, store, keys))
    judged = [each.calibration for each in found if each.threshold_ratio is not None]
    runs, alarms = sum(each.runs for each in judged), sum(len(each.shifts) for each in judged)
    report = CalibrationReport(
        host=store.host,
        series=found,
        runs=runs,
        alarms=alarms,
        false_alarms_per_run=alarms / runs if runs else None,
        aimed_at=config.regressions.false_alarms_per_run,
    )
    print(to_json(report) if form == "json" else "\n".join(_lines(report)))
    return 0


def _calibrated(config: Config, store: Store, keys: Sequence[SeriesKey]) -> Iterator[CalibratedSeries]:
    with Progress(total=len(keys)) as progress:
        for key in keys:
            progress.begin(series_name(key), lambda: "replay")
            yield _calibrate(config, store, key)
            progress.clear()


def _calibrate(config: Config, store: Store, key: SeriesKey) -> CalibratedSeries:
    settings = settings_for(config, key)
    points = store.points(key, since=store.learned_since(key), limit=REPLAYED)
    epoch, points = in_company_of_one(points) if key.model == HOST else ("", points)
    found = replay([detector_point(point, epoch) for point in points], settings)
    plain = settings.scale == "plain"  # of a level of 0 there is no ratio
    known = found.judgeable and found.noise is not None and (plain or found.minimum_change_ratio is not None)
    least = settings.minimum_change if plain else settings.minimum_ratio
    return CalibratedSeries(
        key=key,
        calibration=found,
        scatter=scatter(points, [shift.first_at for shift in found.shifts]),
        threshold_ratio=max(least, found.minimum_change_ratio or 0.0) if known else None,
    )


def _lines(report: CalibrationReport) -> Iterator[str]:
    yield format_table(
        ("series", "runs", "noise", "autocorrelation", "counts from", "found from", "alarms"),
        [_row(each) for each in report.series],
    )
    yield ""
    for each in report.series:
        if _word(each) == TOO_NOISY:
            yield f"{TOO_NOISY} to judge: {series_name(each.key)}: {each.calibration.why}"
    for each in report.series:
        for shift in each.calibration.shifts:
            yield f"alarm: {series_name(each.key)}: {_alarm(shift)}"
    yield _rate(report)
    yield f"noise of this host's reference work: {', '.join(_references(report.series)) or 'not known yet'}"


def _row(found: CalibratedSeries) -> tuple[str, ...]:
    known = found.scatter
    return (
        series_name(found.key),
        str(found.calibration.runs),
        formats.NOTHING if known is None else formats.percent(known.ratio),
        formats.NOTHING if known is None else f"{known.autocorrelation:.2f}",
        formats.percent(found.threshold_ratio),
        formats.percent(found.calibration.minimum_change_ratio),
        _word(found),
    )


def _word(found: CalibratedSeries) -> str:
    """Return how many alarms there were, or why there could be none."""
    if found.threshold_ratio is not None:
        return str(len(found.calibration.shifts))
    return "learning" if found.calibration.judgeable or found.calibration.noise is None else TOO_NOISY


def _alarm(shift: Shift) -> str:
    size = f"{formats.percent(abs(shift.ratio))} " if shift.ratio is not None else ""
    began, sure = local_time(shift.first_at), local_time(shift.confirmed_at)
    return f"{size}{'worse' if shift.worse else 'better'} since {began}, confirmed {sure}"


def _rate(report: CalibrationReport) -> str:
    if not report.runs:
        return "false alarms: no series can be judged yet"
    told = f"{report.alarms:,} alarm{'s' if report.alarms != 1 else ''} in {report.runs:,} runs"
    if not report.alarms:
        return f"false alarms: {told}; one in {1 / report.aimed_at:,.0f} is aimed at"
    return (
        f"false alarms: {told}, one in {report.runs / report.alarms:,.0f} if none of them was a real change; "
        f"one in {1 / report.aimed_at:,.0f} is aimed at"
    )


def _references(series: Sequence[CalibratedSeries]) -> Iterator[str]:
    for each in series:
        if each.key.model == HOST and each.scatter is not None:
            name = each.key.metric.removeprefix("reference_")
            yield f"{name} {formats.percent(each.scatter.ratio)} ({each.key.scenario})"
