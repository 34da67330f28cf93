"""Say which files a model is opened from, and what opens their copies."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from mmied.records import Source

FILES = "files"  # in a copy's folder: the model's file, or what the model's folder held
MANIFEST = "manifest.json"  # of a folder that save_optimized wrote: it holds the hashes of the others


def files_of(source: Source) -> list[tuple[Path, str]]:
    """Return the files that a model is opened from, with the names that their copies get; of a factory its weights."""
    if source.kind == "factory":
        return [(Path(source.weights), Path(source.weights).name)] if source.weights is not None else []
    assert source.path is not None
    path = Path(source.path)
    if source.kind == "huggingface":
        weights = [*path.glob("*.safetensors")] or [*path.glob("*.bin")]
        return [(file, file.name) for file in sorted([*path.glob("*.json"), *weights])]
    if source.kind == "optimized":
        return [(file, str(file.relative_to(path))) for file in sorted(path.rglob("*")) if file.is_file()]
    return [(path, path.name)]


def kept_source(source: Source, digests: Mapping[str, str]) -> Source:
    """Return what opens copies with these names and hashes, relative to the folder that holds them.

    A file that is code carries its hash, by which it is trusted: it is that of the bytes that were loaded when the
    deployed file was.
    """
    if source.kind == "huggingface":
        return replace(source, path=FILES)
    if source.kind == "optimized":
        return replace(source, path=FILES, trust=f"sha256:{digests[MANIFEST]}")
    ((name, digest),) = digests.items()
    trust, place = f"sha256:{digest}", f"{FILES}/{name}"
    if source.kind == "factory":
        return replace(source, weights=place, trust=trust)
    return replace(source, path=place, trust=trust)


def placed(source: Source, folder: Path) -> Source:
    """Return a source that `kept_source` made, leading into `folder`."""
    return replace(
        source,
        path=str(folder / source.path) if source.path is not None else None,
        weights=str(folder / source.weights) if source.weights is not None else None,
    )
