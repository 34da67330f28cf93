"""Runs to record, and the databases to record them in."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from mmied.history.store import Store
from mmied.records import (
    Environment,
    Iterations,
    LatencySummary,
    Memory,
    Run,
    Workload,
    WorkloadResult,
)

LATENCY = LatencySummary(
    estimator="clean",
    samples=3,
    iterations=4,
    mean_seconds=0.011,
    max_seconds=0.0125,
    noise_ratio=0.02,
    quantiles={"0.5": 0.011},
    wall_quantiles={"0.5": 0.0111},
    wall_max_seconds=0.02,
    contended_ratio=0.25,
    fit=True,
)


def iterations(samples: int = 4) -> Iterations:
    return Iterations(
        wall_seconds=tuple((10_000_000 + 997 * index**2) / 1e9 for index in range(samples)),
        wait_seconds=tuple(0.0 if index % 4 else 0.000_012_345 for index in range(samples)),
        disturbed=(0,),
    )


def result(scenario: str = "b8", samples: int = 4, **changes: Any) -> WorkloadResult:
    whole = WorkloadResult(
        workload=Workload(scenario=scenario, batch_size=8),
        outcome="succeeded",
        latency=LATENCY,
        throughput_samples_per_second=727.0,
        iterations=iterations(samples),
        references={"compute": iterations(samples)},
        reference_seconds={"compute": 0.001},
        memory=(Memory(space="host", peak_bytes=1000),),
    )
    return replace(whole, **changes)


def run(number: int = 1, *, samples: int = 4, **changes: Any) -> Run:
    """A run of one scenario; a greater number started an hour later."""
    whole = Run(
        run_id=f"run-{number:04d}",
        host="here",
        model="ranker",
        kind="profile",
        device="cpu",
        started_at=3600.0 * number,
        ended_at=3600.0 * number + 30,
        outcome="succeeded",
        revision="5eed",
        cpu_seconds=20.0,
        environment=Environment(fingerprint="f1", stable={"torch": "2.13", "threads": 2}, momentary={"load1": 0.5}),
        results=(result(samples=samples),),
        digests={"8:1:2:3": "5eed"},
        log_tail="loaded\n",
    )
    return replace(whole, **changes)


@pytest.fixture
def make_run() -> Callable[..., Run]:
    return run


@pytest.fixture
def make_result() -> Callable[..., WorkloadResult]:
    return result


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.sqlite"


@pytest.fixture
def sqlite_store(path: Path) -> Iterator[Store]:
    store = Store.open(path, host="here")
    yield store
    store.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def place(request: pytest.FixtureRequest) -> Path | str:
    """Where a history can be opened: what the store promises, it promises on both databases."""
    if request.param == "sqlite":
        found: Path = request.getfixturevalue("path")
        return found
    url: str = request.getfixturevalue("postgresql_url")
    return url


@pytest.fixture
def store(place: Path | str) -> Iterator[Store]:
    store = Store.open(place, host="here")
    yield store
    store.close()


class SmallDisk:
    """A file system of 4 MiB, mounted at `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], check=True)

    def remount(self, option: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{option}", self.folder], check=True)

    def fill(self) -> None:
        with (self.folder / "filler").open("wb", buffering=0) as filler, contextlib.suppress(OSError):
            while filler.write(bytes(4096)):
                pass

    def free(self) -> None:
        (self.folder / "filler").unlink()

    def unmount(self) -> None:
        subprocess.run(["umount", "--lazy", self.folder], check=True)


@pytest.fixture(params=[pytest.param(None, marks=pytest.mark.root)])
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    folder = tmp_path / "small"
    folder.mkdir()
    try:
        disk = SmallDisk(folder)
    except subprocess.CalledProcessError:
        pytest.skip("this root may not mount")
    yield disk
    disk.unmount()


class Server:
    """A PostgreSQL server of our own, on a socket in `folder`."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self.folder = folder
        self._programs = programs
        # PostgreSQL refuses to run as root.
        self._user: dict[str, Any] = {"user": "nobody", "extra_groups": []} if os.geteuid() == 0 else {}
        self._process: subprocess.Popen[bytes] | None = None
        self._schemas = count(1)
        if self._user:
            shutil.chown(folder, "nobody")
        self._run("initdb", "--auth=trust", "--username=mmied", "--no-sync", "--pgdata", str(folder / "data"))

    def start(self) -> None:
        import psycopg

        options = ["-c", "listen_addresses=", "-c", "fsync=off", "-k", str(self.folder)]
        self._process = subprocess.Popen(
            [self._programs / "postgres", "-D", self.folder / "data", *options],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **self._user,
        )
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                psycopg.connect(self._address).close()
                return
            except psycopg.OperationalError:
                time.sleep(0.05)
        raise TimeoutError("PostgreSQL did not start")

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)  # fast shutdown: open sessions are ended
            self._process.wait(30)
            self._process = None

    def execute(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(self._address, autocommit=True) as connection:
            connection.execute(statement.encode())

    def fresh_url(self) -> str:
        """The URL of a schema that nobody else uses."""
        schema = f"s{next(self._schemas)}"
        self.execute(f"CREATE SCHEMA {schema}")
        return f"postgresql://mmied@/postgres?host={self.folder}&options=-csearch_path%3D{schema}"

    @property
    def _address(self) -> str:
        return f"host={self.folder} user=mmied dbname=postgres"

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._programs / program, *arguments],
            cwd=self.folder,
            check=True,
            capture_output=True,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
            **self._user,
        )


def _postgresql_programs() -> Path | None:
    """The folder with initdb and postgres: of the PATH, or Debian's newest."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda found: found.parent.name, reverse=True)
    return next((found for found in folders if (found / "initdb").exists() and (found / "postgres").exists()), None)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    programs = _postgresql_programs()
    if programs is None:
        pytest.skip("PostgreSQL's initdb and postgres are neither on PATH nor under /usr/lib/postgresql")
    # Not pytest's folder: its path is too long for a socket, and closed to the user that the server runs as.
    folder = Path(tempfile.mkdtemp(prefix="mmied-pg-", dir="/tmp"))
    server = Server(programs, folder)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder)


@pytest.fixture
def postgresql_url(postgresql_server: Server) -> str:
    return postgresql_server.fresh_url()
