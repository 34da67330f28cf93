"""Open the history that a configuration names, for a command that somebody types."""

import contextlib
import getpass
import os
from collections.abc import Iterator
from pathlib import Path

from mmied.commands.run import opened_store
from mmied.config import Config, load_config
from mmied.errors import MmiedError
from mmied.history.store import Store


@contextlib.contextmanager
def opened_history(config_path: Path) -> Iterator[tuple[Config, Store]]:
    """Read the configuration, and open the history that it names; one that is not there yet is not made.

    Raises ConfigError, or MmiedError where there is no history, or this user may not write it.
    """
    config = load_config(config_path)
    if config.history.url is None:
        _require_file(config.state / "history.sqlite")
    with opened_store(config) as store:
        yield config, store


def whoever() -> str:
    """Return the name of who types: behind sudo that of whoever called it."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):  # a user of a container may have no name
        return f"uid {os.getuid()}"


def _require_file(path: Path) -> None:
    """Raise MmiedError unless the SQLite file is there and may be written, as its log has to be even to read it."""
    try:
        path.stat()
    except FileNotFoundError as error:
        raise MmiedError(f"{path.parent}: holds no history. Has the daemon run with this configuration?") from error
    except OSError:  # not even its folder may be looked into
        may = False
    else:
        may = all(os.access(place, os.W_OK, effective_ids=True) for place in (path, path.parent))
    if not may:
        raise MmiedError(f"history {path}: {whoever()} may not write it. Run the command as {_owner(path)}.")


def _owner(path: Path) -> str:
    try:
        return f"its owner (`sudo -u {path.owner()}`)"
    except (OSError, KeyError):
        return "the daemon's user, or root"
