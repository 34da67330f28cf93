"""Put a report together as one HTML file that needs nothing besides itself."""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup, escape

from mmied.reports import words
from mmied.reports.charts.usage import moved_nothing
from mmied.reports.kinds import colour_of
from mmied.reports.plotly_script import packed_plotly
from mmied.reports.templating import HERE, STATIC, environment

TEMPLATES = HERE / "templates"
STYLES = (STATIC / "look.css", STATIC / "tables.css", STATIC / "search.css", TEMPLATES / "report.css")
SCRIPTS = (*(STATIC / name for name in ("sections.js", "tables.js", "frames.js", "paper.js")), TEMPLATES / "report.js")


def render(template: str, *, charts: bool, **context: Any) -> str:
    """Return the page of `template`, with the script that draws charts where it has any."""
    packed = packed_plotly() if charts else None
    return (
        _environment()
        .get_template(template)
        .render(
            style=Markup("".join(map(_read, STYLES))),
            script=Markup("".join(map(_read, SCRIPTS))),
            charts_script=Markup((_read(TEMPLATES / "unpack.js") if packed else "") + _read(STATIC / "charts.js"))
            if charts
            else None,
            plotly=Markup(packed) if packed else None,
            **context,
        )
    )


@cache
def _environment() -> Environment:
    return with_report_words(environment())


def with_report_words(env: Environment) -> Environment:
    """Return `env` with the filters and tests that templates of reports need; the daemon's pages use their macros."""
    env.filters |= {
        "share": _percent_of,
        "calls": _calls,
        "sentence": words.sentence,
        "coded": _coded,
        "colour": colour_of,
    }
    env.tests["idle"] = moved_nothing
    return env


@cache
def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _percent_of(ratio: float | None) -> str:
    """Return a ratio as CSS takes a width."""
    return f"{100 * min(max(ratio or 0.0, 0.0), 1.0):.1f}%"


def _coded(text: str) -> Markup:
    """Return `text` with what stands between backticks as code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # one of them has no partner
        return escape(text)
    return Markup("").join(Markup("<code>{}</code>").format(part) if at % 2 else part for at, part in enumerate(parts))


def _calls(mean: float) -> str:
    """Return how often something was called in the mean: 1, 17, 0.5."""
    return f"{mean:,.4g}"
