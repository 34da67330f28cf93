"""Write what a command found in the formats that were asked for."""

import os
import re
from collections.abc import Collection, Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path

from mmied.commands.working import unwritable
from mmied.config.values import suggest
from mmied.errors import MmiedError

FORMATS = ("html", "json", "csv", "markdown")
PICTURES = ("png", "svg", "pdf")
ALIASES = {"md": "markdown"}


def parse_formats(texts: Iterable[str], option: str, known: Collection[str] = FORMATS) -> tuple[str, ...]:
    """Return the formats that "html,json" names, each once. Raises MmiedError."""
    words = [word.strip().lower() for text in texts for word in text.split(",") if word.strip()]
    names = dict.fromkeys(ALIASES.get(word, word) for word in words)
    for name in names:
        if name not in known:
            raise MmiedError(f'{option}: "{name}" is no format. {suggest(name, known)}')
    if not names:
        raise MmiedError(f"{option}: names no format. Known are {', '.join(known)}.")
    return tuple(names)


def parse_pictures(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the formats of pictures. Raises MmiedError for unknown ones, and where they cannot be drawn."""
    formats = parse_formats(texts, "--pictures", PICTURES)
    if find_spec("matplotlib") is None:
        raise MmiedError(
            "--pictures: are drawn with matplotlib, which is not installed. Try: pip install 'mmied[pictures]'"
        )
    return formats


def file_stem(name: str) -> str:
    """Return a model's name as the beginning of a file name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._") or "model"


def write_files(texts: Mapping[str, str], folder: Path, option: str) -> list[Path]:
    """Write texts by file name into `folder`, and return their paths. Raises MmiedError."""
    written = [folder / name for name in texts]
    try:
        for path, text in zip(written, texts.values(), strict=True):
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise unwritable(folder, option, error) from error
    return written


def append_summary(markdown: str) -> None:
    """Add to the summary of a GitHub Actions step, where the command runs in one. Raises MmiedError."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    try:
        with open(path, "a", encoding="utf-8") as file:
            file.write(markdown)
    except OSError as error:
        raise MmiedError(f"GITHUB_STEP_SUMMARY: {path} cannot be written: {error.strerror}.") from error
