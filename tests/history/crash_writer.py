"""For each line of its input, fork a process that writes runs until it is killed, and name each one it has recorded.

A fork of one warm process, because 25 interpreters would take longer to start than to test.
"""

import os
import sys
from pathlib import Path

from mmied.history.store import Store
from mmied.records import Iterations, JournalEntry, Run, Workload, WorkloadResult


def write_runs(path: Path, life: str) -> None:
    store = Store.open(path, host="here")
    iterations = Iterations(wall_seconds=(0.001,) * 3000, wait_seconds=(0.0,) * 3000)
    result = WorkloadResult(workload=Workload(scenario="b8", batch_size=8), outcome="succeeded", iterations=iterations)
    number = 0
    while True:
        number += 1
        run_id = f"{life}-{number}"
        store.begin(JournalEntry(run_id=run_id, model="ranker", kind="profile", device="cpu", started_at=1.0))
        store.record(
            Run(
                run_id=run_id,
                host="here",
                model="ranker",
                kind="profile",
                device="cpu",
                started_at=float(number),
                ended_at=float(number),
                outcome="succeeded",
                results=(result, result),
            )
        )
        store.prune(float(number))
        os.write(1, f"{run_id}\n".encode())


for line in sys.stdin:
    child = os.fork()
    if child == 0:
        write_runs(Path(sys.argv[1]), line.strip())
    os.write(1, f"pid {child}\n".encode())
    os.waitpid(child, 0)
    os.write(1, b"dead\n")
