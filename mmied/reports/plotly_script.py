"""Find the script of the plotly package, which is not imported, and pack it so that a page can carry it."""

import base64
import gzip
from functools import cache
from importlib.util import find_spec
from pathlib import Path

LEVEL = 6  # the highest takes a third longer and saves 3 kB


def plotly_file() -> Path | None:
    """Return where plotly's script lies in its Python package; None where it is missing."""
    spec = find_spec("plotly")
    if spec is None or spec.origin is None:
        return None
    script = Path(spec.origin).parent / "package_data" / "plotly.min.js"
    return script if script.is_file() else None


@cache
def packed_plotly() -> str | None:
    """Return the script as base64 of gzip, 2 MB instead of 5, which a page unpacks; None where it is missing."""
    script = plotly_file()
    return None if script is None else base64.b64encode(gzip.compress(script.read_bytes(), LEVEL, mtime=0)).decode()
