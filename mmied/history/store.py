"""The history as the rest of the program sees it: open it, write runs, ask for them."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from mmied.errors import HistoryError, MmiedError
from mmied.history import postgresql, reading, sqlite, writing
from mmied.history.database import Database
from mmied.history.judged import Judged
from mmied.history.mounts import MOUNTS
from mmied.history.opening import open_database
from mmied.history.posted import Posted
from mmied.history.pruning import prune_steps
from mmied.history.schema import ensure_schema
from mmied.optimization import StandingVerdict
from mmied.records import Event, Golden, HardwareSample, HistoryPoint, Iterations, JournalEntry, Run
from mmied.regression import SeriesPoint


class Store(Judged, Posted):
    """The runs, events and hardware samples of one host. Threads may share it; all its failures are HistoryErrors.

    `notice` says what an operator should know of how it was opened; `max_size_bytes` and `retention_seconds` may
    be changed at any time and hold from the next `prune` on. `writes`, `write_failures` and `pruned_rows` count
    since it was opened.
    """

    def __init__(
        self,
        database: Database,
        *,
        host: str,
        max_size_bytes: int | None = None,
        retention_seconds: float | None = None,
        notice: str | None = None,
    ) -> None:
        super().__init__(database, host=host)
        self.max_size_bytes = max_size_bytes
        self.retention_seconds = retention_seconds
        self.notice = notice
        self.pruned_rows = 0

    @classmethod
    def open(
        cls,
        url_or_path: str | Path,
        *,
        host: str,
        max_size_bytes: int | None = None,
        retention_seconds: float | None = None,
        mounts: Path = MOUNTS,
        clock: Callable[[], float] = time.time,
    ) -> Self:
        """Open the SQLite file at a path, or the PostgreSQL database at a URL; make or migrate its tables.

        A SQLite file that is damaged is set aside, and `notice` says so. Raises HistoryError where the history
        cannot be had: a network file system, no right to write, no server, a schema newer than this code.
        """
        database, notice = open_database(url_or_path, mounts, clock)
        store = cls(
            database,
            host=host,
            max_size_bytes=max_size_bytes,
            retention_seconds=retention_seconds,
            notice=notice,
        )
        try:
            with store._write("open it") as connection:
                ensure_schema(connection, database.place)
        except MmiedError:
            database.close()
            raise
        store.writes = 0
        return store

    # Runs

    def begin(self, entry: JournalEntry) -> None:
        """Note that a run starts; it is on disk when this returns."""
        with self._write(f"note the start of run {entry.run_id}") as connection:
            writing.add_journal_entry(connection, self.host, entry)

    def unfinished(self) -> tuple[JournalEntry, ...]:
        """Return the runs of this host that were started and never recorded, oldest first."""
        with self._read("read the journal") as connection:
            return reading.read_journal(connection, self.host)

    def record(self, run: Run, found: Sequence[StandingVerdict] = (), points: Sequence[SeriesPoint] = ()) -> None:
        """Keep `run` under its own host, and end its journal entry: all or nothing.

        With it go the verdicts that it `found`, and its `points` of series. A run that is kept already stays as it is;
        points that it has none of are added.
        """
        with self._write(f"record run {run.run_id}") as connection:
            writing.add_run(connection, run, found, points)

    def run(self, run_id: str) -> Run | None:
        """Return the run with its samples where they are still kept, or None."""
        with self._read(f"read run {run_id}") as connection:
            return reading.read_run(connection, self.host, run_id)

    def last_runs(
        self, model: str | None = None, *, limit: int = 50, before: float | None = None, kind: str | None = None
    ) -> tuple[Run, ...]:
        """Return the newest runs that started before `before` (a Unix time), newest first, without samples.

        They are those of one `kind` of job (profile, inspect, optimize), or of all.
        """
        with self._read("read the last runs") as connection:
            return reading.read_last_runs(
                connection, self.host, model=model, kind=kind, outcome=None, limit=limit, before=before
            )

    def latest_success(self, model: str, kind: str = "profile") -> Run | None:
        """Return the newest successful run of `model` without samples, or None."""
        with self._read(f"read the last success of {model}") as connection:
            found = reading.read_last_runs(
                connection, self.host, model=model, kind=kind, outcome="succeeded", limit=1, before=None
            )
        return found[0] if found else None

    def scenario_history(
        self, model: str, scenario: str, *, since: float = 0, limit: int = 5000
    ) -> tuple[HistoryPoint, ...]:
        """Return the newest `limit` results of the scenario since `since` (a Unix time), oldest first.

        A point's peak memory is the device's where it was measured, and the host's elsewhere.
        """
        with self._read(f"read the history of {model}, {scenario}") as connection:
            return reading.read_points(connection, self.host, model, scenario, since=since, limit=limit)

    def iterations(self, model: str, scenario: str, fingerprint: str, *, limit: int) -> tuple[Iterations, ...]:
        """Return the samples of the newest `limit` successful results under `fingerprint`, newest first."""
        with self._read(f"read the samples of {model}, {scenario}") as connection:
            return reading.read_iterations(connection, self.host, model, scenario, fingerprint, limit=limit)

    def cpu_seconds_since(self, at: float) -> float:
        """Return the CPU time of the runs that ended after `at` (a Unix time)."""
        with self._read("add up CPU time") as connection:
            return reading.read_cpu_seconds(connection, self.host, at)

    def gpu_seconds_since(self, device: str, at: float, *, without: str | None = None) -> float:
        """Return the GPU time of the runs on `device` that ended after `at`, `without` those of a kind."""
        with self._read("add up GPU time") as connection:
            return reading.read_gpu_seconds(connection, self.host, device, at, without=without)

    # Golden outputs

    def golden(self, model: str) -> Golden | None:
        """Return what the outputs of `model` are held against: what the first run that recorded it gave."""
        with self._read(f"read the golden outputs of {model}") as connection:
            return reading.read_golden(connection, self.host, model)

    def forget_golden(self, model: str) -> bool:
        """Have the next run of `model` record its outputs anew; return whether there were any."""
        with self._write(f"forget the golden outputs of {model}") as connection:
            return writing.drop_golden(connection, self.host, model)

    # Optimizations

    def trials(self, model: str) -> tuple[StandingVerdict, ...]:
        """Return the last trial of each candidate on `model`, whether or not it still holds, by name."""
        with self._read(f"read the verdicts on candidates of {model}") as connection:
            return reading.read_verdicts(connection, self.host, model)

    # Events and hardware

    def record_event(self, event: Event) -> None:
        """Add a row to the change ledger."""
        with self._write(f"record the event {event.kind}") as connection:
            writing.add_event(connection, self.host, event)

    def events(
        self, *, model: str | None = None, since: float = 0, until: float | None = None, limit: int = 200
    ) -> tuple[Event, ...]:
        """Return the newest events from `since` to `until`, newest first: those of `model` alone, or all."""
        with self._read("read events") as connection:
            return reading.read_events(connection, self.host, model=model, since=since, until=until, limit=limit)

    def record_hardware(self, sample: HardwareSample) -> None:
        """Keep the host's figures of one moment."""
        with self._write("record a hardware sample") as connection:
            writing.add_hardware(connection, self.host, sample)

    def hardware_history(self, *, since: float, limit: int = 2000) -> tuple[HardwareSample, ...]:
        """Return the samples since `since`, oldest first; where there are more than `limit`, every second or nth."""
        with self._read("read hardware samples") as connection:
            return reading.read_hardware(connection, self.host, since=since, limit=limit)

    # Upkeep

    def prune(self, now: float, *, chunk: int = 500) -> int:
        """Drop what is too old at `now` (a Unix time), then what is too much; return how many rows it were.

        Each transaction drops up to `chunk` rows of a table. The size limit is for SQLite alone.
        """
        removed = 0
        with self._explained("prune"):
            for dropped in prune_steps(
                self._database,
                lambda: self._write("prune"),
                host=self.host,
                cutoff=None if self.retention_seconds is None else now - self.retention_seconds,
                max_size_bytes=self.max_size_bytes,
                chunk=chunk,
            ):
                removed += dropped
                self.pruned_rows += dropped
        return removed

    def size_bytes(self) -> int:
        """Return the size on disk: of the SQLite file and its log, or of the PostgreSQL tables for all hosts."""
        if self._database.path is not None:
            return sqlite.size_bytes(self._database.path)
        with self._read("read its size") as connection:
            return postgresql.size_bytes(connection)

    def check(self) -> None:
        """Raise HistoryError when the history cannot be read, or when SQLite finds its file damaged."""
        with self._read("check it") as connection:
            if self._database.path is None:
                connection.exec_driver_sql("SELECT 1")
                return
            damage = sqlite.find_damage(connection)
        if damage is not None:
            raise HistoryError(
                f"history {self._database.place}: the file is damaged ({damage}). Restart mmied: it sets the file "
                "aside and begins a fresh one."
            )
