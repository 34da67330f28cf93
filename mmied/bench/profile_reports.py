"""Report what was measured of a model: as text, as pages, as charts, as data."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmied.reports.profile_csv import profile_csv
from mmied.reports.profile_page import profile_html
from mmied.reports.writing import render_profile, write_report
from mmied.results import ProfileResult


class ProfileReports(ABC):
    """What a profiler offers to report its `result`."""

    @property
    @abstractmethod
    def result(self) -> ProfileResult:
        """All that was measured so far. Raises MmiedError where that is nothing."""

    def generate_report(self, format: str = "text", output_path: str | Path | None = None) -> str:
        """Return a report of all that was measured so far, as text, markdown, html, json or csv; write it if asked."""
        text = render_profile(self.result.profile, format)
        if output_path is not None:
            write_report(text, output_path)
        return text

    def plot_metrics(self, output_dir: str | Path | None = None, formats: Sequence[str] = ("png",)) -> dict[str, Any]:
        """Return matplotlib figures of all that was measured so far, by name; write them into `output_dir` if given."""
        from mmied.reports.pictures import draw_profile, save  # matplotlib is an extra

        figures = draw_profile(self.result.profile, flame=self.result.flame)
        if output_dir is not None:
            save(figures, output_dir, formats)
        return dict(figures)

    def generate_html_report(
        self,
        output_path: str | Path = "profiling_report.html",
        include_graphs: bool = True,
        include_details: bool = True,
    ) -> Path:
        """Write a report that is one interactive page, and return its path."""
        result = self.result
        text = profile_html(result.profile, result.flame, graphs=include_graphs, details=include_details)
        return write_report(text, output_path)

    def export_json(self, output_path: str | Path | None = None) -> str:
        """Return the whole record as JSON, which load_baseline reads again; write it if a path is given."""
        text = self.result.to_json()
        if output_path is not None:
            write_report(text, output_path)
        return text

    def export_csv(self, output_path: str | Path | None = None) -> str:
        """Return the metrics as CSV; write them if a path is given."""
        text = profile_csv(self.result.profile)
        if output_path is not None:
            write_report(text, output_path)
        return text
