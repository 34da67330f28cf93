"""What a comparison of models found, as a mapping by model and as the record behind it."""

from collections.abc import Iterator, Mapping
from typing import Any

from mmied import formats
from mmied.codec import to_json
from mmied.profiles import ComparisonReport, PairedRatio, Variant
from mmied.reports.writing import render_comparison
from mmied.results import ProfileResult


class Comparison(Mapping[str, dict[str, Any]]):
    """By model: size, memory, latency and throughput as measured alone; speed-ups over the first as called in turn.

    `speedup_ratio` is of the largest batch size, with its interval; `ratios` has those of all. `report` is the record.
    """

    def __init__(self, report: ComparisonReport) -> None:
        self.report = report
        self._variants = {variant.name: variant for variant in report.variants}

    @property
    def baseline(self) -> str:
        return self.report.variants[0].name

    @property
    def ratios(self) -> tuple[PairedRatio, ...]:
        return self.report.ratios

    @property
    def notes(self) -> tuple[str, ...]:
        return self.report.notes

    def to_json(self) -> str:
        """Return the whole record as JSON."""
        return to_json(self.report)

    def to_markdown(self) -> str:
        """Return the report as Markdown."""
        return render_comparison(self.report, "markdown")

    def __getitem__(self, name: str) -> dict[str, Any]:
        variant = self._variants[name]
        if variant.profile is None:
            return {"failure": variant.failure}
        return self._figures(variant, ProfileResult(variant.profile))

    def __iter__(self) -> Iterator[str]:
        return iter(self._variants)

    def __len__(self) -> int:
        return len(self._variants)

    def __str__(self) -> str:
        lines = []
        for name in self:
            figures = self[name]
            ratio, interval = figures.get("speedup_ratio"), figures.get("speedup_interval")
            if figures.get("failure") is not None:
                lines.append(f"{name}: {figures['failure']}")
            elif ratio is not None and interval is not None:
                certain = "" if interval[0] > 1 or interval[1] < 1 else ", not told apart"
                spread = f"95 % interval {formats.digits(interval[0])} to {formats.digits(interval[1])}"
                lines.append(f"{name}: {formats.digits(ratio)} times as fast as {self.baseline} ({spread}{certain})")
            else:
                lines.append(f"{name}: {formats.seconds(figures['latency_seconds'])}")
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])

    def _figures(self, variant: Variant, result: ProfileResult) -> dict[str, Any]:
        profile = result.profile
        own = [ratio for ratio in self.report.ratios if ratio.variant == variant.name]
        ratio = max(own, key=lambda each: each.batch_size, default=None)
        return {
            "model_size_bytes": result.model_size_bytes,
            "parameters": result.parameters,
            "peak_memory_bytes": result.memory_bytes.peak,
            "latency_seconds": result.latency_seconds.p50 or result.latency_seconds.mean,
            "samples_per_second": result.throughput.samples_per_second,
            "accuracy": variant.accuracy.value if variant.accuracy else None,
            "speedup_ratio": ratio.speedup_ratio if ratio else (1.0 if variant.name == self.baseline else None),
            "speedup_interval": (ratio.lower, ratio.upper) if ratio else None,
            "batch_size": ratio.batch_size if ratio else result.batch_size,
            "failure": variant.failure,
            **profile.custom,
        }
