"""Make a flame graph in a process of its own.

`python -m mmied.bench.profilers.flame_worker JOB_DIR PROFILER CALLS [DATASET]`

The border is that of mmied.bench.worker: job.json in, run.json out, and beside it flamegraph.json and the traces.
"""

import sys
from functools import partial
from pathlib import Path

from mmied.bench import worker
from mmied.bench.lasting_imports import lasting_imports
from mmied.codec import to_json
from mmied.records import Job

FLAME_FILE = "flamegraph.json"


def record(
    job: Job, folder: Path, report: worker.Report, *, profiler: str, calls: int, dataset: str | None = None
) -> None:
    """Profile `calls` calls of the job's model and write the graph into `folder`. Raises whatever the model raises."""
    # torch is imported here and not above: what fails in it has to be told like anything else.
    with lasting_imports():
        from mmied.bench.dataset import fed_by, read_dataset
        from mmied.bench.profilers import flamegraph
        from mmied.bench.session import Session

    flamegraph.PROFILERS[profiler].require()  # before a large model is read
    samples = read_dataset(dataset) if dataset is not None else None
    session = Session(job.model, scratch=folder, known_digests=job.known_digests)
    report.update(phase="load")
    session.open()
    if samples is not None:
        session.model = fed_by(session.model, samples, job.model)
    report.update(phase="profile", revision=session.model.revision)
    graph = flamegraph.profile(
        session,
        job.model,
        profiler=profiler,
        batch_size=job.workloads[0].batch_size,
        calls=calls,
        folder=folder,
    )
    (folder / FLAME_FILE).write_text(to_json(graph))
    report.finish(outcome="succeeded")


if __name__ == "__main__":
    job_folder, chosen, count, *fed = sys.argv[1:]
    work = partial(record, profiler=chosen, calls=int(count), dataset=fed[0] if fed else None)
    sys.exit(worker.main(Path(job_folder), work))
