"""What a check of the host found, and what to do about it."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at. `advice` says what to do where it is not ok."""

    check: str
    state: State
    message: str
    advice: str | None = None


def ok(check: str, message: str) -> Finding:
    return Finding(check=check, state="ok", message=message)


def warning(check: str, message: str, advice: str) -> Finding:
    """Return what mmied can live with, at the cost that the message names."""
    return Finding(check=check, state="warning", message=message, advice=advice)


def failed(check: str, message: str, advice: str) -> Finding:
    """Return what keeps mmied from running, or a model from being profiled."""
    return Finding(check=check, state="failed", message=message, advice=advice)
