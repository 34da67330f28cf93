"""Real daemons, stopped at the end of the test that started them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from daemon_process import Daemon


@pytest.fixture
def make_daemon(tmp_path: Path) -> Iterator[Callable[..., Daemon]]:
    """Make a daemon that is not yet started: `make_daemon(models, **settings)`."""
    made: list[Daemon] = []

    def make(models: list[dict[str, Any]], **settings: Any) -> Daemon:
        made.append(Daemon(tmp_path, models, **settings))
        return made[-1]

    yield make
    for daemon in made:
        daemon.stop()
