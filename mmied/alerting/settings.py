"""What may differ from one Prometheus to the next, and filling it into the rules."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from string import Template

from mmied.alarms import DEFAULT_RUNBOOKS
from mmied.alerting.rules import Alert, Recording
from mmied.alerting.thresholds import THRESHOLDS
from mmied.errors import MmiedError

DEFAULT_JOB = "mmied"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The scrape job's name, thresholds other than the defaults, and where the runbooks are."""

    job: str = DEFAULT_JOB
    thresholds: Mapping[str, float] = field(default_factory=dict)
    runbooks: str = DEFAULT_RUNBOOKS

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\w.:/ -]+", self.job):
            raise MmiedError(
                f"--job: {self.job!r} cannot be a job of the rules: letters, digits and any of _ . : / - and spaces. "
                'Try "mmied".'
            )
        if not re.fullmatch(r"[^\s{}]+", self.runbooks):
            raise MmiedError(
                f'--runbook-url: {self.runbooks!r} is not an address. Try "https://wiki.example.org/mmied".'
            )


class _Template(Template):
    delimiter = "@"  # `$` is what Prometheus' own templates have


def _fill(text: str, settings: Settings) -> str:
    figures = {each.name: settings.thresholds.get(each.name, each.value) for each in THRESHOLDS}
    return _Template(text).substitute(
        {"job": settings.job} | {name: format(value, ".12g") for name, value in figures.items()}
    )


def expression_of(rule: Alert | Recording, settings: Settings) -> str:
    """Return the PromQL of a rule."""
    return _fill(rule.expression, settings).strip()


def annotations_of(alert: Alert, settings: Settings, *, with_detail: bool) -> dict[str, str]:
    """Return what an alert says: a fixed sentence, the figures, and where it is told what to do."""
    said = alert.description + (alert.detail if with_detail else "")
    return {
        "summary": alert.summary,
        "description": _fill(said, settings) + ".",
        "runbook_url": f"{settings.runbooks.rstrip('/')}/{alert.name}.md",
    }
