"""Write figures as files."""

import re
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from mmied.errors import MmiedError

# Without dates and random names: the same figures give the same files.
METADATA: Mapping[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
}
# Text stays text in SVG, to be searched and read aloud. These two can only be set globally; they are, while a file is
# written, and set back.
SETTINGS: Any = {"svg.hashsalt": "mmied", "svg.fonttype": "none"}


def save(
    figures: Mapping[str, Figure] | Figure, folder: str | PathLike[str], formats: Sequence[str] = ("png",)
) -> list[Path]:
    """Write each figure once for each of `formats` (png, svg, pdf) into `folder`, and return the files.

    A file is named after its figure; a lone figure's is "picture". The folder is made if it is not there.
    """
    wanted = [formats] if isinstance(formats, str) else list(formats)
    for name in wanted:
        if name not in METADATA:
            raise MmiedError(f'"{name}" is not a format that pictures are written in. Try {", ".join(METADATA)}.')
    target = Path(folder)
    files = []
    try:
        target.mkdir(parents=True, exist_ok=True)
        with matplotlib.rc_context(SETTINGS):
            for title, figure in ({"picture": figures} if isinstance(figures, Figure) else figures).items():
                for name in wanted:
                    path = target / f"{file_name(title)}.{name}"
                    figure.savefig(path, format=name, metadata=METADATA[name])
                    files.append(path)
    except OSError as error:
        raise MmiedError(
            f"cannot write pictures into {target}: {error.strerror or error}. Try another folder."
        ) from error
    return files


def file_name(title: str) -> str:
    """Return a title as the name of a file that every system takes."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", title).strip("._") or "picture"
