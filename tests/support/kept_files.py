"""Model files that are deployed one after another, and what is kept of them."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from builders import make_run

from mmied.daemon.predecessors import Predecessors
from mmied.identity import file_identity
from mmied.records import Run, Source
from mmied.regression import PREDECESSOR_FILE

MODELS = ("ranker", "other")


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def deploy(path: Path, content: bytes) -> Path:
    """Overwrite a file in place, as a careless deployment does."""
    path.write_bytes(content)
    return path


def a_run(number: int, *files: Path, model: str = "ranker", **changes: Any) -> Run:
    """A success with these files; its revision is what they hold."""
    digests = {file_identity(path.stat()): digest_of(path) for path in files}
    revision = hashlib.sha256("".join(digests.values()).encode()).hexdigest()
    return make_run(number, model, **{"digests": digests, "revision": revision, **changes})


def torchscript(path: Path) -> Source:
    return Source(kind="torchscript", path=str(path))


def keep(kept: Predecessors, number: int, path: Path, content: bytes, model: str = "ranker") -> Run:
    """Deploy, run and keep."""
    run = a_run(number, deploy(path, content), model=model)
    kept.keep(run, torchscript(path))
    return run


def later(run: Run, seconds: float) -> Run:
    return replace(run, run_id="later", ended_at=run.ended_at + seconds)


def revisions(folder: Path, model: str = "ranker") -> list[str]:
    """Return what is kept of a model, the oldest first."""
    whole = [path.parent for path in folder.glob(f"{model}/*/{PREDECESSOR_FILE}")]
    return [path.name for path in sorted(whole, key=lambda path: path.stat().st_mtime)]


def short(*runs: Run) -> list[str]:
    return [(run.revision or "")[:12] for run in runs]
