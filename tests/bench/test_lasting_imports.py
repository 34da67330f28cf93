"""What a worker imports for good costs it no collections, and what it makes later is collected as ever."""

import gc
from collections.abc import Iterator

import pytest

from mmied.bench.lasting_imports import lasting_imports


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


class Cycle:
    def __init__(self) -> None:
        self.itself = self


def cycles() -> int:
    return sum(isinstance(each, Cycle) for each in gc.get_objects())


def test_nothing_is_collected_in_the_block_and_what_came_in_stays_out_of_sight() -> None:
    with lasting_imports():
        assert not gc.isenabled()
        Cycle()
        assert cycles() == 1
    assert gc.isenabled()
    assert cycles() == 0  # frozen
    assert gc.get_freeze_count() > 0


def test_what_is_made_afterwards_is_collected() -> None:
    with lasting_imports():
        pass
    Cycle()
    assert cycles() == 1
    gc.collect()
    assert cycles() == 0


def test_an_import_that_fails_leaves_the_collector_on() -> None:
    with pytest.raises(ImportError), lasting_imports():
        raise ImportError("no such library")
    assert gc.isenabled()
