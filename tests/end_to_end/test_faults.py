"""A broken model, config, history or disk never takes the daemon down or the history away."""

import shutil
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from daemon_process import Daemon, linear, mmied

MakeDaemon = Callable[..., Daemon]


def test_one_broken_model_does_not_keep_the_others_from_being_measured(make_daemon: MakeDaemon) -> None:
    gone = linear("gone", source={"torchscript": "/nowhere/gone.pt"})
    daemon = make_daemon([linear("bad", "segfault"), linear("missing", "raise"), gone, linear("good")]).start()
    daemon.wait_for_state("good", "healthy")
    bad = daemon.wait_for_state("bad", "failing")
    assert "SIGSEGV" in bad["why"]
    assert "tokenizer" in daemon.wait_for_state("missing", "failing")["why"]
    assert "No such file" in daemon.wait_for_state("gone", "failing")["why"]
    metrics = daemon.get("/metrics")
    assert 'mmied_profile_run_failures_total{model="gone",reason="load",scenario="b1"} 1.0' in metrics
    assert 'mmied_profile_consecutive_failures{model="gone",scenario="b1"} 1.0' in metrics
    assert 'mmied_profile_run_failures_total{model="bad",reason="killed",scenario="b1"} 1.0' in metrics
    assert 'mmied_profile_last_run_successful{model="good",scenario="b1"} 1.0' in metrics
    assert daemon.stop() == 0


def test_a_daemon_that_was_killed_in_a_run_accounts_for_it_and_loses_nothing(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon([linear("good"), linear("stuck", "hang")]).start()
    daemon.wait_for_state("good", "healthy")
    daemon.wait_for(
        lambda: "measure" in str(daemon.model("stuck")) or "warmup" in str(daemon.model("stuck")), "it runs"
    )
    before = daemon.runs("good")
    daemon.kill()
    deadline = time.monotonic() + 5
    while _workers(daemon) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _workers(daemon), "the worker outlived its daemon"

    daemon.settings["models"] = [linear("good"), linear("stuck", "none")]
    daemon.start()
    assert daemon.runs("good")[-1]["run_id"] == before[-1]["run_id"]
    orphan = daemon.wait_for(lambda: [run for run in daemon.runs("stuck") if run["orphaned"]], "the orphan is told")[0]
    assert (orphan["outcome"], orphan["reason"]) == ("crashed", "killed")
    assert "the daemon died" in orphan["message"]
    daemon.wait_for_state("stuck", "healthy")
    check = sqlite3.connect(daemon.folder / "state/history.sqlite").execute("pragma integrity_check").fetchone()
    assert check == ("ok",)


def test_a_job_that_killed_the_daemon_twice_is_quarantined_and_released_by_a_reload(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon([linear("deadly", "hang")])
    for _ in range(2):
        daemon.start()
        daemon.wait_for_state("deadly", "running")
        daemon.kill()
    daemon.start()
    assert "died in 2 of its runs" in daemon.wait_for_state("deadly", "quarantined")["why"]
    assert 'mmied_profile_quarantined{model="deadly"} 1.0' in daemon.get("/metrics")
    time.sleep(2)
    assert daemon.model("deadly")["state"] == "quarantined"
    assert mmied("status", "--url", daemon.url).returncode == 1
    assert daemon.process is not None
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_for_state("deadly", "running")


def test_a_bad_new_configuration_is_refused_with_all_mistakes_and_the_old_one_goes_on(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon([linear("good")]).start()
    daemon.wait_for_state("good", "healthy")
    daemon.config_path.write_text("modles: []\nbudget: {cpu_ratio: 7}\n")
    assert daemon.process is not None
    daemon.process.send_signal(signal.SIGHUP)
    error = daemon.wait_for(lambda: daemon.status["config_error"], "the mistakes are told")
    assert "modles" in error
    assert "cpu_ratio" in error
    assert "mmied_config_last_reload_successful 0.0" in daemon.get("/metrics")
    assert daemon.model("good")["state"] == "healthy"

    daemon.settings["models"].append(linear("fresh"))
    daemon.write_config()
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_for(lambda: daemon.status["config_error"] is None, "the new configuration is taken")
    daemon.wait_for_state("fresh", "healthy")
    assert len(daemon.runs("good")) == 1, "an unchanged model keeps its plan"


def test_a_model_that_is_taken_out_is_gone_at_the_next_scrape(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon([linear("stays"), linear("goes")]).start()
    daemon.wait_for_state("goes", "healthy")
    daemon.settings["models"] = [linear("stays")]
    daemon.write_config()
    assert daemon.process is not None
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_for(lambda: 'model="goes"' not in daemon.get("/metrics"), "it is gone")


def test_a_config_with_five_mistakes_tells_all_of_them_and_exits_78(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    config = tmp_path / "bad.yaml"
    config.write_text(
        "schedule: {profile: every 5 minuts}\n"
        "budget: {cpu_ration: 0.5}\n"
        "models:\n"
        "  - {name: a, source: {torchscript: x.pt}, inputs: [{shape: [batch, 4]}], dtype: float33}\n"
        "  - {name: a, source: {torchscript: x.pt}, inputs: [{shape: [batch, 4]}], batch_sizes: [0]}\n"
    )
    for command in (("run", "--config", str(config)), ("check", str(config))):
        told = mmied(*command)
        assert told.returncode == 78
        lines = told.stderr.splitlines()
        assert len(lines) == 5, told.stderr
        assert any("bad.yaml:1" in line and "minuts" in line for line in lines)
        assert any("bad.yaml:2" in line and "cpu_ratio" in line for line in lines)
        assert "Traceback" not in told.stderr


def test_a_port_in_use_is_told_and_exits_78(make_daemon: MakeDaemon) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        daemon = make_daemon([], http={"listen": f"127.0.0.1:{port}"})
        daemon.write_config()
        told = mmied("run", "--config", str(daemon.config_path))
    assert told.returncode == 78
    assert f"127.0.0.1:{port}" in told.stderr
    assert "http.listen" in told.stderr
    assert "Traceback" not in told.stderr


def test_a_state_directory_that_cannot_be_written_is_told_and_exits_78(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    daemon = make_daemon([], state=str(tmp_path / "file/state"))
    daemon.write_config()
    told = mmied("run", "--config", str(daemon.config_path))
    assert told.returncode == 78
    assert "cannot be written" in told.stderr
    assert "Traceback" not in told.stderr


@pytest.mark.root
def test_a_read_only_state_directory_is_told_and_exits_78(make_daemon: MakeDaemon, small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    daemon = make_daemon([], state=str(small_disk / "state"))
    daemon.write_config()
    told = mmied("run", "--config", str(daemon.config_path))
    assert told.returncode == 78
    assert "Read-only file system" in told.stderr


def test_two_daemons_on_one_state_directory_are_one_too_many(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon([]).start()
    told = mmied("run", "--config", str(daemon.config_path))
    assert told.returncode == 78
    assert "belongs to another mmied" in told.stderr


def test_a_corrupt_history_is_set_aside_and_the_daemon_starts(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon([linear("good")])
    (daemon.folder / "state").mkdir()
    (daemon.folder / "state/history.sqlite").write_bytes(b"this is no database " * 1000)
    daemon.start()
    daemon.wait_for_state("good", "healthy")
    assert list((daemon.folder / "state").glob("history.sqlite.corrupt-*"))
    assert any("corrupt" in notice for notice in daemon.status["notices"])


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.root
def test_a_full_disk_loses_nothing_committed_and_is_got_over(make_daemon: MakeDaemon, small_disk: Path) -> None:
    daemon = make_daemon([linear("good", schedule={"profile": "5s"})], state=str(small_disk / "state")).start()
    daemon.wait_for_state("good", "healthy")
    kept = {run["run_id"] for run in daemon.runs("good")}
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as file:  # what is left of a buffer could not be written at the end
        try:
            while True:
                file.write(b"x" * 65536)
        except OSError:
            pass
    daemon.wait_for(lambda: _value(daemon, "mmied_store_write_failures_total") > 0, "writing fails", seconds=60)
    assert daemon.get("/-/healthy")
    filler.unlink()
    count = len(daemon.runs("good"))
    daemon.wait_for(lambda: len(daemon.runs("good")) > count, "runs are recorded again", seconds=60)
    assert kept <= {run["run_id"] for run in daemon.runs("good")}


def _value(daemon: Daemon, name: str) -> float:
    return next(float(line.split()[-1]) for line in daemon.get("/metrics").splitlines() if line.startswith(f"{name} "))


def _workers(daemon: Daemon) -> list[psutil.Process]:
    """Return the workers of this daemon: other tests have theirs at the same time."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or ()
        own = any(word.startswith(str(daemon.folder)) for word in words)
        if own and "mmied.bench.worker" in words and process.status() != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


def test_a_model_file_that_appears_and_changes_is_profiled_at_once(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    import torch
    from faulty import Faulty
    from safetensors.torch import save_file

    weights = tmp_path / "weights.safetensors"
    model = linear("ranker", source={"factory": "faulty:Faulty", "weights": str(weights)})
    daemon = make_daemon([model]).start()
    assert "No such file" in daemon.wait_for_state("ranker", "failing")["why"]

    save_file(Faulty().state_dict(), weights)
    first = daemon.wait_for_state("ranker", "healthy")
    torch.manual_seed(7)
    save_file(Faulty().state_dict(), tmp_path / "new.safetensors")
    (tmp_path / "new.safetensors").replace(weights)
    changed = daemon.wait_for(
        lambda: (found := daemon.model("ranker"))["revision"] != first["revision"] and found, "it is profiled anew"
    )
    assert changed["state"] == "healthy"
    assert "became" in daemon.get("/models/ranker")


def test_a_worker_killed_in_a_run_is_that_runs_failure(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon([linear("stuck", "hang")]).start()
    daemon.wait_for(lambda: "warmup" in str(daemon.model("stuck")["phase"]), "it runs")
    for worker in _workers(daemon):
        worker.kill()
    assert "SIGKILL" in daemon.wait_for_state("stuck", "failing")["why"]


def test_sigterm_in_a_run_ends_all_within_ten_seconds(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon([linear("stuck", "hang")]).start()
    daemon.wait_for_state("stuck", "running")
    began = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - began < 10
    assert not _workers(daemon)
    state = daemon.folder / "state"
    assert not list((state / "runs").iterdir())
    shutil.rmtree(state)
