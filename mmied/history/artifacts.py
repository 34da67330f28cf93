"""Keep the files of inspections in a folder each beside the history, by age and size.

An inspection's folder appears under its final name only when it is whole. Whatever stops us half-way, doing the same
again ends it.
"""

import shutil
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

INSPECTION_FILE, FLAME_FILE, TRACE_FILE = "inspection.json", "flamegraph.json", "trace.json.gz"
FILES = (INSPECTION_FILE, FLAME_FILE, TRACE_FILE)
MODEL_FILE = "model"  # holds the model's name
UNFINISHED = ".part"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """The files of one inspection."""

    path: Path
    model: str
    at: float
    size_bytes: int


class Artifacts:
    """The files of all inspections of this host.

    `retention_seconds`, `max_size_bytes`, `models` (those of the configuration) and `evidence` (the runs that active
    regressions rest on) may be changed at any time and hold from the next `prune` on. Threads may share it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        retention_seconds: float,
        max_size_bytes: int,
        models: Collection[str] = (),
    ) -> None:
        self.retention_seconds = retention_seconds
        self.max_size_bytes = max_size_bytes
        self.models = models
        self.evidence: Collection[str] = ()
        self._folder = folder

    def keep(self, run_id: str, model: str, folder: Path) -> Mapping[str, int]:
        """Move the files of an inspection out of its run's `folder`; return the names and bytes of all that are kept.

        Raises OSError where that cannot be done; what was moved is found again by the next call.
        """
        final = self._folder / run_id
        if not final.is_dir():
            draft = self._folder / (run_id + UNFINISHED)
            found = [folder / name for name in FILES if (folder / name).is_file()]
            if not found and not draft.is_dir():
                return {}
            draft.mkdir(parents=True, exist_ok=True)
            (draft / MODEL_FILE).write_text(model)
            for path in found:
                path.replace(draft / path.name)
            draft.replace(final)
        return {path.name: path.stat().st_size for path in sorted(final.iterdir()) if path.name in FILES}

    def file(self, run_id: str, name: str) -> Path | None:
        """Return where a file of an inspection lies, or None where it is not here (any more)."""
        # Both come from an address, and must not lead elsewhere.
        if name not in FILES or not run_id or Path(run_id).name != run_id:
            return None
        path = self._folder / run_id / name
        return path if path.is_file() else None

    def clear_unfinished(self) -> None:
        """Delete what no run will come back to: for the start, when all runs of the last life are accounted for."""
        for path in self._folder.glob(f"*{UNFINISHED}"):
            shutil.rmtree(path, ignore_errors=True)

    def prune(self, now: float | None = None) -> int:
        """Delete what is too old, then the oldest of what is too much; return how many inspections' files it were.

        The newest of each configured model, and evidence, go by size alone, and after all others.
        """
        now = time.time() if now is None else now
        kept = sorted((found for path in self._folder.glob("*") if (found := _look_at(path))), key=lambda one: one.at)
        newest = {one.model: one.path for one in kept if one.model in set(self.models)}
        last = [one for one in kept if newest.get(one.model) == one.path or one.path.name in set(self.evidence)]
        spare = [one for one in kept if one not in last]
        too_old = [one for one in spare if one.at < now - self.retention_seconds]
        size = sum(one.size_bytes for one in kept) - sum(one.size_bytes for one in too_old)
        dropped = list(too_old)
        others = [one for one in spare if one not in too_old]
        for one in (*others, *last):
            if size <= self.max_size_bytes:
                break
            size -= one.size_bytes
            dropped.append(one)
        for one in dropped:
            shutil.rmtree(one.path, ignore_errors=True)
        return len(dropped)


def _look_at(path: Path) -> _Kept | None:
    """Return what a folder holds; None for one that is just being made or deleted."""
    if path.name.endswith(UNFINISHED):
        return None
    try:
        model = (path / MODEL_FILE).read_text() if (path / MODEL_FILE).exists() else ""
        sizes = [entry.stat().st_size for entry in path.iterdir()]
        return _Kept(path=path, model=model, at=path.stat().st_mtime, size_bytes=sum(sizes))
    except OSError:
        return None
