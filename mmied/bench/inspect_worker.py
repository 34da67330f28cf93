"""Look inside a model in a process of its own: `python -m mmied.bench.inspect_worker JOB_DIR`.

The border is that of mmied.bench.worker: job.json in, run.json out with the findings, and beside it inspection.json,
flamegraph.json and the trace. What a pass saw is on disk before the next one begins, so that a crash keeps it.
"""

import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mmied.bench import worker
from mmied.bench.failures import sentence_of
from mmied.bench.lasting_imports import lasting_imports
from mmied.codec import to_json
from mmied.history.artifacts import FILES, FLAME_FILE, INSPECTION_FILE
from mmied.inspection import Inspection
from mmied.records import Findings, Job

if TYPE_CHECKING:  # torch comes with it
    from mmied.bench.models import OpenedModel

COSTLIEST_LAYERS = 10  # a label each: more would be too many series
LONGEST_NAME = 160  # characters
WHOLE_MODEL = "(model)"  # the layer that has no name of its own; Prometheus takes an empty label for none


def inspect(job: Job, folder: Path, report: worker.Report) -> None:
    """Run the deep passes over the job's first workload. Raises whatever the model raises outside of a pass."""
    began = time.perf_counter()
    # torch is imported here and not above: what fails in it has to be told like anything else.
    with lasting_imports():
        import torch

        from mmied.bench import inspecting
        from mmied.bench.profilers.flamegraph import graph_of
        from mmied.bench.profilers.recorded import Recorded
        from mmied.bench.session import Session

    (workload, *_) = job.workloads
    session = Session(job.model, scratch=folder, known_digests=job.known_digests)
    report.update(phase="load", import_seconds=time.perf_counter() - began)
    session.open()
    report.update(phase=f"warmup {workload.scenario}", **worker.facts_of(session))
    target = session.target(workload)

    def keep(inspection: Inspection, recorded: Recorded | None) -> None:
        _write(folder / INSPECTION_FILE, to_json(inspection))
        if recorded is not None and not (folder / FLAME_FILE).exists():
            graph = graph_of(
                recorded,
                model=job.model.name,
                profiler="torch",
                device=job.model.device,
                batch_size=workload.batch_size,
                revision=session.model.revision,
                environment=session.environment,
                bare_call_seconds=target.call_seconds,
            )
            _write(folder / FLAME_FILE, to_json(graph))
        report.update(findings=findings_of(inspection, folder))

    with session.serving(), torch.inference_mode():
        inspection, _ = inspecting.inspect(
            target,
            workload=workload,
            folder=folder,
            reached=lambda name: report.update(phase=f"inspect {name}"),
            so_far=keep,
        )
        if job.labelled is not None:
            report.update(phase="accuracy")
            try:
                report.update(accuracy=accuracy_of(job, session.model, job.labelled, workload.batch_size))
            except Exception as error:  # noqa: BLE001 - a model and a metric raise what they like
                assert report.run.findings is not None
                failures = {**report.run.findings.failures, "accuracy": sentence_of(error)}
                report.update(findings=replace(report.run.findings, failures=failures))
    if len(inspection.failures) == len(inspecting.PASSES):
        name, why = next(iter(inspection.failures.items()))
        message = f"every pass failed, the first ({name}) with: {why}"
        report.finish(outcome="failed", reason="internal", message=message, **worker.usage())
    else:
        report.finish(outcome="succeeded", **worker.usage())


def accuracy_of(job: Job, model: "OpenedModel", labelled: str, batch_size: int) -> float | None:
    """Return how well the model does on labelled samples, where more is better: no mean squared error.

    Raises ModelError, and what the model raises.
    """
    from mmied.bench.dataset import read_dataset
    from mmied.bench.trial import evaluation

    dataset = read_dataset(labelled)
    feed = evaluation.feed_as_served(model.call, dataset, job.model, model.make(batch_size))
    scores = evaluation.score(model.call, feed, dataset, batch_size=batch_size, metric=job.metric)
    return evaluation.accuracy_of(scores).value if scores.metric != "mse" else None


def findings_of(inspection: Inspection, folder: Path) -> Findings:
    """Return an inspection in short, with the files that lie in `folder` so far."""
    layers = inspection.layers.layers if inspection.layers is not None else ()
    own = {layer.name[:LONGEST_NAME] or WHOLE_MODEL: layer.self_seconds for layer in layers if layer.self_seconds}
    costliest = sorted(own.items(), key=lambda entry: -entry[1])[:COSTLIEST_LAYERS]
    flops, operators = inspection.flops, inspection.operators
    return Findings(
        scenario=inspection.workload.scenario,
        flops=flops.flops if flops is not None else None,
        flops_coverage_ratio=flops.coverage_ratio if flops is not None else None,
        operator_seconds=dict(operators.category_seconds) if operators is not None else {},
        layer_seconds=dict(costliest),
        failures=dict(inspection.failures),
        artifacts={name: (folder / name).stat().st_size for name in FILES if (folder / name).is_file()},
    )


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    draft = path.with_name(path.name + ".new")
    draft.write_text(text)
    draft.replace(path)


if __name__ == "__main__":
    sys.exit(worker.main(Path(sys.argv[1]), inspect))
