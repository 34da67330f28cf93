"""What somebody hands to the library to be measured: a module in memory, or where a model lies, with its inputs."""

import inspect
import shutil
import tempfile
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from mmied.bench.calling import as_call, moved_inputs, samples_in
from mmied.bench.configurations import Configuration, workload_of
from mmied.bench.dataset import Dataset, take
from mmied.bench.inputs import make_inputs, place_inputs, stretch_inputs
from mmied.bench.lone import source_of
from mmied.bench.merging import merge_profiles
from mmied.bench.models import Inputs, require_device
from mmied.bench.precision import device_of
from mmied.bench.precision_names import AUTOCAST, canonical_precision
from mmied.bench.profilers import usage
from mmied.bench.profiling import advised, describe, inspect_session, profile_session
from mmied.bench.session import Session
from mmied.config.input_text import parse_input
from mmied.config.values import parse_device
from mmied.errors import MmiedError
from mmied.inspection import Usage
from mmied.profiles import Profile
from mmied.records import InputSpec, ModelSpec
from mmied.reports.frames import FlameGraph

NO_INPUTS = (
    "{}: its inputs are not known. Give input_data, a function of the batch size, or to ModelProfiler inputs such as "
    '["shape=batch,64 dtype=int64 range=0,10000"].'
)


class Subject:
    """A model to be measured. One that lies in a file is opened once, one in memory is looked at anew each time."""

    def __init__(
        self,
        model: Any,
        *,
        name: str | None = None,
        device: str | None = None,
        precision: str | None = None,
        threads: int | None = None,
        inputs: Any = None,
        kind: str | None = None,
        weights: str | Path | None = None,
        trust: str | None = None,
    ) -> None:
        if device is not None:
            try:
                parse_device(device)
            except ValueError as error:
                raise MmiedError(f"device: {device} {error}") from error
        self.model = model
        self._device, self._threads = device, threads
        self._precision = canonical_precision(precision) if precision is not None else None
        self._declared = _declared(inputs)
        self._example = None if self._declared else inputs
        self._opened: Session | None = None
        self._spec: ModelSpec | None = None
        if isinstance(model, str | Path):
            self._spec = self._spec_of(str(model), name, kind, weights, trust)
            self.name = self._spec.name
        elif callable(model):
            self.name = name or type(model).__name__
        else:
            raise MmiedError(
                f"model: a {type(model).__name__} cannot be called. Give a torch.nn.Module, or model_path."
                + (" Load these weights into their module first." if isinstance(model, Mapping) else "")
            )

    def _spec_of(
        self, model: str, name: str | None, kind: str | None, weights: str | Path | None, trust: str | None
    ) -> ModelSpec:
        source = source_of(
            model, kind=kind, weights=Path(weights) if weights else None, trust=trust, option="model_path"
        )
        own = self._precision if self._precision and not self._precision.startswith(AUTOCAST) else "float32"
        return ModelSpec(
            name=name or (model if source.kind == "factory" else Path(model).stem),
            source=source,
            inputs=self._declared,
            device=self._device or "cpu",
            dtype=own,
            threads=self._threads,
        )

    @property
    def device(self) -> str:
        """The device that it is measured on."""
        return self._device or ("cpu" if self._spec is not None else str(device_of(self.model)))

    def profile(
        self, given: Any, configurations: Sequence[Configuration], **options: Any
    ) -> tuple[Profile, FlameGraph | None]:
        """Profile the model in each configuration; `options` are those of `profile_session`."""
        session, batch_size = self.open(given, options.get("preprocess"))
        workloads = tuple(dict.fromkeys(workload_of(each, batch_size, session.precision) for each in configurations))
        return profile_session(session, workloads, **options)

    def inspect(self, given: Any, passes: Sequence[str]) -> tuple[Profile, FlameGraph | None]:
        """Return a profile that has the deep passes named alone."""
        session, batch_size = self.open(given)
        inspection, flame = inspect_session(
            session, workload_of(Configuration(), batch_size, session.precision), passes=passes
        )
        return describe(session, inspection=inspection), flame

    @contextmanager
    def served(self, given: Any) -> Iterator[tuple[Any, str]]:
        """Hold the model as it is served, and give it with its device."""
        session, _ = self.open(given)
        with session.serving():
            yield session.model.call, session.device

    def measure_memory(self, given: Any) -> Profile:
        """Return a profile that has the memory of calls alone."""
        session, batch_size = self.open(given)
        return describe(
            session, results=(session.measure_memory(workload_of(Configuration(), batch_size, session.precision)),)
        )

    def merged(self, earlier: Profile | None, later: Profile) -> Profile:
        """Return both, with the advice that follows from them together."""
        merged = merge_profiles(earlier, later)
        return advised(merged)

    def open(self, given: Any, preprocess: Callable[..., Any] | None = None) -> tuple[Session, int]:
        """Return a session that is fed with `given`, and the batch size of it."""
        given = self._example if given is None else given
        if self._spec is not None:
            return self._open_file(given, self._spec, preprocess)
        session = Session.of_module(
            self.model,
            _no_inputs,
            name=self.name,
            device=self._device,
            precision=self._precision,
            threads=self._threads,
        )
        make, batch_size = self._feed(given, session, preprocess)
        session.feed(lambda size: moved_inputs(make(size), session.device))
        return session, batch_size

    def _open_file(self, given: Any, spec: ModelSpec, preprocess: Callable[..., Any] | None) -> tuple[Session, int]:
        if self._opened is None:
            if given is None and not spec.inputs and spec.source.kind not in ("exported", "huggingface"):
                raise MmiedError(NO_INPUTS.format(self.name))
            scratch = tempfile.mkdtemp(prefix="mmied-")
            weakref.finalize(self, shutil.rmtree, scratch, ignore_errors=True)
            session = Session(spec, scratch=Path(scratch))
            session.open()
            session.precision = self._precision or spec.dtype
            session.alone = False
            self._opened, self._own_make = session, session.model.make
        session = self._opened
        if given is None:
            if not spec.inputs and session.model.example_batch is None:
                raise MmiedError(NO_INPUTS.format(self.name))
            session.feed(self._own_make)
            return session, session.model.example_batch or 1
        make, batch_size = self._feed(given, session, preprocess)

        def placed(size: int) -> Inputs:
            args, kwargs = place_inputs(make(size), spec)
            return args, kwargs

        session.feed(placed)
        return session, batch_size

    def _feed(
        self, given: Any, session: Session, preprocess: Callable[..., Any] | None
    ) -> tuple[Callable[[int], Inputs], int]:
        """Return what gives inputs for a batch size, and the batch size that was handed over."""
        called = preprocess or session.model.call  # raw input goes to the preprocessing
        if given is None:
            if not self._declared:
                raise MmiedError(NO_INPUTS.format(self.name))
            spec = replace(session.spec, inputs=self._declared)
            return lambda batch_size: make_inputs(spec, batch_size), 1
        if isinstance(given, Dataset):
            return lambda size: take(called, given, torch.arange(size) % given.samples, session.spec), 1
        if callable(given) and not isinstance(given, torch.Tensor | torch.nn.Module):
            return lambda batch_size: as_call(_generate(given, batch_size), called), 1
        inputs = as_call(given, called)
        rows = samples_in(inputs if preprocess is None else as_call(preprocess(*inputs[0], **inputs[1]), called))
        return lambda batch_size: inputs if batch_size == rows else stretch_inputs(*inputs, rows, batch_size), rows


def _no_inputs(batch_size: int) -> Inputs:
    raise MmiedError(f"no inputs were given for a batch of {batch_size}.")


def _declared(inputs: Any) -> tuple[InputSpec, ...]:
    """Return the inputs that are declared in records or words; none where `inputs` are data themselves."""
    items = (inputs,) if isinstance(inputs, str | InputSpec) else inputs
    if not isinstance(items, list | tuple) or not all(isinstance(item, str | InputSpec) for item in items):
        return ()
    return tuple(parse_input(item, "inputs") if isinstance(item, str) else item for item in items)


def _generate(generator: Callable[..., Any], batch_size: int) -> Any:
    try:
        signature = inspect.signature(generator)
    except (TypeError, ValueError):  # a built-in does not tell
        return generator(batch_size)
    for arguments in ((batch_size,), ()):
        try:
            signature.bind(*arguments)
        except TypeError:
            continue
        return generator(*arguments)
    raise MmiedError(
        f"input generator: {getattr(generator, '__name__', generator)}{signature} cannot be called with a batch size "
        "alone. Wrap it: lambda batch_size: …"
    )


def watch(
    work: Callable[[], Any], *, duration_seconds: float, interval_seconds: float, device: str
) -> tuple[Usage, int]:
    """Do `work` again while time remains, once at least; return what was used meanwhile and how often it was done."""
    require_device(device)
    calls = 0
    with usage.Sampler(interval_seconds, device=device) as sampler:
        ends = time.monotonic() + duration_seconds
        while not calls or time.monotonic() < ends:
            work()
            calls += 1
    return sampler.usage(), calls
