"""A host whose models are run one after another, and what its daemon thinks of that."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from builders import B8, NOW, REVISION, make_config, make_iterations, make_model, make_result
from builders import make_run as built_run
from regressed import environment

from mmied.config import Config
from mmied.daemon.planner import Planner
from mmied.daemon.predecessors import Predecessors
from mmied.daemon.recorder import Recorder
from mmied.daemon.regressions import Regressions
from mmied.daemon.standing import Standing, advance
from mmied.daemon.tally import Tally
from mmied.history.artifacts import Artifacts
from mmied.history.store import Store
from mmied.records import Event, Run
from mmied.regression import HOST, METRICS, RecordedChange, SeriesKey, SeriesStanding
from mmied.stats import summarize

INTERVAL = 900.0
GOOD_RUNS = 60  # of a seasoned host: what it takes to know a series' noise well
OTHER_REVISION = "f11e" * 16
REFERENCES = {"compute": 0.0121, "memory": 0.0064, "interpreter": 0.0093}


def configured(*names: str, **changes: Any) -> Config:
    names = names or ("ranker",)
    return make_config(*(make_model(name, workloads=(B8,), **changes) for name in names))


@dataclass
class JudgedHost:
    """Models whose calls take ten milliseconds, more or less, until told otherwise."""

    folder: Path
    config: Config = field(default_factory=configured)
    now: float = NOW
    standings: dict[str, Standing] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.store = Store.open(self.folder / "history.sqlite", host="here")
        self.artifacts = Artifacts(self.folder / "artifacts", retention_seconds=1e9, max_size_bytes=10**9)
        self.predecessors = Predecessors(self.folder / "predecessors", max_size_bytes=0)
        self.number = 0
        self.start()

    def start(self) -> None:
        """Begin a new life of the daemon."""
        self.tally, self.planner = Tally(), Planner("here")
        self.regressions = Regressions(
            self.config,
            self.store,
            tally=self.tally,
            planner=self.planner,
            artifacts=self.artifacts,
            predecessors=self.predecessors,
            standings=self.standings,
        )
        self.recorder = Recorder(self.store, judge=lambda run, points: self.regressions.recorded(run, points, self.now))

    def make_run(
        self,
        model: str = "ranker",
        *,
        seconds: float = 0.01,
        slow: float = 1.0,
        revision: str | None = REVISION,
        busy: float = 0.0,
        facts: dict[str, Any] | None = None,
        **changes: Any,
    ) -> Run:
        """A run whose calls take `seconds`, on a host on which all takes `slow` times as long."""
        self.number += 1
        noise = 1 + 0.004 * math.sin(7.3 * self.number)
        calls = make_iterations(seconds * slow * noise, 500, waiting=int(busy * 500))
        references = {
            name: value * slow * (1 + 0.003 * math.sin(3.1 * self.number)) for name, value in REFERENCES.items()
        }
        result = make_result(B8, reference_seconds=references)
        result = replace(
            result,
            iterations=calls,
            latency=summarize(calls),
            throughput_samples_per_second=8 / (seconds * slow * noise),
            first_call_seconds=30 * seconds * slow * noise,
        )
        given = facts or {}
        whole = built_run(
            1,
            model,
            run_id=f"run-{self.number:05}",
            started_at=self.now,
            ended_at=self.now + 10,
            revision=revision,
            results=(result,),
            environment=environment("f-" + "-".join(map(str, given.values())), **given),
        )
        return replace(whole, **changes)

    def run(self, model: str = "ranker", **changes: Any) -> None:
        """Run a model now, and let an interval pass."""
        self.take(self.make_run(model, **changes))
        self.now += INTERVAL

    def take(self, run: Run) -> None:
        for event in self.regressions.events_of(run):
            self.recorder.note(event)
        before = self.standings.get(run.model, Standing()).last_success
        if before is not None and before.revision != run.revision:
            self.recorder.note(self.file_changed(run))
        self.standings[run.model] = advance(self.standings.get(run.model, Standing()), run)
        self.recorder.add(run, None, self.now)

    def runs(self, count: int, *models: str, **changes: Any) -> None:
        """Run models in turn so many times each."""
        for _ in range(count):
            for model in models or ("ranker",):
                self.run(model, **changes)

    def file_changed(self, run: Run) -> Event:
        message = f"revision {REVISION[:12]} became {str(run.revision)[:12]}"
        return Event(at=run.started_at, kind="model_changed", model=run.model, message=message)

    def standing(self, metric: str = "latency_p50", model: str = "ranker") -> SeriesStanding:
        return self.regressions.series[key_of(metric, model)]

    def changes(self, **which: Any) -> Sequence[RecordedChange]:
        """The changes in the history, oldest first."""
        return self.store.changes(**which)[::-1]

    def regressions_of(self, metric: str = "latency_p50", model: str = "ranker") -> list[RecordedChange]:
        return [change for change in self.changes(worse=True) if change.key == key_of(metric, model)]


def key_of(metric: str, model: str = "ranker") -> SeriesKey:
    if model == HOST:
        return SeriesKey(HOST, "cpu-2-threads", metric)
    return SeriesKey(model, "" if METRICS[metric].of_model else "b8", metric)
