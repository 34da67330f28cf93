"""Render a profile, a comparison or a search in the format that was asked for, and write it where it was asked for."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from mmied.codec import to_json
from mmied.errors import MmiedError
from mmied.optimization import Search
from mmied.profiles import ComparisonReport, Profile
from mmied.reports.comparison_page import comparison_html
from mmied.reports.profile_csv import comparison_csv, profile_csv
from mmied.reports.profile_markdown import comparison_markdown, profile_markdown
from mmied.reports.profile_page import profile_html
from mmied.reports.search_csv import search_csv
from mmied.reports.search_markdown import search_markdown
from mmied.reports.search_page import search_html
from mmied.results import ProfileResult

Record = TypeVar("Record", Profile, ComparisonReport, Search)

PROFILE_FORMATS: Mapping[str, Callable[[Profile], str]] = {
    "text": lambda profile: str(ProfileResult(profile)),
    "markdown": profile_markdown,
    "html": profile_html,
    "json": to_json,
    "csv": profile_csv,
}
COMPARISON_FORMATS: Mapping[str, Callable[[ComparisonReport], str]] = {
    "markdown": comparison_markdown,
    "html": comparison_html,
    "json": to_json,
    "csv": comparison_csv,
}
SEARCH_FORMATS: Mapping[str, Callable[[Search], str]] = {
    "markdown": search_markdown,
    "html": search_html,
    "json": to_json,
    "csv": search_csv,
}
SUFFIXES = {"text": ".txt", "markdown": ".md", "html": ".html", "json": ".json", "csv": ".csv"}


def render_profile(profile: Profile, format: str) -> str:
    """Return a report of a profile. Raises MmiedError for a format that is not known."""
    return _chosen(PROFILE_FORMATS, format)(profile)


def render_comparison(report: ComparisonReport, format: str) -> str:
    """Return a report of a comparison. Raises MmiedError for a format that is not known."""
    return _chosen(COMPARISON_FORMATS, format)(report)


def render_search(search: Search, format: str) -> str:
    """Return a report of a search. Raises MmiedError for a format that is not known."""
    return _chosen(SEARCH_FORMATS, format)(search)


def write_report(text: str, path: str | Path) -> Path:
    """Write a report; return its path. Raises MmiedError."""
    target = Path(path)
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise MmiedError(f"{target}: cannot be written: {error.strerror}. Give another path.") from error
    return target


def _chosen(formats: Mapping[str, Callable[[Record], str]], format: str) -> Callable[[Record], str]:
    word = {"md": "markdown", "txt": "text"}.get(format.lower(), format.lower())
    if word not in formats:
        raise MmiedError(f"format: {format} is not known. Known are {', '.join(formats)}.")
    return formats[word]
