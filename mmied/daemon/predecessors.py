"""Keep the files of models as they ran, so that a changed one can be held against the one before.

A copy lies in a folder of its own, by model and revision, which appears under its final name only when it is whole.
Of each model there are two at most: the files that are deployed, and those before.
"""

import contextlib
import errno
import logging
import os
import shutil
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path

from mmied.codec import from_json, to_json
from mmied.daemon.kept_source import FILES, files_of, kept_source, placed
from mmied.daemon.private_copy import copy_file
from mmied.errors import MmiedError
from mmied.records import Run, Source
from mmied.regression import PREDECESSOR_FILE, PREDECESSOR_RESULT_FILE, Predecessor, PredecessorResult

log = logging.getLogger(__name__)

UNFINISHED = ".part"
SPENT = "compared"  # in a copy's folder: it was held against its successor
COPIES = 2  # of a model: the deployed one, and the one before
SPARE_BYTES = 1 << 30  # that stay free on the disk: the history lies there too
RETRY_SECONDS = 6 * 3600.0  # before a revision that could not be kept is tried again
REVISION_DIGITS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class _Copy:
    path: Path
    record: Predecessor
    ran_at: float  # when its model last ran with these files
    spent: bool


class Predecessors:
    """The kept files of all models of this host.

    `max_size_bytes` (0: nothing is kept) and `models` (those of the configuration) may be changed at any time and
    hold from the next call on. Threads may share it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        max_size_bytes: int,
        models: Collection[str] = (),
        free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free - SPARE_BYTES,
    ) -> None:
        self.max_size_bytes = max_size_bytes
        self.models = models
        self._folder = folder
        self._free_bytes = free_bytes
        self._lock = threading.Lock()
        self._refused: dict[str, tuple[str, float]] = {}  # by model: the revision, and when

    def keep(self, run: Run, source: Source) -> Predecessor | None:
        """Keep the files that `run` ran with, unless they are; None, with a line in the log, where that is refused.

        It reads the files once or twice: nothing for the daemon's loop.
        """
        if not self.max_size_bytes or run.outcome != "succeeded" or not run.revision or not files_of(source):
            return None
        with self._lock:
            final = self._path(run.model, run.revision)
            if (record := _read(final)) is not None:
                (final / SPENT).unlink(missing_ok=True)  # deployed again: it may be the one before once more
                os.utime(final, (run.ended_at, run.ended_at))
                return record
            refused, refused_at = self._refused.get(run.model, ("", 0.0))
            if refused == run.revision and 0 <= run.ended_at - refused_at < RETRY_SECONDS:
                return None
            try:
                record = self._keep(run, run.revision, source, final)
            except OSError as error:
                self._refused[run.model] = (run.revision, run.ended_at)
                why = f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error)
                extra = {"model": run.model, "revision": run.revision[:REVISION_DIGITS], "why": why}
                log.warning("predecessor_not_kept", extra=extra)
                return None
        log.info("predecessor_kept", extra={"model": run.model, "bytes": record.size_bytes})
        return record

    def before(self, model: str, revision: str | None) -> Predecessor | None:
        """Return what a model ran with before its files became `revision`, if that is kept."""
        others = [copy for copy in self._copies(model) if copy.record.revision != revision]
        return max(others, key=lambda copy: copy.ran_at).record if others else None

    def mark_compared(self, predecessor: Predecessor) -> None:
        """Note that a copy was held against its successor: from now on it goes first where room is wanted."""
        folder = self._path(predecessor.model, predecessor.revision)
        try:
            if folder.is_dir():
                ran_at = folder.stat().st_mtime
                (folder / SPENT).touch()
                os.utime(folder, (ran_at, ran_at))
        except OSError as error:
            log.warning("predecessor_not_marked", extra={"model": predecessor.model, "error": str(error)})
        self._refused.pop(predecessor.model, None)

    def prune(self) -> int:
        """Delete what nobody needs and what is too much; return how many copies that were.

        Nothing while files are being copied: who keeps the house has other things to do than to wait for that.
        """
        if not self._lock.acquire(blocking=False):
            return 0
        try:
            for unfinished in self._folder.glob(f"*/*{UNFINISHED}"):
                shutil.rmtree(unfinished, ignore_errors=True)
            dropped = [copy for copy in self._copies() if copy.record.model not in self.models]
            dropped += [copy for model in self.models for copy in self._older(model)[COPIES:]]
            left = [copy for copy in self._copies() if copy not in dropped]
            for copy in sorted(left, key=self._rank):
                if sum(each.record.size_bytes for each in left) <= self.max_size_bytes and self.max_size_bytes:
                    break
                left.remove(copy)
                dropped.append(copy)
            for copy in dropped:
                _delete(copy.path)
            return len(dropped)
        finally:
            self._lock.release()

    def _keep(self, run: Run, revision: str, source: Source, final: Path) -> Predecessor:
        files = files_of(source)
        self._make_room(run.model, sum(path.stat().st_size for path, _ in files))
        draft = final.with_name(final.name + UNFINISHED)
        shutil.rmtree(draft, ignore_errors=True)
        try:
            _make_private(draft / FILES)
            digests, size_bytes = {}, 0
            for path, name in files:
                target = draft / FILES / name
                _make_private(target.parent)
                copied = copy_file(path, target)
                if run.digests.get(copied.identity, copied.digest) != copied.digest:
                    raise OSError(errno.ESTALE, "is not what the run opened", str(path))
                digests[name] = copied.digest
                size_bytes += copied.size_bytes
            if not set(run.digests.values()) <= set(digests.values()):
                raise OSError(errno.ESTALE, "its files are not those that the run opened any more")
            record = Predecessor(
                model=run.model,
                revision=revision,
                kept_at=run.ended_at,
                source=kept_source(source, digests),
                size_bytes=size_bytes,
            )
            (draft / PREDECESSOR_FILE).write_text(to_json(record))
            os.utime(draft, (run.ended_at, run.ended_at))
            draft.replace(final)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        return replace(record, source=placed(record.source, final))

    def _make_room(self, model: str, size_bytes: int) -> None:
        """Delete what the copy that comes makes needless, and spent ones. Raises OSError where that is too little."""
        for copy in self._older(model)[COPIES - 1 :]:
            _delete(copy.path)
        copies = self._copies()
        taken = sum(copy.record.size_bytes for copy in copies)
        for copy in sorted((copy for copy in copies if copy.spent), key=lambda copy: copy.ran_at):
            if taken + size_bytes <= self.max_size_bytes:
                break
            _delete(copy.path)
            taken -= copy.record.size_bytes
        if taken + size_bytes > self.max_size_bytes:
            raise OSError(
                errno.EDQUOT,
                f"{_said(size_bytes)} are more than `regressions.keep_previous` leaves: "
                f"{_said(max(0, self.max_size_bytes - taken))} of {_said(self.max_size_bytes)}",
            )
        _make_private(self._folder / model)
        if self._free_bytes(self._folder) < size_bytes:
            raise OSError(errno.ENOSPC, f"the disk of {self._folder} has no room for {_said(size_bytes)}")

    def _rank(self, copy: _Copy) -> tuple[int, float]:
        """Return what sorts copies, the most dispensable first: spent ones, then those before, then the deployed."""
        deployed = self._older(copy.record.model)[0].path == copy.path
        return (2 if deployed else 0 if copy.spent else 1), copy.ran_at

    def _older(self, model: str) -> list[_Copy]:
        """Return the copies of a model, that which ran last first."""
        return sorted(self._copies(model), key=lambda copy: copy.ran_at, reverse=True)

    def _copies(self, model: str = "*") -> list[_Copy]:
        found = []
        for path in self._folder.glob(f"{model}/*"):
            record = None if path.name.endswith(UNFINISHED) else _read(path)
            if record is None:
                continue
            with contextlib.suppress(OSError):  # it is being deleted
                ran_at = path.stat().st_mtime
                found.append(_Copy(path=path, record=record, ran_at=ran_at, spent=(path / SPENT).exists()))
        return found

    def _path(self, model: str, revision: str) -> Path:
        return self._folder / model / revision[:REVISION_DIGITS]


def give_order(predecessor: Predecessor, folder: Path) -> None:
    """Write what a job compares the deployed model with into the job's folder, which is made. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PREDECESSOR_FILE).write_text(to_json(predecessor))


def take_result(run: Run, folder: Path) -> PredecessorResult | None:
    """Return what came of a comparison; None for any other run, or one that did not come to its end."""
    if run.kind != "compare" or run.outcome != "succeeded":
        return None
    try:
        return from_json(PredecessorResult, (folder / PREDECESSOR_RESULT_FILE).read_bytes())
    except (OSError, MmiedError) as error:
        log.error("predecessor_result_unreadable", extra={"run_id": run.run_id, "error": str(error)})
        return None


def _read(folder: Path) -> Predecessor | None:
    try:
        record = from_json(Predecessor, (folder / PREDECESSOR_FILE).read_bytes())
    except (OSError, MmiedError):
        return None
    return replace(record, source=placed(record.source, folder))


def _make_private(folder: Path) -> None:
    """Make a folder, and those above it that are not there, for us alone."""
    if not folder.is_dir():
        _make_private(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def _delete(folder: Path) -> None:
    """Delete a copy; its record goes first, so that half of one is none."""
    (folder / PREDECESSOR_FILE).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):
        folder.parent.rmdir()  # where it was the last of its model


def _said(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB"
