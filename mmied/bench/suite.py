"""Benchmark several models side by side from Python. Torch is imported with the first model."""

import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmied import __version__
from mmied.bench.comparison import Comparison
from mmied.bench.dataset_file import find_dataset
from mmied.bench.profiler import BATCH_SIZES, ModelProfiler
from mmied.errors import MmiedError
from mmied.profiles import Accuracy, ComparisonReport, PairedRatio, Variant
from mmied.reports.writing import SUFFIXES, render_comparison, write_report
from mmied.results import ProfileResult

if TYPE_CHECKING:
    from mmied.bench.subject import Subject

TURN_SECONDS = 20.0  # of calling in turn, for each batch size


@dataclass(slots=True)
class _Entry:
    """One model of a suite, and what is known of it."""

    name: str
    model: Any
    inputs: Any
    batch_sizes: Sequence[int]
    profiler: ModelProfiler | None = None
    result: ProfileResult | None = None
    failure: str | None = None
    accuracy: Accuracy | None = None

    @property
    def subject(self) -> "Subject":
        assert self.profiler is not None
        return self.profiler.subject


class ModelBenchmarkSuite:
    """Measures models one after the other, then compares them with their calls in turn; the first is the baseline.

    `models` are modules or paths, or such by name. Their inputs come of `input_generator`, or of what `profiler` last
    profiled them with; models that take others are added with their own. A subclass that has
    `measure_custom_metric(self, model, device)` adds what that returns as a column.
    """

    def __init__(
        self,
        models: Mapping[str, Any] | Sequence[Any] | None = None,
        profiler: ModelProfiler | None = None,
        *,
        input_generator: Any = None,
        batch_sizes: Sequence[int] = BATCH_SIZES,
        num_runs: int | None = None,
        warmup_runs: int | None = None,
        detailed_analysis: bool = False,
        device: str | None = None,
        precision: str | None = None,
        limit_seconds: float = 5.0,
    ) -> None:
        self._profiler = profiler
        self._inputs = input_generator
        self._batch_sizes = tuple(batch_sizes)
        self._runs: dict[str, Any] = {
            "num_runs": num_runs,
            "warmup_runs": warmup_runs,
            "detailed_analysis": detailed_analysis,
        }
        self._options: dict[str, Any] = {"device": device, "precision": precision, "limit_seconds": limit_seconds}
        self._entries: dict[str, _Entry] = {}
        self._comparison: Comparison | None = None
        if isinstance(models, Mapping):
            for name, model in models.items():
                self.add_model(model, name)
        else:
            for model in models or ():
                self.add_model(model)

    @property
    def results(self) -> dict[str, ProfileResult]:
        """What was measured so far, by name."""
        return {name: entry.result for name, entry in self._entries.items() if entry.result is not None}

    @property
    def failures(self) -> dict[str, str]:
        """Why models have no figures, by name."""
        return {name: entry.failure for name, entry in self._entries.items() if entry.failure is not None}

    def add_model(
        self,
        model: Any,
        name: str | None = None,
        input_generator: Any = None,
        *,
        batch_sizes: Sequence[int] | None = None,
    ) -> None:
        """Add a model for `run` to measure. Without a name it is called by its class or file, numbered if need be."""
        if name is not None and name in self._entries:
            raise MmiedError(f"name: {name} is in the suite already. Give each model a name of its own.")
        called = name or self._free_name(Path(model).stem if isinstance(model, str | Path) else type(model).__name__)
        self._comparison = None
        self._entries[called] = _Entry(
            name=called,
            model=model,
            inputs=input_generator,
            batch_sizes=tuple(batch_sizes or self._batch_sizes),
        )

    def benchmark_model(
        self,
        model: Any,
        input_generator: Any = None,
        batch_sizes: Sequence[int] | None = None,
        name: str | None = None,
    ) -> ProfileResult:
        """Add a model, and measure it now at each batch size. Raises MmiedError where it fails at all of them."""
        before = set(self._entries)
        self.add_model(model, name, input_generator, batch_sizes=batch_sizes)
        entry = next(entry for called, entry in self._entries.items() if called not in before)
        self._measure(entry)
        if entry.result is None:
            del self._entries[entry.name]
            raise MmiedError(entry.failure or f"{entry.name}: nothing was measured")
        return entry.result

    def run(self) -> dict[str, ProfileResult]:
        """Measure what was not measured yet, and return all results by name.

        A model that fails has a sentence in `failures`; raises MmiedError where all of them do.
        """
        if not self._entries:
            raise MmiedError("the suite has no models. Add some with add_model(model, input_generator=…).")
        for entry in self._entries.values():
            if entry.result is None:
                self._measure(entry)
        if not self.results:
            raise MmiedError(" ".join(self.failures.values()))
        return self.results

    def compare_optimizations(self, *, num_runs: int = 100, limit_seconds: float = TURN_SECONDS) -> Comparison:
        """Hold all models against the first, with their calls in turn, at the batch sizes that they share.

        What was not measured yet is measured first. A speed-up has an interval; where it holds 1 the two cannot be
        told apart. Raises MmiedError for fewer than two models.
        """
        if len(self._entries) < 2:
            raise MmiedError("there is nothing to compare: the suite has fewer than two models.")
        self.run()
        from mmied.bench.turns import take_turns  # torch comes with it

        shared = set.intersection(*(set(entry.batch_sizes) for entry in self._entries.values()))
        measured = {
            name: (entry.subject, self._inputs_of(entry))
            for name, entry in self._entries.items()
            if entry.result is not None
        }
        turns = take_turns(measured, sorted(shared), num_runs=num_runs, limit_seconds=limit_seconds)
        notes = list(turns.notes)
        if not shared:
            notes.append("the models share no batch size, so that no speed-up was measured")
        for name, failure in turns.failures.items():
            self._entries[name].failure = failure
        self._comparison = Comparison(self._report(turns.ratios, notes))
        return self._comparison

    def generate_report(
        self, format: str | Sequence[str] = "markdown", output_dir: str | Path | None = None, *, pictures: bool = False
    ) -> str:
        """Return a report of all models as markdown, html, json or csv; write it into `output_dir` if given.

        Of several formats all are written and the first is returned. With `pictures` charts are written too. What was
        not measured yet is measured first; speed-ups are in it after `compare_optimizations`.
        """
        self.run()
        report = self._comparison.report if self._comparison is not None else self._report([], [])
        formats = [format] if isinstance(format, str) else list(format)
        texts = [render_comparison(report, each) for each in formats]
        if output_dir is not None:
            folder = _folder(output_dir)
            for each, text in zip(formats, texts, strict=True):
                write_report(text, folder / f"benchmark_report{SUFFIXES[each.lower()]}")
            if pictures:
                self.plot_comparison(folder)
        return texts[0]

    def plot_comparison(
        self, output_dir: str | Path | None = None, formats: Sequence[str] = ("png",)
    ) -> dict[str, Any]:
        """Return matplotlib charts of all models, by name; write them into `output_dir` if given."""
        from mmied.reports.pictures import draw_comparison, save  # matplotlib is an extra

        report = self._comparison.report if self._comparison is not None else self._report([], [])
        figures = draw_comparison(report)
        if output_dir is not None:
            save(figures, output_dir, formats)
        return dict(figures)

    def measure_custom_metric(self, model: Any, device: str) -> Any:
        """Return a figure of the user's own, or several by name: for subclasses. None adds no column.

        It is called once for each model, after it was measured, with the model as it is served.
        """
        return None

    # Within

    def _free_name(self, name: str) -> str:
        number = 1
        while (called := name if number == 1 else f"{name} {number}") in self._entries:
            number += 1
        return called

    def _inputs_of(self, entry: _Entry) -> Any:
        if entry.inputs is not None:
            return entry.inputs
        known = self._profiler.inputs_of(entry.model) if self._profiler is not None else None
        return known if known is not None else self._inputs

    def _measure(self, entry: _Entry) -> None:
        """Measure one model; what goes wrong is its failure, and the others go on."""
        entry.failure = None
        try:
            entry.profiler = self._profiler_of(entry)
            entry.result = entry.profiler.profile_at(entry.batch_sizes, self._inputs_of(entry), **self._runs)
        except Exception as error:  # noqa: BLE001 - a model raises what it likes, and the others go on
            entry.failure = str(error) if isinstance(error, MmiedError) else f"{type(error).__name__}: {error}"
            return
        entry.result = self._with_custom(entry, entry.result)

    def _profiler_of(self, entry: _Entry) -> ModelProfiler:
        if self._profiler is not None:
            return self._profiler.for_model(entry.model, name=entry.name)
        return ModelProfiler(entry.model, name=entry.name, **self._options)

    def _with_custom(self, entry: _Entry, result: ProfileResult) -> ProfileResult:
        if type(self).measure_custom_metric is ModelBenchmarkSuite.measure_custom_metric:
            return result
        notes = result.profile.notes
        figures: Mapping[str, Any] = {}
        try:
            with entry.subject.served(self._inputs_of(entry)) as (model, device):
                found = self.measure_custom_metric(model, device)
            figures = found if isinstance(found, Mapping) else {} if found is None else {"custom_metric": found}
        except Exception as error:  # noqa: BLE001 - the user's own code raises what it likes
            notes = (*notes, f"measure_custom_metric: {type(error).__name__}: {error}")
        custom = {**result.profile.custom, **{str(name): _plain(value) for name, value in figures.items()}}
        return ProfileResult(replace(result.profile, custom=custom, notes=notes), result.flame)

    def _report(self, ratios: Sequence[PairedRatio], notes: Sequence[str]) -> ComparisonReport:
        results = self.results
        first = next(iter(results.values()))
        return ComparisonReport(
            mmied_version=__version__,
            host=socket.gethostname(),
            device=first.device,
            at=time.time(),
            variants=tuple(
                Variant(
                    name=name,
                    profile=entry.result.profile if entry.result is not None else None,
                    accuracy=entry.accuracy,
                    failure=entry.failure,
                )
                for name, entry in self._entries.items()
            ),
            ratios=tuple(ratios),
            dataset=self._dataset_name(),
            notes=tuple(notes),
        )

    def _dataset_name(self) -> str | None:
        return None


class ModelBenchmark(ModelBenchmarkSuite):
    """Benchmarks variants of one model on a data set: size, parameters, memory, accuracy, latency and throughput.

    `models` are paths or modules by name, or "original:a.pt,quantized:b.pt2"; the first is the baseline. `dataset` is
    a .npz or .safetensors file, or a folder that holds one: its arrays are the inputs, and one called labels, targets
    or y what outputs are held against. `run` measures single samples and batches of `batch_size`, compares the
    models in turn, and writes the report into `save_dir`.
    """

    def __init__(
        self,
        models: Mapping[str, Any] | Sequence[Any] | str,
        dataset: str | Path | None = None,
        batch_size: int = 32,
        num_runs: int = 100,
        save_dir: str | Path | None = "benchmark_results",
        *,
        input_generator: Callable[[int], Any] | Any = None,
        report_format: str | Sequence[str] = "markdown",
        device: str | None = None,
        limit_seconds: float = 5.0,
    ) -> None:
        self._dataset_path = find_dataset(Path(dataset), option="dataset") if dataset is not None else None
        self._dataset: Any = None
        self._batch_size, self._turn_runs = batch_size, num_runs
        self._save_dir, self._report_format = save_dir, report_format
        super().__init__(
            _named(models) if isinstance(models, str) else models,
            input_generator=input_generator,
            batch_sizes=tuple(dict.fromkeys((1, batch_size))),
            device=device,
            limit_seconds=limit_seconds,
        )

    def run(self) -> dict[str, ProfileResult]:
        """Measure all models, alone and in turn, and write the report. Returns the results by name."""
        if self._dataset_path is not None and self._dataset is None:
            from mmied.bench.dataset import read_dataset  # torch comes with it

            self._dataset = read_dataset(str(self._dataset_path))
            self._inputs = self._dataset
        fresh = [entry for entry in self._entries.values() if entry.result is None]
        results = super().run()
        if not fresh:
            return results
        for entry in fresh:
            self._hold_against_labels(entry)
        if len(results) > 1:
            self.compare_optimizations(num_runs=self._turn_runs)
        if self._save_dir is not None:
            self.generate_report(self._report_format, self._save_dir)
        return self.results

    def _hold_against_labels(self, entry: _Entry) -> None:
        if self._dataset is None or self._dataset.labels is None or entry.result is None:
            return
        from mmied.bench.turns import measure_accuracy  # torch comes with it

        try:
            entry.accuracy = measure_accuracy(entry.subject, self._dataset, self._batch_size)
        except Exception as error:  # noqa: BLE001 - a model raises what it likes; its times stand all the same
            profile = replace(entry.result.profile, notes=(*entry.result.profile.notes, f"no accuracy: {error}"))
            entry.result = ProfileResult(profile, entry.result.flame)

    def _dataset_name(self) -> str | None:
        return self._dataset_path.name if self._dataset_path is not None else None


def _named(text: str) -> dict[str, str]:
    models = {}
    for word in text.split(","):
        name, colon, path = word.strip().partition(":")
        if not colon or not path:
            raise MmiedError(f'models: "{word.strip()}" is not NAME:FILE. Try "original:a.pt,quantized:b.pt2".')
        models[name] = path
    return models


def _folder(path: str | Path) -> Path:
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MmiedError(f"{folder}: cannot be made: {error.strerror}. Give another folder.") from error
    return folder


def _plain(value: Any) -> float | int | str | None:
    """Return a figure that JSON has a word for: of a tensor or an array of one element that element."""
    value = value.item() if hasattr(value, "item") else value
    return value if isinstance(value, float | int | str) or value is None else str(value)
