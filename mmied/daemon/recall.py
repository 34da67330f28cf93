"""Read from the history where each model stood when the daemon last ran."""

from collections.abc import Iterable

from mmied.daemon.standing import Standing, fold
from mmied.history.store import Store

FOLDED_RUNS = 100  # the newest of a model: enough to count its failures and refusals in a row


def recall(store: Store, names: Iterable[str]) -> dict[str, Standing]:
    """Return the standing of each model. Raises HistoryError when the history cannot be read."""
    return {name: _recall(store, name) for name in names}


def _recall(store: Store, name: str) -> Standing:
    runs = store.last_runs(name, limit=FOLDED_RUNS)
    success = store.latest_success(name)
    if success is not None and all(run.run_id != success.run_id for run in runs):
        runs = (*runs, success)  # it lies behind many failures or refusals
    released = [event.at for event in store.events(model=name, limit=20) if event.kind == "model_changed"]
    released += [event.at for event in store.events(limit=20) if event.kind == "config_reloaded"]
    return fold(reversed(runs), max(released, default=0.0))
