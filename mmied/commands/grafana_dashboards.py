"""The dashboards that mmied brings: where they are, and how they get into a folder."""

import os
from pathlib import Path

from mmied.commands.working import require_writable, unwritable
from mmied.errors import MmiedError

PACKAGE = Path(__file__).parents[1]
PLACES = (PACKAGE / "dashboards", PACKAGE.parent / "grafana" / "dashboards")  # of an installed wheel, of a checkout


def dashboard_files() -> list[Path]:
    """Return the dashboards' files, in the order of their names. Raises MmiedError where there are none."""
    for place in PLACES:
        files = sorted(place.glob("mmied-*.json"))
        if files:
            return files
    raise MmiedError(f"{PLACES[0]}: the dashboards are not there. Try: pip install --force-reinstall mmied")


def export(folder: Path) -> int:
    """Write the dashboards into `folder`, each whole or not at all: Grafana may be reading. Raises MmiedError."""
    require_writable(folder, "--output")
    for file in dashboard_files():
        path = folder / file.name
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            draft.write_bytes(file.read_bytes())
            draft.chmod(0o644)
            draft.replace(path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise unwritable(folder, "--output", error) from error
        print(path)
    return 0
