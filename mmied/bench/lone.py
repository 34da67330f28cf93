"""Tell what a lone model is by its path or its content, as a command or the library is given it."""

import os
from pathlib import Path
from typing import get_args

from mmied.bench.files import OpenedFile, kind_of
from mmied.config.values import parse_function, parse_trust, suggest
from mmied.errors import MmiedError
from mmied.records import Source, SourceKind

MANIFEST = "manifest.json"  # of a folder that save_optimized or `mmied optimize --apply` wrote
SOURCE_KINDS = get_args(SourceKind)


def source_of(
    model: str,
    *,
    kind: str | None = None,
    weights: Path | None = None,
    trust: str | None = None,
    option: str = "--model",
) -> Source:
    """Return the source that `model` names: a file, a folder, or the import path of a factory.

    Without `kind` it is told by the content. `option` is what the user gave it by. Raises MmiedError.
    """
    if trust is not None:
        try:
            parse_trust(trust)
        except ValueError as error:
            raise MmiedError(f"--trust: {trust} {error}") from error
    found = kind or _find_kind(model, option)
    if found == "factory":
        try:
            parse_function(model)
        except ValueError as error:
            raise MmiedError(f"{option}: {model} {error}") from error
        return Source(kind="factory", factory=model, weights=str(weights.absolute()) if weights else None, trust=trust)
    if weights is not None:
        raise MmiedError(f"--weights: belong to a factory; {model} is of the kind {found}.")
    if found not in SOURCE_KINDS:
        raise MmiedError(f"--source-kind: {found} is not known. {suggest(found, SOURCE_KINDS)}")
    return Source(kind=found, path=str(Path(model).absolute()), trust=trust)  # type: ignore[arg-type]


def _find_kind(model: str, option: str) -> str:
    path = Path(model)
    if path.is_dir():
        return "optimized" if (path / MANIFEST).is_file() else "huggingface"
    if ":" in model and not path.exists():
        return "factory"
    try:
        with path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            found = kind_of(OpenedFile(stream=stream, name=model, digest="", identity="", size_bytes=size))
    except OSError as error:
        raise MmiedError(f"{option}: {model} cannot be read: {error.strerror}. Check the path.") from error
    if found == "safetensors":
        raise MmiedError(
            f"{option}: {model} holds weights alone. Give its factory, package.module:callable, and these as weights."
        )
    if found == "unknown":
        raise MmiedError(
            f"{option}: {model} is no model that mmied knows: TorchScript, torch.export, AOTInductor, a pickle, a "
            "Hugging Face folder, or package.module:factory. Is the file whole?"
        )
    return found
