"""Read a profile that was saved, to hold another against it."""

from pathlib import Path

from mmied.errors import MmiedError
from mmied.reports.documents import read_profile
from mmied.results import ProfileResult


def load_baseline(path: str | Path) -> ProfileResult:
    """Return what `export_json` or `mmied profile --format json` wrote.

    Raises MmiedError where the file cannot be read, is something else, or was written in another version.
    """
    try:
        text = Path(path).read_bytes()
    except OSError as error:
        raise MmiedError(f"{path}: cannot be read: {error.strerror}. Check the path.") from error
    return ProfileResult(read_profile(text, str(path)))
