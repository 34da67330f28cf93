"""The commands do what their help says, and say what went wrong in a sentence."""

import csv
import io
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from daemon_process import Daemon, linear, mmied

from mmied import __version__

MakeDaemon = Callable[..., Daemon]


def test_version_and_help() -> None:
    assert mmied("--version").stdout == f"mmied {__version__}\n"
    told = mmied("--help").stdout
    for verb in ("run", "check", "demo", "status", "history", "trust"):
        assert verb in told
    assert mmied("frobnicate").returncode == 2


def test_once_measures_each_scenario_and_writes_the_exposition(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    daemon = make_daemon([linear("one", batch_sizes=[1, 2]), linear("two")])
    daemon.write_config()
    textfile = tmp_path / "mmied.prom"
    told = mmied("run", "--config", str(daemon.config_path), "--once", "--textfile", str(textfile))
    assert told.returncode == 0, told.stderr
    assert "[1/2] one: b1 p50" in told.stderr
    text = textfile.read_text()
    assert 'mmied_profile_latency_seconds{model="one",quantile="0.5",scenario="b2"}' in text
    assert 'mmied_profile_last_run_successful{model="two",scenario="b1"} 1.0' in text
    assert [path.name for path in tmp_path.glob("*.prom*")] == ["mmied.prom"]


def test_once_fails_when_one_scenario_fails(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon([linear("half", "raise_when_large", batch_sizes=[1, 4])])
    daemon.write_config()
    told = mmied("run", "--config", str(daemon.config_path), "--once")
    assert told.returncode == 1
    assert "batch too large for the cache" in told.stderr


def test_once_counts_towards_the_history_that_history_prints(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon([linear("one")])
    daemon.write_config()
    config = str(daemon.config_path)
    assert "holds no history" in mmied("history", "--model", "one", "--config", config).stderr
    for _ in range(2):
        assert mmied("run", "--config", config, "--once").returncode == 0
    table = mmied("history", "--model", "one", "--config", config).stdout
    assert table.count("succeeded") == 2
    rows = list(csv.DictReader(io.StringIO(mmied("history", "--model", "one", "--config", config, "--csv").stdout)))
    assert [row["scenario"] for row in rows] == ["b1", "b1"]
    assert 0 < float(rows[0]["p50_seconds"]) < 0.1
    runs = [
        json.loads(line)
        for line in mmied("history", "--model", "one", "--config", config, "--json").stdout.splitlines()
    ]
    assert [run["model"] for run in runs] == ["one", "one"]
    wrong = mmied("history", "--model", "two", "--config", config)
    assert wrong.returncode == 1
    assert "no run of 'two'" in wrong.stderr
    assert "one" in wrong.stderr


def test_check_is_the_start_up_code_and_warns_of_what_is_not_there(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon(
        [linear("one"), linear("gone", source={"torchscript": "/nowhere/gone.pt"})],
        budget={"cpu_ratio": 0.0001},
        schedule={"profile": "10s"},
    )
    daemon.write_config()
    told = mmied("check", str(daemon.config_path))
    assert told.returncode == 0
    assert "Models: 2, scenarios: 2." in told.stdout
    assert "models.gone: /nowhere/gone.pt is not there" in told.stdout
    assert "times the CPU budget" in told.stdout


def test_check_load_opens_each_model_and_tells_which_does_not(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon([linear("good"), linear("bad", "raise")])
    daemon.write_config()
    told = mmied("check", "--load", str(daemon.config_path))
    assert told.returncode == 1
    assert "good: b1 ok, first call" in told.stderr
    assert "the tokenizer is not there" in told.stderr


def test_status_shows_models_failures_and_cost(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon([linear("good"), linear("bad", "raise")]).start()
    daemon.wait_for_state("good", "healthy")
    daemon.wait_for_state("bad", "failing")
    told = mmied("status", "--url", daemon.url)
    assert told.returncode == 1
    assert "own cost" in told.stdout
    assert "bad: failing: batch size 1: ValueError: the tokenizer is not there" in told.stdout
    as_json = json.loads(mmied("status", "--url", daemon.url, "--json").stdout)
    assert {model["name"] for model in as_json["models"]} == {"good", "bad"}


def test_status_without_a_daemon_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    told = mmied("status", "--url", f"http://127.0.0.1:{port}")
    assert told.returncode == 1
    assert "no daemon answers" in told.stderr


def test_trust_add_lets_a_file_be_loaded_that_others_may_write(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    import torch

    path = tmp_path / "ranker.pt"
    torch.jit.script(torch.nn.Linear(4, 2)).save(path)
    path.chmod(0o666)
    daemon = make_daemon([linear("ranker", source={"torchscript": str(path)})])
    daemon.write_config()
    config = str(daemon.config_path)
    refused = mmied("check", "--load", config)
    assert refused.returncode == 1
    assert "mmied trust add" in refused.stderr
    assert mmied("trust", "add", str(path), "--config", config).returncode == 0
    accepted = mmied("check", "--load", config)
    assert accepted.returncode == 0, accepted.stderr


def test_the_daemon_speaks_to_its_service_manager(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    path = tmp_path / "notify.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(10)
        daemon = make_daemon([]).start(environ={"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "2000000"})
        assert manager.recv(4096).startswith(b"READY=1")
        said = b""
        while b"WATCHDOG=1" not in said:
            said = manager.recv(4096)
        daemon.stop()
        told = []
        manager.settimeout(0.5)
        with pytest.raises(TimeoutError):
            while True:
                told.append(manager.recv(4096))
        assert any(b"STOPPING=1" in message for message in told)


def test_the_log_is_json_when_asked(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon([linear("good")])
    daemon.write_config()
    with daemon.log_path.open("wb") as log:
        daemon.process = subprocess.Popen(
            [sys.executable, "-m", "mmied", "run", "--config", str(daemon.config_path), "--log-format", "json"],
            stdout=log,
            stderr=log,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1] / "support")},
        )
    daemon.wait_for(lambda: "run_ended" in daemon.log, "a run ended")
    events = [json.loads(line) for line in daemon.log.splitlines()]
    ended = next(event for event in events if event["event"] == "run_ended")
    assert (ended["model"], ended["outcome"], ended["level"]) == ("good", "succeeded", "info")


def test_torch_is_never_mapped_into_the_daemon(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon([linear("good")]).start()
    daemon.wait_for_state("good", "healthy")
    for page in ("/", "/models/good", "/hardware", "/daemon", "/metrics", "/api/status"):
        daemon.get(page)
    assert daemon.process is not None
    mapped = Path(f"/proc/{daemon.process.pid}/maps").read_text()
    assert "libtorch" not in mapped
    assert "numpy" not in mapped


def test_demo_measures_three_real_models_within_a_minute(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, [])
    with daemon.log_path.open("wb") as log:
        daemon.process = subprocess.Popen(
            [sys.executable, "-m", "mmied", "demo", "--state", str(tmp_path / "demo"), "--listen", "127.0.0.1:0"],
            stdout=log,
            stderr=log,
        )
    try:
        daemon.url = daemon.wait_for(
            lambda: daemon.log.partition("url=")[2].split()[0] if "url=" in daemon.log else None,
            "it serves",
            seconds=90,
        )
        began = time.monotonic()
        daemon.wait_for(
            lambda: any(model["last_success_at"] for model in daemon.status["models"]), "first figures", seconds=60
        )
        assert time.monotonic() - began < 60
        daemon.wait_for(
            lambda: all(model["last_success_at"] for model in daemon.status["models"]), "all figures", seconds=150
        )
        assert {model["format"] for model in daemon.status["models"]} == {"torchscript", "exported", "factory"}
    finally:
        daemon.stop()
