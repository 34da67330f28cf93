"""Judge series outside the daemon as the daemon judges them."""

from mmied.config import Config
from mmied.history.store import Store
from mmied.regression import HOST, SeriesKey, SeriesPoint, SeriesStanding, device_of_host
from mmied.verdicts.judgement import judge_series
from mmied.verdicts.series import DetectorSettings
from mmied.verdicts.worthwhile import WINDOW, settings_of

KNOWN_CHANGES = 20  # of a series, the newest: more than a window holds


def settings_for(config: Config, key: SeriesKey) -> DetectorSettings:
    """Return how the configuration has a series judged; of a model that it has no more, as of any."""
    model = next((model for model in config.models if model.name == key.model), None)
    return settings_of(
        key,
        minimum_ratio=(model or config.regressions).minimum_change_ratio,
        false_alarms_per_run=config.regressions.false_alarms_per_run,
        dtype=model.spec.dtype if model is not None else None,
    )


def judged_points(store: Store, key: SeriesKey) -> tuple[SeriesPoint, ...]:
    """Return the points that a series is judged by."""
    return store.points(key, since=store.learned_since(key), limit=WINDOW)


def standing_of(config: Config, store: Store, key: SeriesKey) -> SeriesStanding:
    """Return how a series stands by what the history holds; nothing is written."""
    model = next((model for model in config.models if model.name == key.model), None)
    device = model.spec.device if model is not None else device_of_host(key.scenario) if key.model == HOST else ""
    return judge_series(
        key,
        device,
        judged_points(store, key),
        settings_for(config, key),
        baseline=store.baseline(key),
        changes=store.changes(key=key, limit=KNOWN_CHANGES),
    ).standing
