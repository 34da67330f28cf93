"""Read from the history where each model stood when the daemon last ran."""

from collections.abc import Iterable

from mmied.daemon.standing import Standing, fold
from mmied.history.store import Store
from mmied.records import Run

FOLDED_RUNS = 100  # the newest of a model and a kind: enough to count its failures and refusals in a row
KINDS = ("profile", "inspect", "optimize", "compare")
EVENTS = 1000  # the newest, to find the last reload among: a deployment changes all models' files at once


def recall(store: Store, names: Iterable[str]) -> dict[str, Standing]:
    """Return the standing of each model. Raises HistoryError when the history cannot be read."""
    reloaded_at = max(
        (event.at for event in store.events(limit=EVENTS) if event.kind == "config_reloaded"), default=0.0
    )
    return {name: _recall(store, name, reloaded_at) for name in names}


def _recall(store: Store, name: str, reloaded_at: float) -> Standing:
    runs: list[Run] = []
    for kind in KINDS:
        newest = store.last_runs(name, limit=FOLDED_RUNS, kind=kind)
        success = store.latest_success(name, kind)
        runs += newest
        if success is not None and all(run.run_id != success.run_id for run in newest):
            runs.append(success)  # it lies behind many failures or refusals
    runs.sort(key=lambda run: (run.started_at, run.run_id))
    changed_at = [event.at for event in store.events(model=name, limit=20) if event.kind == "model_changed"]
    return fold(runs, max([reloaded_at, *changed_at]))
