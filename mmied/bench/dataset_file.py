"""Find the file of a data set by the path that a user gave, without torch."""

from pathlib import Path

from mmied.errors import MmiedError

SUFFIXES = (".npz", ".safetensors")
LABELS = ("labels", "label", "targets", "target", "y")
PREFERRED = "test"  # of several files in a folder


def find_dataset(given: Path, *, option: str = "--dataset") -> Path:
    """Return the absolute path of the .npz or .safetensors file that `given` is, or that the folder `given` holds.

    In a folder with several, test.npz or test.safetensors is meant. Raises MmiedError.
    """
    if given.is_dir():
        found = sorted(path for path in given.iterdir() if path.suffix in SUFFIXES)
        if len(found) > 1:
            found = [path for path in found if path.stem == PREFERRED] or found
        if not found:
            raise MmiedError(f"{option}: {given} holds neither a .npz nor a .safetensors file. {_how(option)}")
        if len(found) > 1:
            names = ", ".join(path.name for path in found)
            raise MmiedError(f"{option}: {given} holds several data sets: {names}. Name the file.")
        return found[0].absolute()
    if given.suffix not in SUFFIXES:
        raise MmiedError(f"{option}: {given} is neither a .npz nor a .safetensors file. {_how(option)}")
    try:
        with given.open("rb"):
            return given.absolute()
    except OSError as error:
        raise MmiedError(f"{option}: {given} cannot be read: {error.strerror}. Check the path.") from error


def _how(option: str) -> str:
    return f'Save arrays with numpy.savez("test.npz", x=inputs, labels=labels) and give {option} test.npz.'
