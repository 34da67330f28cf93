"""Profile one model in a process of its own: `python -m mmied.bench.profile_worker JOB_DIR`.

The border is that of mmied.bench.worker: job.json and order.json in; run.json out, and beside it profile.json and
where the deep passes ran flamegraph.json.
"""

import sys
from pathlib import Path

from mmied.bench import worker
from mmied.bench.lasting_imports import lasting_imports
from mmied.bench.orders import FLAME_FILE, PROFILE_FILE, ProfileOrder, take_order
from mmied.bench.steps import Steps
from mmied.codec import to_json
from mmied.records import Job

PHASES_OF_A_WORKLOAD = 3  # warmup, measure, memory


def profile(job: Job, folder: Path, report: worker.Report) -> None:
    """Profile the job's model as its order says. Raises whatever the model raises."""
    # torch is imported here and not above: what fails in it has to be told like anything else.
    with lasting_imports():
        from mmied.bench.dataset import fed_by, read_dataset
        from mmied.bench.importing import import_callable
        from mmied.bench.inspecting import PASSES
        from mmied.bench.profiling import profile_session
        from mmied.bench.session import Session

    order = take_order(ProfileOrder, folder)
    deep = len(PASSES) if order.detailed else 1  # without details the hardware is watched all the same
    staged = order.preprocess is not None or order.postprocess is not None
    total = 1 + PHASES_OF_A_WORKLOAD * len(job.workloads) + staged + deep
    steps = Steps(report, total)
    steps.reached("load")
    # What is wrong with them is known before a large model is read.
    preprocess = import_callable(order.preprocess) if order.preprocess else None
    postprocess = import_callable(order.postprocess) if order.postprocess else None
    dataset = read_dataset(order.dataset) if order.dataset else None
    session = Session(job.model, scratch=folder, known_digests=job.known_digests)
    session.open()
    if dataset is not None:
        session.model = fed_by(session.model, dataset, job.model)
    report.update(revision=session.model.revision, artifact_bytes=session.model.artifact_bytes)
    found, flame = profile_session(
        session,
        job.workloads,
        limit_seconds=job.scenario_seconds,
        num_runs=order.num_runs,
        warmup_runs=order.warmup_runs,
        detailed=order.detailed,
        items_per_sample=order.items_per_sample,
        preprocess=preprocess,
        postprocess=postprocess,
        folder=folder,
        reached=steps.reached,
    )
    (folder / PROFILE_FILE).write_text(to_json(found))
    if flame is not None:
        (folder / FLAME_FILE).write_text(to_json(flame))
    report.finish(outcome="succeeded", results=found.results)


if __name__ == "__main__":
    sys.exit(worker.main(Path(sys.argv[1]), profile))
