"""Find the series that options name."""

from collections.abc import Sequence

from mmied.config.values import suggest
from mmied.errors import MmiedError
from mmied.history.store import Store
from mmied.regression import HOST, METRICS, SeriesKey
from mmied.reports.regression_words import HOST_NAME


def chosen_series(
    store: Store, model: str, metrics: Sequence[str] = (), scenarios: Sequence[str] = ()
) -> tuple[SeriesKey, ...]:
    """Return the series of a model (HOST: the host's own) in these metrics and scenarios, or in all.

    Raises MmiedError that names what there is.
    """
    for name in metrics:
        if name not in METRICS:
            raise MmiedError(f'--metric: "{name}" is no metric. {suggest(name, METRICS)}')
    known = require_model(store, model)
    for option, wanted, there in (
        ("--metric", metrics, {key.metric for key in known}),
        ("--scenario", scenarios, {key.scenario for key in known} - {""}),
    ):
        for name in wanted:
            if name not in there:
                whose = f"{_called(model)} has no series of it" if option == "--metric" else "there is no such scenario"
                raise MmiedError(f'{option}: "{name}": {whose}. {suggest(name, sorted(there))}')
    return tuple(
        key for key in known if (not metrics or key.metric in metrics) and (not scenarios or key.scenario in scenarios)
    )


def require_model(store: Store, model: str) -> tuple[SeriesKey, ...]:
    """Return all series of a model. Raises MmiedError where there are none."""
    found = store.series(model)
    if found:
        return found
    models = list(dict.fromkeys(key.model for key in store.series() if key.model != HOST))
    hint = suggest(model, models) if models else "There are none yet: has the daemon run since mmied was updated?"
    raise MmiedError(f"no figures of {_called(model)} in the history. {hint}")


def _called(model: str) -> str:
    return HOST_NAME if model == HOST else f'"{model}"'
