import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

from mmied.history.store import Store

LIVES = 25


def kill(pid: int, after_seconds: float) -> None:
    threading.Timer(after_seconds, os.kill, (pid, signal.SIGKILL)).start()


def test_a_writer_killed_again_and_again_loses_no_recorded_run_and_damages_nothing(path):
    delays = random.Random(7)
    recorded: list[str] = []
    with subprocess.Popen(
        [sys.executable, Path(__file__).with_name("crash_writer.py"), path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as nursery:
        assert nursery.stdin is not None
        assert nursery.stdout is not None
        for life in range(LIVES):
            nursery.stdin.write(f"life{life}\n")
            victim: list[int] = []
            for line in nursery.stdout:
                match line.split():
                    case ["pid", pid]:
                        victim.append(int(pid))
                        if life % 2:  # while it opens the history or writes the first runs
                            kill(victim.pop(), delays.uniform(0.05, 0.2))
                    case ["dead"]:
                        break
                    case [run_id]:
                        recorded.append(run_id)
                        if victim:  # however long a busy host took to come to a first one
                            kill(victim.pop(), delays.uniform(0.0, 0.1))
            store = Store.open(path, host="here")
            assert store.notice is None
            assert len(store.unfinished()) <= life + 1
            store.close()

    store = Store.open(path, host="here")
    store.check()
    kept = {run.run_id: run for run in store.last_runs(limit=10**6)}
    assert len(recorded) > LIVES / 2
    assert set(recorded) <= set(kept)
    assert all(len(run.results) == 2 for run in kept.values())
    assert all(entry.run_id not in kept for entry in store.unfinished())
    store.close()
