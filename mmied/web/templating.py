"""Render the templates of the pages, and tell where their static files are."""

import hashlib
from pathlib import Path

from jinja2 import Environment

from mmied.reports import templating
from mmied.reports.page import with_report_words
from mmied.reports.plotly_script import plotly_file

HERE = Path(__file__).parent
STATIC = HERE / "static"
SHARED = ("mmied.reports", "static")  # package and folder: the look, the charts and the tables are those of the reports


def environment() -> Environment:
    """Return Jinja's environment of the pages."""
    env = with_report_words(templating.environment(HERE / "templates"))
    env.globals |= {"asset": _addresses().__getitem__}
    for template in (HERE / "templates").iterdir():
        env.get_template(template.name)  # now: what compiling takes for a moment is used again by what comes later
    return env


def _addresses() -> dict[str, str]:
    """Return the address of each static file, which changes with its content so that it may be kept for ever."""
    addresses = {
        file.name: f"/static/{file.name}?v={hashlib.sha256(file.read_bytes()).hexdigest()[:12]}"
        for file in (*STATIC.iterdir(), *templating.STATIC.iterdir())
        if file.is_file()
    }
    script = plotly_file()
    if script is not None:
        found = script.stat()  # its 4.8 MB are not read at start
        addresses[script.name] = f"/static/{script.name}?v={found.st_size:x}-{found.st_mtime_ns:x}"
    else:
        addresses["plotly.min.js"] = "/static/plotly.min.js"
    return addresses
