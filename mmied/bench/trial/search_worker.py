"""Search for optimizations in a process of its own: `python -m mmied.bench.trial.search_worker JOB_DIR`.

The border is that of mmied.bench.worker: job.json and order.json in; run.json out, and beside it search.json. What is
known stands in search.json.part after each trial, there and where the order wants it kept. This process serves
nothing itself and does not import torch: it starts the processes that do, and they end with it.
"""

import os
import resource
import shutil
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mmied import __version__
from mmied.bench import worker
from mmied.bench.orders import take_order
from mmied.bench.steps import Steps
from mmied.bench.trial.baseline import Baseline
from mmied.bench.trial.host import read_host
from mmied.bench.trial.order import SEARCH_FILE, Data, SearchOrder
from mmied.bench.trial.process import ServerLost
from mmied.bench.trial.protocol import ServeJob
from mmied.bench.trial.routes import ROUTES
from mmied.bench.trial.search import TRIAL_SECONDS, Plan, plan, search
from mmied.codec import to_json
from mmied.errors import ModelError
from mmied.optimization import Candidate, Search, Trial
from mmied.records import InputSpec, Job, ModelSpec
from mmied.verdicts.promise import UNKNOWN, ModelFacts, promise

WAIT_POLICY = "OMP_WAIT_POLICY"
ADVICE = "Give recorded samples, and labelled ones to measure accuracy on."


def optimize(job: Job, folder: Path, report: worker.Report) -> None:
    """Try the order's candidates on the job's model. Raises ModelError where the model itself cannot be served."""
    order = take_order(SearchOrder, folder)
    confine(order.memory_bytes)
    wait_policy = os.environ.get(WAIT_POLICY)
    serve = serve_job(job, order.data, wait_policy)
    planned = plan(
        order.candidates,
        route=ROUTES.get(job.model.source.kind),
        device=job.model.device,
        host=read_host(order.data),
        promise=order.promise,
        done={trial.candidate for trial in order.done},
        at=time.time(),
    )
    kept = _Kept(_begun(job, order, planned), folder, order)
    kept.write()
    steps = Steps(report, 1 + len(planned.order))

    def opened(baseline: Baseline, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        kept.serve(baseline, order)
        report.update(revision=baseline.opened.revision, load_seconds=baseline.opened.load_seconds)
        return by_promise(candidates, baseline, order.promise)

    steps.reached("the deployed model")
    try:
        for trial in search(
            planned.order,
            serve,
            folder,
            os.environ,
            budget_seconds=order.budget_seconds,
            minimum_effect_ratio=order.minimum_effect_ratio,
            trial_seconds=order.trial_seconds or TRIAL_SECONDS,
            reached=steps.reached,
            opened=opened,
        ):
            kept.add(trial)
            shutil.rmtree(folder / trial.candidate.replace("/", "_"), ignore_errors=True)  # models by the dozen
            if (
                order.slice_seconds is not None
                and kept.search.spent_seconds - order.spent_seconds > order.slice_seconds
            ):
                break
    except ServerLost as lost:
        if not kept.served:
            raise ModelError(f"the deployed model cannot be served: {lost}", lost.reason or "internal") from lost
        kept.note(f"The deployed model's process was lost, and the search ended there: {lost}")
    (folder / SEARCH_FILE).write_text(to_json(kept.search))
    report.finish(outcome="succeeded")


def by_promise(candidates: Sequence[Candidate], baseline: Baseline, seen: Mapping[str, float]) -> tuple[Candidate, ...]:
    """Return the most promising first, by the kind of model that was opened and by what was `seen` on it before."""
    facts = ModelFacts(
        modules=baseline.opened.modules, batch_sizes=baseline.batch_sizes, device=baseline.job.model.device
    )
    expected = promise(facts) | dict(seen)
    return tuple(sorted(candidates, key=lambda each: -expected.get(each.name, UNKNOWN)))


def serve_job(job: Job, data: Data, wait_policy: str | None) -> ServeJob:
    """Return how the job's model is served to trials."""
    return ServeJob(
        model=job.model,
        batch_sizes=tuple(sorted({workload.batch_size for workload in job.workloads})),
        wait_policy=wait_policy,
        calibration=data.calibration,
        fine_tune=data.fine_tune,
        evaluation=data.evaluation,
        metric=data.metric,
        max_drop=data.max_drop,
    )


def confine(memory_bytes: int | None) -> None:
    """Limit the memory of each process that this one will start; the supervisor's limit is that of all together."""
    if memory_bytes is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        limit = memory_bytes if hard == resource.RLIM_INFINITY else min(memory_bytes, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


class _Kept:
    """The search as it is known so far, on disk."""

    def __init__(self, search: Search, folder: Path, order: SearchOrder) -> None:
        self.search = search
        self.served = False
        self._began, self._spent = time.monotonic(), order.spent_seconds
        self._places = [folder / f"{SEARCH_FILE}.part"] + ([Path(order.kept)] if order.kept is not None else [])

    def serve(self, baseline: Baseline, order: SearchOrder) -> None:
        """Take note of the deployed model. Raises ModelError where it is another than the one searched before."""
        revision = baseline.opened.revision
        if order.done and order.revision != revision:
            raise ModelError(
                "the model's files are others than those of the search that was to be gone on with. Begin a new one."
            )
        refused = (f"The model does not take batch size {size}: {why}" for size, why in baseline.opened.refused.items())
        notes = (*self.search.notes, *refused)
        self.served = True
        self.search = replace(self.search, revision=revision, environment=baseline.opened.environment, notes=notes)

    def add(self, trial: Trial) -> None:
        """Keep a trial. What it made goes with the search: `--apply` makes it anew."""
        trials = (*self.search.trials, replace(trial, artifact=None))
        left = tuple(name for name in self.search.left if name != trial.candidate)
        self.search = replace(self.search, trials=trials, left=left)
        self.write()

    def note(self, said: str) -> None:
        """Add to what a reader should know."""
        self.search = replace(self.search, notes=(*self.search.notes, said))
        self.write()

    def write(self) -> None:
        """Write what is known, whole or not at all."""
        self.search = replace(self.search, spent_seconds=self._spent + time.monotonic() - self._began)
        for place in self._places:
            draft = place.with_name(f"{place.name}.new")
            draft.write_text(to_json(self.search))
            draft.replace(place)


def _begun(job: Job, order: SearchOrder, planned: Plan) -> Search:
    spec = job.model
    return Search(
        mmied_version=__version__,
        model=spec.name,
        host=socket.gethostname(),
        device=spec.device,
        format=spec.source.kind,
        at=time.time(),
        batch_sizes=tuple(sorted({workload.batch_size for workload in job.workloads})),
        budget_seconds=order.spent_seconds + order.budget_seconds,
        spent_seconds=order.spent_seconds,
        minimum_effect_ratio=order.minimum_effect_ratio,
        revision=order.revision,
        environment=order.environment,
        trials=(*order.done, *planned.refused),
        left=tuple(candidate.name for candidate in planned.order),
        notes=_notes(spec, labelled=order.data.evaluation is not None),
    )


def _notes(spec: ModelSpec, *, labelled: bool) -> tuple[str, ...]:
    """Return what the outputs that fidelity is told of were made from, where that was not what users send."""
    if spec.inputs and not all(map(_is_random, spec.inputs)):
        return ()
    inputs = "random inputs" if spec.inputs else "the example call that the model brings along, again and again"
    said = f"Outputs were held against the deployed model's on {inputs}"
    if labelled:
        return (f"{said}; accuracy was measured on the labelled samples.",)
    return (f"{said}, which says how far they are apart, not how well either does its task. {ADVICE}",)


def _is_random(spec: InputSpec) -> bool:
    parts = [*(spec.list or ()), *(spec.dict or {}).values()]
    return all(map(_is_random, parts)) if parts else spec.file is None and spec.factory is None


if __name__ == "__main__":
    sys.exit(worker.main(Path(sys.argv[1]), optimize))
