"""Make one candidate and write it beside the model: `python -m mmied.bench.trial.apply_worker JOB_DIR`.

The border is that of mmied.bench.worker: job.json and order.json in; run.json out, and beside it applied.json. The
model is made in one process, held against the deployed one's outputs, and looked at again in a fresh one.
"""

import json
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from mmied.bench import worker
from mmied.bench.optimize import manifest as manifests
from mmied.bench.optimize.manifest import Manifest
from mmied.bench.optimize.recipe import Recipe
from mmied.bench.orders import take_order
from mmied.bench.steps import Steps
from mmied.bench.trial.baseline import APPLY_SECONDS
from mmied.bench.trial.kept_outputs import ANSWER_SECONDS, keep_outputs
from mmied.bench.trial.order import APPLIED_FILE, AppliedResult, ApplyOrder
from mmied.bench.trial.process import Server, ServerLost
from mmied.bench.trial.protocol import Command, NotApplicable, Reply, ServeJob
from mmied.bench.trial.script import write_script
from mmied.bench.trial.search_worker import WAIT_POLICY, confine, serve_job
from mmied.codec import from_json, to_json
from mmied.errors import ModelError
from mmied.optimization import Candidate, Search, Trial
from mmied.records import Job
from mmied.verdicts.guards import guard_fidelity

SCRIPT = "reproduce.py"
_NO_FILE = "it is made anew at each start"


def apply(job: Job, folder: Path, report: worker.Report) -> None:
    """Make the order's candidate and write it into the order's folder, whole or not at all. Raises ModelError."""
    order = take_order(ApplyOrder, folder)
    confine(order.memory_bytes)
    steps = Steps(report, 4)
    serve = serve_job(job, order.data, os.environ.get(WAIT_POLICY))
    output = Path(order.output)
    part = output.with_name(f".{output.name}.{os.getpid()}.part")
    try:
        with _Deployed(serve, folder, steps) as deployed:
            if order.evidence.revision not in (None, deployed.opened.revision):
                raise ModelError("the model's files are others than those that were searched. Search them again.")
            result, manifest = _make(order, job, deployed, folder, part, steps)
        steps.reached("write")
        part.mkdir(exist_ok=True)
        script = write_script(
            result.form,
            job.model,
            order.candidate,
            replace(order.evidence, revision=deployed.opened.revision),
            _trial_of(order),
            wait_policy=serve.wait_policy,
            calibration=serve.calibration,
            fine_tune=serve.fine_tune,
        )
        (part / SCRIPT).write_text(script, encoding="utf-8")
        manifests.write_manifest(part, replace(manifest, evidence=_evidence(order, job, deployed.opened, result.form)))
        names = tuple(sorted(path.name for path in part.iterdir()))
        if output.exists():
            raise ModelError(f"{output}: exists already. Give a new folder: nothing is ever written over.")
        part.rename(output)
    except OSError as error:
        raise ModelError(f"{output}: cannot be written: {error.strerror}. Nothing was left there.") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    (folder / APPLIED_FILE).write_text(to_json(replace(result, files=names)))
    report.finish(outcome="succeeded", revision=deployed.opened.revision)


class _Deployed:
    """The deployed model in a process of its own, with inputs and outputs to hold others against."""

    def __init__(self, serve: ServeJob, folder: Path, steps: Steps) -> None:
        steps.reached("the deployed model")
        self.serve = serve
        self._server = Server(serve, folder / "baseline", os.environ)
        try:
            self.opened = self._server.ask(Command(do="open"), timeout_seconds=APPLY_SECONDS)
            self.kept = keep_outputs(self._server, self.opened, serve, folder)
        except ServerLost as lost:
            self._server.close()
            raise ModelError(f"the deployed model cannot be served: {lost}", lost.reason or "internal") from lost

    def __enter__(self) -> "_Deployed":
        return self

    def __exit__(self, *unused: object) -> None:
        self._server.close()

    def require_same(self, server: Server, candidate: Candidate, when: str) -> None:
        """Raise ModelError where a server's outputs are farther from the deployed model's than they may be."""
        fidelity = server.ask(self.kept.comparison, timeout_seconds=ANSWER_SECONDS).fidelity
        assert fidelity is not None
        broken = [guard.shown for guard in guard_fidelity(fidelity, candidate.exactness) if not guard.met]
        if broken:
            raise ModelError(f"{candidate.name}: {when} its outputs are not the model's: {'; '.join(broken)}")


def _make(
    order: ApplyOrder, job: Job, deployed: _Deployed, folder: Path, part: Path, steps: Steps
) -> tuple[AppliedResult, Manifest]:
    candidate = order.candidate
    steps.reached(candidate.name)
    try:
        with Server(replace(deployed.serve, candidate=candidate), folder / "made", os.environ) as server:
            opened = server.ask(Command(do="open"), timeout_seconds=APPLY_SECONDS)
            deployed.require_same(server, candidate, "once made,")
            if opened.setting:
                return _unsaved("setting", opened, candidate)
            try:
                server.ask(Command(do="save", file=str(part)), timeout_seconds=APPLY_SECONDS)
            except ServerLost as lost:
                if not server.alive() or "disk" in str(lost) or "cannot be written" in str(lost):
                    raise
                result, manifest = _unsaved("start", opened, candidate)
                return replace(result, notes=(*result.notes, f"cannot be saved: {lost}")), manifest
        steps.reached("load it again")
        saved = replace(deployed.serve, artifact=str(part), inputs=str(deployed.kept.inputs))
        with Server(saved, folder / "loaded", os.environ) as loaded:
            loaded.ask(Command(do="open"), timeout_seconds=APPLY_SECONDS)
            deployed.require_same(loaded, candidate, "loaded again,")
    except NotApplicable as refusal:
        raise ModelError(f"{candidate.name}: does not fit {job.model.name}: {refusal}") from refusal
    except ServerLost as lost:
        sys.stderr.write(lost.log_tail)
        raise ModelError(f"{candidate.name}: {lost}", lost.reason or "internal") from lost
    manifest = from_json(Manifest, (part / manifests.NAME).read_bytes())
    return AppliedResult(form="model", files=(), changed=opened.changed, notes=opened.notes), manifest


def _unsaved(form: str, opened: Reply, candidate: Candidate) -> tuple[AppliedResult, Manifest]:
    """Return the manifest of what has no file: what is told of it is all there is."""
    packages = tuple(dict.fromkeys(("torch", *_distributions(opened.lock_in))))
    recipe = Recipe(
        kind=candidate.summary,
        backend=form,
        settings={**candidate.settings, **candidate.environment},
        changed=opened.changed,
        packages=packages,
        notes=opened.notes,
    )
    versions = manifests.current_versions(packages)
    manifest = Manifest(format=form, recipe=recipe, versions=versions, files={})
    return AppliedResult(form=form, files=(), changed=opened.changed, notes=opened.notes), manifest


def _distributions(lock_in: tuple[str, ...]) -> tuple[str, ...]:
    """Return those that are installed packages: a compiler or an instruction set is none."""
    return tuple(name for name in lock_in if manifests.current_versions((name,))[name] != "unknown")


def _trial_of(order: ApplyOrder) -> Trial | None:
    return next((trial for trial in order.evidence.trials if trial.candidate == order.candidate.name), None)


def _evidence(order: ApplyOrder, job: Job, opened: Reply, form: str) -> Mapping[str, Any]:
    """Return what stands behind the model, as the manifest keeps it."""
    search: Search = replace(order.evidence, trials=())
    trial = _trial_of(order)
    return {
        "form": form,
        "deployed": {"revision": opened.revision, "model": json.loads(to_json(job.model))},
        "candidate": json.loads(to_json(order.candidate)),
        "data": asdict(order.data),
        "search": json.loads(to_json(search)),
        "trial": json.loads(to_json(trial)) if trial is not None else None,
    }


if __name__ == "__main__":
    sys.exit(worker.main(Path(sys.argv[1]), apply))
