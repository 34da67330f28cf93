"""Notice that a model's files changed on disk."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from mmied.config import Model
from mmied.identity import file_identity
from mmied.records import Source

MISSING = "missing"


class FileWatch:
    """Remembers what the files of each model were.

    A change is told once it has stood for two looks: a file that is being copied changes from look to look.
    """

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._pending: dict[str, str] = {}
        self._files: dict[str, tuple[Path, ...]] = {}
        self._sources: dict[str, Source] = {}

    def changed(self, models: Iterable[Model]) -> list[str]:
        """Return the names of the models whose files changed since the last look, and are there."""
        found = []
        for model in models:
            if self._sources.get(model.name) != model.spec.source:  # a new configuration's word, and no change on disk
                self._sources[model.name] = model.spec.source
                self._known.pop(model.name, None)
            self._files[model.name] = model_files(model.spec.source)
            now = " ".join(_identity_at(path) for path in self._files[model.name])
            known = self._known.setdefault(model.name, now)
            if now == known:
                self._pending.pop(model.name, None)
            elif self._pending.get(model.name) == now:
                self._known[model.name] = now
                del self._pending[model.name]
                if MISSING not in now:
                    found.append(model.name)
            else:
                self._pending[model.name] = now
        return found

    def still_is(self, name: str, digests: Mapping[str, str]) -> bool:
        """Tell whether the files whose digests a run took are all among the model's; true when it took none."""
        return digests.keys() <= set(self._known.get(name, "").split())

    def sizes_bytes(self) -> dict[str, int]:
        """Return the size of each model's files."""
        return {name: sum(_size_bytes(path) for path in paths) for name, paths in self._files.items()}


def model_files(source: Source) -> tuple[Path, ...]:
    """Return the files that a source is made of; a folder stands for itself as long as it holds none."""
    paths = [Path(path) for path in (source.path, source.weights) if path is not None]
    if source.kind == "huggingface":
        folder = paths[0]
        found = {*folder.glob("*.json"), *folder.glob("*.safetensors"), *folder.glob("*.bin")}
        return tuple(sorted(found)) or (folder,)
    return tuple(paths)


def missing_files(source: Source) -> tuple[Path, ...]:
    """Return those of a source's files that are not there."""
    return tuple(path for path in model_files(source) if not path.exists())


def _identity_at(path: Path) -> str:
    try:
        return file_identity(path.stat())
    except OSError:
        return MISSING


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
