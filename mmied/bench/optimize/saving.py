"""Save an optimized model with its manifest, and load it in another process."""

import dataclasses
import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from torch import nn

from mmied.bench.files import open_trusted
from mmied.bench.optimize import manifest as manifests
from mmied.bench.optimize.formats import Files, format_named, format_of
from mmied.bench.optimize.manifest import Manifest, SavedFile
from mmied.bench.optimize.recipe import attach, recipe_of
from mmied.errors import ModelError


def save_optimized(model: nn.Module, folder: str | Path) -> Path:
    """Write `model`, made by one of our optimizations, into a new folder, whole or not at all. Returns the folder.

    Raises ModelError where the model cannot be saved, saying why; where the folder holds something already; and
    where the disk cannot take it.
    """
    folder = Path(folder).absolute()
    recipe = recipe_of(model)
    if recipe is None:
        raise ModelError(
            f"{type(model).__name__}: was not made by one of mmied's optimizations, so that there is no telling how to "
            "make it again. Save it as you saved the original."
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ModelError(f"{folder}: exists already. Give a new folder: a saved model is never written over.")
    form = format_of(model)
    files = form.write(model)
    manifest = Manifest(
        format=form.name,
        recipe=recipe,
        versions=manifests.current_versions(recipe.packages),
        files={
            name: SavedFile(sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))
            for name, data in files.items()
        },
        facts=form.facts(model),
    )
    try:
        _write(folder, files, manifest)
    except OSError as error:
        raise ModelError(f"{folder}: cannot be written: {error.strerror}. Nothing was left there.") from error
    return folder


def load_optimized(folder: str | Path, *, trust: str | None = None) -> nn.Module:
    """Return the model that `save_optimized` wrote into `folder`; `recipe_of` tells how it was made.

    Some formats run code when they are read. So the folder has to belong to root or to you and be writable by nobody
    else, or `trust` has to be "sha256:" and the hash of its manifest.json, which holds the hashes of the others.
    Raises ModelError where it is not to be trusted, changed since, or needs what is not installed here.
    """
    folder = Path(folder).absolute()
    place = folder / manifests.NAME
    with tempfile.TemporaryDirectory(prefix="mmied-load-") as scratch:
        opened = open_trusted(str(place), trust, code=True, scratch=Path(scratch), known_digests={})
        with opened.stream as stream:
            manifest = manifests.read_manifest(stream.read().decode(errors="replace"), place)
        form = format_named(manifest.format)
        differences = manifests.check_packages(manifest, folder)
        files: dict[str, bytes] = {}
        for name, saved in manifest.files.items():
            if Path(name).name != name:
                raise ModelError(f"{place}: names a file outside of its folder: {name}")
            known = f"sha256:{saved.sha256}"
            file = open_trusted(
                str(folder / name), known if trust else None, code=form.code, scratch=Path(scratch), known_digests={}
            )
            with file.stream as stream:
                files[name] = stream.read()
            if hashlib.sha256(files[name]).hexdigest() != saved.sha256:
                raise ModelError(f"{folder / name}: is not the file that the manifest tells of: its hash is another")
    model = form.read(files, manifest.facts)
    recipe = dataclasses.replace(manifest.recipe, notes=(*manifest.recipe.notes, *differences))
    return attach(model, recipe)


def _write(folder: Path, files: Files, manifest: Manifest) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        part.mkdir(mode=0o755)
        for name, data in files.items():
            with (part / name).open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        manifests.write_manifest(part, manifest)
        part.rename(folder)
    except OSError:
        shutil.rmtree(part, ignore_errors=True)
        raise
