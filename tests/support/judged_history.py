"""Fill a history with series as a daemon would have, and call commands on it as a shell does."""

import math
import random
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from builders import make_run

from mmied.cli import main
from mmied.history.store import Store
from mmied.history.writing import add_run
from mmied.records import Event
from mmied.regression import HOST, Evidence, RecordedChange, SeriesKey, SeriesPoint

HOUR = 3600.0
DAY = 24 * HOUR
P50 = SeriesKey("ranker", "b8", "latency_p50")
THROUGHPUT = SeriesKey("ranker", "b8", "throughput")
LOAD = SeriesKey("ranker", "", "load_time")
DRIFT = SeriesKey("ranker", "", "output_drift")
REFERENCE = SeriesKey(HOST, "cpu", "reference_compute")

CHANGE = RecordedChange(
    change_id="c0ffee0123456789",
    key=P50,
    device="cpu",
    worse=True,
    before=0.010,
    after=0.012,
    change_ratio=0.2,
    lower=0.18,
    upper=0.22,
    sureness=0.99999,
    started_at=0.0,
    first_run_id="run-0020",
    last_good_at=-900.0,
    last_good_run_id="run-0019",
    confirmed_at=600.0,
    confirmed_run_id="run-0022",
    cause="model",
    evidence=(Evidence(kind="event", text="the model's file changed between the two runs", cause="model"),),
    events=(Event(at=-300.0, kind="model_changed", model="ranker", message="sha256 5eed is now f00d"),),
)


def points_of_levels(
    key: SeriesKey, *levels: tuple[int, float], noise: float = 0.005, end: float, step: float = HOUR, **changes: Any
) -> list[SeriesPoint]:
    """Points of a series: so many runs of each level, `step` seconds apart, the last one at `end`."""
    scatter = random.Random(key.metric)
    figures = [level * math.exp(scatter.gauss(0, noise)) for count, level in levels for _ in range(count)]
    begin = end - step * (len(figures) - 1)
    return [
        SeriesPoint(
            key=key,
            run_id=f"run-{number:04}",
            at=begin + step * number,
            figure=figure,
            value=math.log(figure) if figure > 0 else 0.0,
            log=figure > 0,
            **changes,
        )
        for number, figure in enumerate(figures)
    ]


BEFORE = 60  # runs
SLOW = points_of_levels(P50, (BEFORE, 0.010), (7, 0.012), end=time.time())  # it has shifted seven runs ago


class Kept:
    """A configuration and the history beside it."""

    def __init__(self, folder: Path, *models: str) -> None:
        self.config = folder / "mmied.yaml"
        self.path = folder / "state" / "history.sqlite"
        keys = [
            f"{{name: {name}, source: {{torchscript: m.pt}}, inputs: [{{shape: [batch, 4]}}]}}"
            for name in models or ("ranker", "tagger")
        ]
        (folder / "m.pt").touch()
        self.config.write_text(f"state: {folder / 'state'}\nmodels: [{', '.join(keys)}]\n")

    @contextmanager
    def opened(self) -> Iterator[Store]:
        """The history, as the daemon has it."""
        self.path.parent.mkdir(exist_ok=True)
        store = Store.open(self.path, host=socket.gethostname())
        try:
            yield store
        finally:
            store.close()

    def keep(self, *series: Sequence[SeriesPoint]) -> None:
        """Record the runs that these points are of."""
        runs: dict[str, list[SeriesPoint]] = {}
        for point in (point for points in series for point in points):
            runs.setdefault(point.run_id, []).append(point)
        with self.opened() as store, store._write("fill it") as connection:  # a transaction a run takes a disk's time
            for run_id, points in runs.items():
                at = points[0].at
                run = make_run(1, run_id=run_id, host=store.host, started_at=at, ended_at=at + 30, results=())
                add_run(connection, run, points=points)

    def keep_change(self, at: float, change_id: str = CHANGE.change_id, **changes: Any) -> RecordedChange:
        """Keep CHANGE with other values, as if it had begun `at` a Unix time."""
        whole = replace(
            CHANGE,
            change_id=change_id,
            started_at=at,
            last_good_at=at - 900,
            confirmed_at=at + 600,
            events=tuple(replace(event, at=at - 300) for event in CHANGE.events),
            **changes,
        )
        with self.opened() as store:
            store.keep_change(whole)
        return whole

    def call(self, *arguments: str) -> int:
        """Run `mmied` with these arguments and the configuration."""
        return main([*arguments, "--config", str(self.config)])

    def ledger(self) -> list[tuple[str, str | None, str]]:
        """Kind, model and message of all events, newest first."""
        with self.opened() as store:
            return [(event.kind, event.model, event.message) for event in store.events()]


def kept_shift(folder: Path) -> Kept:
    """A history in which a latency has shifted, and three other series have not."""
    kept = Kept(folder)
    steady = ((THROUGHPUT, 700.0), (LOAD, 0.2), (REFERENCE, 0.001))
    kept.keep(SLOW, *(points_of_levels(key, (len(SLOW), level), end=SLOW[-1].at) for key, level in steady))
    kept.keep_change(SLOW[BEFORE].at)
    return kept
