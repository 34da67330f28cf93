"""`mmied run`: be the daemon."""

import contextlib
import fcntl
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from mmied import __version__
from mmied.commands.textfile import write_textfile
from mmied.config import Config, load_config
from mmied.daemon import systemd
from mmied.daemon.cgroup import WorkerGroup
from mmied.daemon.exporter import Exporter
from mmied.daemon.hardware import Sampler
from mmied.daemon.housekeeping import hold_little_memory, keep_house
from mmied.daemon.logs import set_up_logging
from mmied.daemon.notifier import Notifier
from mmied.daemon.service import Service
from mmied.daemon.status import make_status
from mmied.daemon.surroundings import Surroundings
from mmied.daemon.tally import CountingHandler
from mmied.errors import ConfigError, HistoryError, StartError
from mmied.history.artifacts import Artifacts
from mmied.history.store import Store
from mmied.web.app import create_app
from mmied.web.server import HttpServer
from mmied.web.web_config import WebConfig, load_web_config

log = logging.getLogger(__name__)

HTTP_STOP_SECONDS = 1.5


def run(config_path: Path, *, textfile: Path | None = None, log_json: bool = False) -> int:
    """Run the daemon until SIGTERM or SIGINT.

    Raises ConfigError, StartError or HistoryError when it cannot start.
    """
    hold_little_memory()
    counter = CountingHandler()
    set_up_logging(as_json=log_json, handler=counter)
    config = load_config(config_path)
    with prepared_state(config.state), opened_store(config) as store:
        _serve(config, store, counter, textfile)
    return 0


def _serve(config: Config, store: Store, counter: CountingHandler, textfile: Path | None) -> None:
    notifying = systemd.take_environment(os.environ)
    sampler = Sampler()
    sampler.sample(time.time())
    artifacts = artifacts_of(config)
    stopping = threading.Event()
    exporter: Exporter | None = None

    def export() -> None:
        if textfile is not None and exporter is not None:
            write_textfile(exporter, textfile)

    def reload_config() -> Config:
        systemd.reloading(environ=notifying, monotonic_seconds=time.monotonic())
        try:
            fresh = load_config(config.path)
            server.reload(web_config_of(fresh))
            return fresh
        finally:
            systemd.ready(environ=notifying)

    surroundings = Surroundings(
        host=socket.gethostname(),
        group=WorkerGroup.create(),
        torch_version=_installed_version("torch"),
        log_counter=counter,
        alive=lambda: server.alive() and house.is_alive(),
        ping=lambda: systemd.watchdog(environ=notifying),
        recorded=lambda _: export(),
    )
    service = Service(config, store, sampler, surroundings, artifacts=artifacts, load_config=reload_config)
    house = threading.Thread(
        target=keep_house,
        kwargs={"sampler": sampler, "store": store, "artifacts": artifacts, "stop": stopping}
        | {"predecessors": service.predecessors, "interval_seconds": config.hardware.interval_seconds},
        name="housekeeping",
        daemon=True,
    )
    exporter = Exporter(service.view)
    notifier = Notifier(service.view, store, host=surroundings.host, counts=surroundings.notifications)
    notifying_thread = threading.Thread(target=notifier.run, args=(stopping,), name="notifier", daemon=True)
    app = create_app(
        store=store,
        artifacts=artifacts,
        status=lambda: make_status(service.view()),
        expose=exporter.render,
        ready=lambda: server.alive(),
    )
    server = HttpServer(app, config.http.host, config.http.port, web_config_of(config))
    server.start()
    house.start()
    notifying_thread.start()
    _heed_signals(service)
    systemd.ready(environ=notifying)
    log.info("started", extra={"version": __version__, "url": server.url, "models": len(config.models)})
    try:
        service.run()
    finally:
        systemd.stopping(environ=notifying)
        stopping.set()
        server.stop(HTTP_STOP_SECONDS)
        sampler.close()
        export()
        log.info("stopped")


def _heed_signals(service: Service) -> None:
    signal.signal(signal.SIGTERM, lambda *_: service.request_stop())
    signal.signal(signal.SIGINT, lambda *_: service.request_stop())
    signal.signal(signal.SIGHUP, lambda *_: service.request_reload())


def web_config_of(config: Config) -> WebConfig | None:
    """Return the web configuration that `config` names.

    Raises ConfigError for its mistakes, and where it leaves a port open to everybody.
    """
    http = config.http
    if http.web_config is None:
        return None
    found = load_web_config(http.web_config)
    if found.tls is None and not found.users and not http.insecure and not http.listen.is_loopback:
        raise ConfigError(
            [
                f"{http.web_config}: neither tls_server_config nor basic_auth_users is set, and `http.listen` is "
                f"{http.host}:{http.port}. Set one of them, listen on 127.0.0.1, or say `http.insecure: true`."
            ]
        )
    return found


@contextlib.contextmanager
def prepared_state(state: Path) -> Iterator[None]:
    """Make the state directory and hold its lock: two daemons on one would each undo the other's work.

    Raises StartError when it cannot be written, or is another daemon's.
    """
    try:
        state.mkdir(mode=0o750, parents=True, exist_ok=True)
        (state / "runs").mkdir(exist_ok=True)
        (state / "cache").mkdir(exist_ok=True)
        (state / "artifacts").mkdir(exist_ok=True)
        lock = (state / "daemon.lock").open("a")
    except OSError as error:
        raise StartError(
            f"state: {state} cannot be written: {error.strerror}. Give it to the user that runs mmied, or set `state` "
            "to another directory."
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StartError(
                f"state: {state} belongs to another mmied that is running. Stop it, or set `state`."
            ) from error
        yield


@contextlib.contextmanager
def opened_store(config: Config) -> Iterator[Store]:
    """Open the history that `config` names, and close it. Raises HistoryError."""
    store = Store.open(
        config.history.url or config.state / "history.sqlite",
        host=socket.gethostname(),
        max_size_bytes=config.history.max_size_bytes,
        retention_seconds=config.history.retention_seconds,
    )
    try:
        yield store
    finally:
        with contextlib.suppress(HistoryError):
            store.close()


def artifacts_of(config: Config) -> Artifacts:
    """Return where the files of inspections are kept."""
    return Artifacts(
        config.state / "artifacts",
        retention_seconds=config.artifacts.retention_seconds,
        max_size_bytes=config.artifacts.max_size_bytes,
        models={model.name for model in config.models},
    )


def _installed_version(package: str) -> str | None:
    """Return a package's version without importing it."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
