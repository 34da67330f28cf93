"""Render the templates with the words and units that the pages use."""

import hashlib
from importlib.util import find_spec
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mmied.catalog import QUANTILES
from mmied.web import formats, words

HERE = Path(__file__).parent
STATIC = HERE / "static"
FILTERS = (
    formats.clock,
    formats.count,
    formats.duration,
    formats.fact,
    formats.hertz,
    formats.iso,
    formats.percent,
    formats.rate,
    formats.relative,
    formats.seconds,
    formats.size,
    words.phase,
    words.plain,
    words.quantile_name,
    words.reason,
    words.withheld,
    words.workload,
)


def environment() -> Environment:
    """Return Jinja's environment: everything is escaped, and a name that is not there is a mistake."""
    env = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    env.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    env.filters |= {say.__name__: say for say in FILTERS}
    env.globals |= {
        "QUANTILES": tuple(map(str, QUANTILES)),
        "SYMBOLS": words.SYMBOLS,
        "ESTIMATORS": words.ESTIMATORS,
        "ESTIMATORS_EXPLAINED": words.ESTIMATORS_EXPLAINED,
        "asset": _addresses().__getitem__,
    }
    return env


def plotly_file() -> Path | None:
    """Return where plotly's script lies in its Python package, which is not imported; None where it is missing."""
    spec = find_spec("plotly")
    if spec is None or spec.origin is None:
        return None
    script = Path(spec.origin).parent / "package_data" / "plotly.min.js"
    return script if script.is_file() else None


def _addresses() -> dict[str, str]:
    """Return the address of each static file, which changes with its content so that it may be kept for ever."""
    addresses = {
        file.name: f"/static/{file.name}?v={hashlib.sha256(file.read_bytes()).hexdigest()[:12]}"
        for file in STATIC.iterdir()
        if file.is_file()
    }
    script = plotly_file()
    if script is not None:
        found = script.stat()  # its 4.8 MB are not read at start
        addresses[script.name] = f"/static/{script.name}?v={found.st_size:x}-{found.st_mtime_ns:x}"
    else:
        addresses["plotly.min.js"] = "/static/plotly.min.js"
    return addresses
