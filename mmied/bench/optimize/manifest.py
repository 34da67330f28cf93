"""What stands beside a saved model: what it is, how it was made, with which versions, and the hash of each file."""

import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from mmied import __version__, codec
from mmied.bench.optimize.recipe import Recipe
from mmied.errors import MmiedError, ModelError

NAME = "manifest.json"
VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedFile:
    """One file of a saved model."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A saved model. `facts` are what its format needs besides the files; `evidence` is what was measured of it."""

    version: int = VERSION
    format: str  # "pickle", "onnx", … of mmied.bench.optimize.formats
    recipe: Recipe
    versions: Mapping[str, str]  # of python, mmied and the packages of the recipe
    files: Mapping[str, SavedFile]
    facts: Mapping[str, Any] = field(default_factory=dict)
    evidence: Mapping[str, Any] = field(default_factory=dict)


def current_versions(packages: tuple[str, ...]) -> dict[str, str]:
    """Return the versions that a saved model depends on."""
    versions = {"python": platform.python_version(), "mmied": __version__}
    for package in packages:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "unknown"
    return versions


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest into `folder`, for people to read as well."""
    text = json.dumps(json.loads(codec.to_json(manifest)), indent=2)
    (folder / NAME).write_text(f"{text}\n")


def read_manifest(text: str, where: Path) -> Manifest:
    """Return the manifest that `text` holds. Raises ModelError where it is none, or of a later version."""
    try:
        found = json.loads(text).get("version")
        if found != VERSION:
            raise ModelError(f"{where}: is a manifest of version {found}, and this mmied reads version {VERSION}")
        return codec.from_json(Manifest, text)
    except (ValueError, AttributeError, MmiedError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"{where}: is no manifest of a saved model: {error}") from error


def check_packages(manifest: Manifest, where: Path) -> tuple[str, ...]:
    """Return how versions differ from those that the model was made with. Raises ModelError for what is missing."""
    now = current_versions(manifest.recipe.packages)
    missing = [
        f"{name} {manifest.versions.get(name, '')}" for name in manifest.recipe.packages if now[name] == "unknown"
    ]
    if missing:
        raise ModelError(f"{where}: needs {', '.join(missing)}, which is not installed here")
    return tuple(
        f"made with {name} {then}, loaded with {now[name]}"
        for name, then in manifest.versions.items()
        if name in manifest.recipe.packages and now[name] != then
    )
