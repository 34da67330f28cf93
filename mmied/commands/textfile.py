"""Write the exposition to a file, as node_exporter's textfile collector reads it."""

import logging
import os
from pathlib import Path

from mmied.daemon.exporter import Exporter

log = logging.getLogger(__name__)


def write_textfile(exporter: Exporter, path: Path) -> bool:
    """Write all metrics to `path`, whole or not at all; a file that cannot be written is logged and told as False."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_bytes(exporter.render(openmetrics=False))
        draft.chmod(0o644)
        draft.replace(path)
    except OSError as error:
        log.error("textfile_not_written", extra={"path": str(path), "error": str(error)})
        draft.unlink(missing_ok=True)
        return False
    return True
