"""A model as a candidate serves it, open in this process: called in blocks, looked at, saved."""

import gc
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch.utils._pytree import tree_map

from mmied.bench.contention import Theft, WaitMeter
from mmied.bench.dataset import Dataset, read_dataset
from mmied.bench.environment import read_environment
from mmied.bench.failures import sentence_of
from mmied.bench.fidelity import check_outputs, output_tensors
from mmied.bench.importing import import_callable
from mmied.bench.models import OpenedModel, open_model, require_device
from mmied.bench.optimize.recipe import recipe_of
from mmied.bench.profilers.memory import high_water_mark, resident_bytes
from mmied.bench.recording import Recorder
from mmied.bench.timing import Timer, timer_on, warm_up
from mmied.bench.trial import evaluation
from mmied.bench.trial.agreement import compare_outputs
from mmied.bench.trial.context import Applied, Context
from mmied.bench.trial.protocol import Command, NotApplicable, Reply, ServeJob
from mmied.bench.trial.routes import ROUTES
from mmied.errors import ModelError
from mmied.optimization import Candidate

WARM_UP_SECONDS = 2.0  # at most, for each batch size
CALIBRATION_BATCH = 32


class Served:
    """Answers a trial's commands; the first has to be `open`."""

    def __init__(self, job: ServeJob, folder: Path) -> None:
        self._job, self._folder = job, folder
        self._call: Callable[..., Any] | None = None
        self._deployed: Callable[..., Any] | None = None
        self._labelled: Dataset | None = None
        self._mode: Callable[[], AbstractContextManager[Any]] = torch.inference_mode
        self._batches = 1  # deployed ones that one call takes
        self._make: Callable[[int], Any] | None = None
        self._theft, self._waits = Theft(), WaitMeter()
        self._timer: Timer | None = None
        self._bare_bytes = 0
        self._compiled_before = 0

    def answer(self, command: Command) -> Reply:
        """Do what is asked and say what came of it. Raises whatever the model or the candidate raises."""
        match command.do:
            case "open":
                return self._open()
            case "block":
                return self._block(command.batch_size, command.calls)
            case "inputs":
                assert self._make is not None
                sizes = {*self._job.batch_sizes, command.batch_size * command.calls}
                torch.save({size: self._make(size) for size in sorted(sizes)}, command.file)
                return Reply()
            case "outputs":
                torch.save(self._outputs(command.batch_size, command.calls), command.file)
                return Reply()
            case "compare":
                baseline = torch.load(command.file, weights_only=True)
                own = self._outputs(command.batch_size, command.calls)
                return Reply(fidelity=compare_outputs(baseline, own, command.batch_size * command.calls))
            case "evaluate":
                return self._evaluate(command)
            case "save":
                return self._save(Path(command.file))
            case "memory":
                return Reply(
                    resident_bytes=resident_bytes() - self._bare_bytes,
                    peak_bytes=high_water_mark() - self._bare_bytes,
                    recompiles=_compiled_graphs() - self._compiled_before,
                )

    def _open(self) -> Reply:
        spec = self._job.model
        require_device(spec.device)
        if spec.threads is not None:
            torch.set_num_threads(spec.threads)
        self._bare_bytes = resident_bytes()
        began = time.perf_counter()
        model = self._saved() if self._job.artifact else open_model(spec, scratch=self._folder, known_digests={})
        self._make, self._deployed = model.make, model.call
        loaded = time.perf_counter()
        applied = self._apply(model)
        self._call, self._batches = applied.call, applied.batches
        self._mode = torch.inference_mode if applied.inference_mode else torch.no_grad
        ready = time.perf_counter()
        self._timer = timer_on(spec.device, self._waits)
        reply = Reply(
            load_seconds=loaded - began,
            apply_seconds=ready - loaded,
            changed=applied.changed,
            notes=applied.notes,
            lock_in=applied.lock_in,
            revision=model.revision,
            artifact_bytes=model.artifact_bytes,
            threads=torch.get_num_threads(),
            setting=applied.call is model.call,
            environment=None if self._job.candidate else read_environment(spec, model.revision),
            modules={} if self._job.candidate else _modules_of(model.call),
        )
        return self._first_calls(reply)

    def _first_calls(self, reply: Reply) -> Reply:
        """Call with each batch size; one that the model refuses is told, and all of them refused is an error."""
        assert self._timer is not None
        first, typical, refused = {}, {}, {}
        for position, size in enumerate(self._job.batch_sizes):
            try:
                with self._mode():
                    call = self._call_with(size)
                    began = time.perf_counter()
                    check_outputs(call())
                    first[size] = time.perf_counter() - began
                    self._timer.refresh()
                    seconds = warm_up(call, self._timer, limit_seconds=WARM_UP_SECONDS).call_seconds
                    typical[size] = seconds / self._batches
            except Exception as error:
                if len(self._job.batch_sizes) == 1:
                    raise
                refused[size] = sentence_of(error)
                if len(refused) == len(self._job.batch_sizes):
                    raise
            if position == 0:
                self._compiled_before = _compiled_graphs()
        self._timer.refresh()
        gc.disable()  # a collection of the harness's own garbage is not the model's time
        return replace(reply, first_call_seconds=first, call_seconds=typical, refused=refused)

    def _apply(self, model: OpenedModel) -> Applied:
        job = self._job
        if job.candidate is None:
            return Applied(call=model.call)
        return apply_candidate(job.candidate, model, self.context(model))

    def _saved(self) -> OpenedModel:
        from mmied.bench.optimize.saving import load_optimized  # with the libraries of its kind

        assert self._job.artifact is not None
        assert self._job.inputs is not None
        inputs = torch.load(self._job.inputs, weights_only=True)
        return OpenedModel(
            call=load_optimized(self._job.artifact),
            make=inputs.__getitem__,
            revision=None,
            artifact_bytes=None,
            parameters=None,
            digests={},
        )

    def context(self, model: OpenedModel) -> Context:
        """Return what a candidate is told of where and how `model` is served. Raises NotApplicable and ModelError."""
        job = self._job
        route = ROUTES.get(job.model.source.kind)
        if route is None:
            raise NotApplicable(f"a {job.model.source.kind} model is compiled already: nothing can be changed in it")
        scratch = self._folder / "scratch"
        scratch.mkdir(exist_ok=True)
        return Context(
            make=model.make,
            batch_sizes=job.batch_sizes,
            device=job.model.device,
            route=route,
            threads=torch.get_num_threads(),
            wait_policy=job.wait_policy,
            scratch=scratch,
            calibration=self._calibration(model, job.calibration) if job.calibration is not None else None,
            fine_tune=import_callable(job.fine_tune) if job.fine_tune is not None else None,
        )

    def _call_with(self, batch_size: int) -> Callable[[], Any]:
        assert self._call is not None
        assert self._make is not None
        model = self._call
        args, kwargs = self._make(batch_size * self._batches)
        return lambda: model(*args, **kwargs)

    def _block(self, batch_size: int, calls: int) -> Reply:
        """Time `calls` calls one by one, after one that is not counted: another process had the caches meanwhile.

        A call that takes several batches together counts as as many, each with its share of the time.
        """
        assert self._timer is not None
        recorder = Recorder(several_threads=torch.get_num_threads() > 1)
        with self._mode():
            call = self._call_with(batch_size)
            call()
            self._theft.since_last()
            for _ in range(-(-calls // self._batches)):
                recorder.add(self._timer.time(call))
        gc.collect(0)  # the young ones: all of torch's objects would take a tenth of a second
        return Reply(
            wall_seconds=self._shares(recorder.wall),
            wait_seconds=self._shares(recorder.wait),
            wait_total_seconds=self._shares(recorder.total),
            device_seconds=self._shares(recorder.device),
            disturbed=self._theft.since_last(),
        )

    def _shares(self, seconds: Sequence[float]) -> tuple[float, ...]:
        return tuple(each / self._batches for each in seconds)

    def _outputs(self, batch_size: int, batches: int) -> dict[str, torch.Tensor]:
        """Return what the model gives for as many batches of one larger draw of inputs, by the paths of its tensors."""
        assert self._call is not None
        assert self._make is not None
        samples = batch_size * batches
        inputs = self._make(samples)
        parts: dict[str, list[torch.Tensor]] = {}
        together = batch_size * self._batches if batches % self._batches == 0 else batch_size
        for start in range(0, samples, together):
            args, kwargs = _rows(inputs, samples, slice(start, start + together))
            with self._mode():
                output = self._call(*args, **kwargs)
            for path, tensor in output_tensors(output):
                parts.setdefault(path, []).append(tensor.detach().cpu())
        return {path: _joined(tensors, together) for path, tensors in parts.items()}

    def _calibration(self, model: OpenedModel, path: str) -> list[Any]:
        """Return the recorded inputs in batches, as calls of the deployed model; labels are no input."""
        dataset = read_dataset(path)
        size = dataset.samples
        batches = (
            torch.arange(start, min(start + CALIBRATION_BATCH, size)) for start in range(0, size, CALIBRATION_BATCH)
        )
        served = model.make(self._job.batch_sizes[0])
        return list(map(evaluation.feed_as_served(model.call, dataset, self._job.model, served), batches))

    def _evaluate(self, command: Command) -> Reply:
        """Write each sample's score into the command's file; tell the whole, and the change against another's file."""
        assert self._call is not None
        assert self._deployed is not None
        assert self._make is not None
        assert self._job.evaluation is not None
        if self._job.metric is not None and ":" in self._job.metric:
            import_callable(self._job.metric)  # what is wrong with it is told before the samples are gone through
        self._labelled = self._labelled or read_dataset(self._job.evaluation)
        served = self._make(command.batch_size)
        with self._mode():
            scores = evaluation.score(
                self._call,
                evaluation.feed_as_served(self._deployed, self._labelled, self._job.model, served),
                self._labelled,
                batch_size=command.batch_size,
                metric=self._job.metric,
            )
        evaluation.write_scores(scores, command.file)
        reply = Reply(accuracy=evaluation.accuracy_of(scores))
        if not command.against:
            return reply
        other = evaluation.read_scores(command.against)
        return replace(
            reply,
            accuracy_change=evaluation.change_of(other, scores),
            predictions_changed=evaluation.samples_changed(other, scores),
        )

    def _save(self, folder: Path) -> Reply:
        from mmied.bench.optimize.saving import save_optimized

        if recipe_of(self._call) is None:
            raise ModelError("it is made anew at each start of the server")
        assert isinstance(self._call, torch.nn.Module)
        save_optimized(self._call, folder)
        return Reply(artifact_bytes=sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()))


def apply_candidate(candidate: Candidate, model: OpenedModel, context: Context) -> Applied:
    """Return the model with the candidate applied, and the proof that something was changed.

    Raises NotApplicable, ModelError where nothing was changed, and whatever the candidate raises.
    """
    if context.route not in candidate.routes:
        raise NotApplicable(f"has no way for a model of the kind {context.route}")
    given = import_callable(candidate.function)(model.call, context, **candidate.settings)
    applied = given if isinstance(given, Applied) else _by_recipe(given)
    if not callable(applied.call):
        raise ModelError(f"{candidate.function}: gave a {type(applied.call).__name__}, not something to call")
    if not any(applied.changed.values()):
        same = " the very model that it was given" if applied.call is model.call else ""
        raise ModelError(f"{candidate.name} changed nothing{' and gave back' + same if same else ''}", "internal")
    return applied


def _by_recipe(given: Any) -> Applied:
    recipe = recipe_of(given)
    if recipe is None:
        return Applied(call=given)
    return Applied(call=given, changed=recipe.changed, notes=recipe.notes, lock_in=recipe.packages)


def _rows(inputs: Any, samples: int, rows: slice) -> Any:
    """Return inputs with the given rows of every tensor that has one row a sample."""

    def cut(leaf: Any) -> Any:
        per_sample = isinstance(leaf, torch.Tensor) and leaf.dim() and leaf.shape[0] == samples
        return leaf[rows].contiguous() if per_sample else leaf

    return tree_map(cut, inputs)


def _joined(tensors: list[torch.Tensor], batch_size: int) -> torch.Tensor:
    """Return the batches' tensors in one; such as have no row a sample stand side by side."""
    per_sample = all(tensor.dim() and tensor.shape[0] == batch_size for tensor in tensors)
    return torch.cat(tensors) if per_sample else torch.stack(tensors)


def _modules_of(call: Any) -> Mapping[str, int]:
    """Count a model's modules by class; those of TorchScript by the class that they were made from."""
    modules = call.modules() if isinstance(call, torch.nn.Module) else ()
    return Counter(getattr(module, "original_name", type(module).__name__) for module in modules)


def _compiled_graphs() -> int:
    """Return how many graphs dynamo has compiled in this process; 0 where it was never used."""
    dynamo = sys.modules.get("torch._dynamo.utils")
    return 0 if dynamo is None else int(dynamo.counters["stats"]["unique_graphs"])
