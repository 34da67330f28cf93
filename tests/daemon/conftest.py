"""A host whose model has run for a while, made once and copied for each test."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from judged_host import GOOD_RUNS, JudgedHost, configured

from mmied.config import Config


@pytest.fixture(scope="session")
def seasoned(tmp_path_factory: pytest.TempPathFactory) -> JudgedHost:
    """A closed history of a model that stayed as it was."""
    host = JudgedHost(tmp_path_factory.mktemp("seasoned"))
    host.runs(GOOD_RUNS)
    host.store.close()
    return host


@pytest.fixture
def make_host(seasoned: JudgedHost, tmp_path: Path) -> Iterator[Callable[[Config], JudgedHost]]:
    """Make a host with that history, under a configuration."""
    made: list[JudgedHost] = []

    def make(config: Config) -> JudgedHost:
        for path in seasoned.folder.glob("history.sqlite*"):
            shutil.copy(path, tmp_path)
        made.append(JudgedHost(tmp_path, config, now=seasoned.now, standings=dict(seasoned.standings)))
        made[-1].number = seasoned.number
        return made[-1]

    yield make
    for host in made:
        host.store.close()


@pytest.fixture
def host(make_host: Callable[[Config], JudgedHost]) -> JudgedHost:
    return make_host(configured())
