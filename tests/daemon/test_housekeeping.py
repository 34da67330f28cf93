"""The host is sampled, a minute's sample kept and the history pruned, whatever goes wrong in between."""

import logging
import threading
from collections.abc import Callable

import pytest
from builders import HARDWARE

from mmied.daemon.housekeeping import keep_house
from mmied.errors import HistoryError
from mmied.records import HardwareSample


class House:
    """A sampler and a history that note what is asked of them, and stop the housekeeping after some rounds."""

    def __init__(self, rounds: int) -> None:
        self.stop = threading.Event()
        self.rounds = rounds
        self.sampled: list[float] = []
        self.kept: list[HardwareSample] = []
        self.pruned: list[float] = []
        self.fault: Callable[[], None] = lambda: None

    def sample(self, now: float) -> HardwareSample:
        self.sampled.append(now)
        if len(self.sampled) == self.rounds:
            self.stop.set()
        self.fault()
        return HARDWARE

    def record_hardware(self, sample: HardwareSample) -> None:
        self.kept.append(sample)

    def prune(self, now: float = 0.0) -> int:
        self.pruned.append(now)
        return 3

    def keep(self, interval_seconds: float = 0.001) -> None:
        keep_house(
            sampler=self,  # type: ignore[arg-type]
            store=self,  # type: ignore[arg-type]
            artifacts=self,  # type: ignore[arg-type]
            predecessors=self,  # type: ignore[arg-type]
            interval_seconds=interval_seconds,
            stop=self.stop,
        )


def test_every_round_samples_and_a_minute_keeps_one_and_an_hour_prunes_once() -> None:
    house = House(rounds=5)
    house.keep()

    assert len(house.sampled) == 5
    assert house.kept == [HARDWARE]
    assert len(house.pruned) == 3, "the files of inspections, those of models, and the history"


@pytest.mark.parametrize("error", [HistoryError("the disk is full"), ZeroDivisionError("a bug")])
def test_what_goes_wrong_is_logged_and_tried_again(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    house = House(rounds=3)

    def fail() -> None:
        raise error

    house.fault = fail
    with caplog.at_level(logging.ERROR):
        house.keep()

    assert len(house.sampled) == 3
    assert [record.message for record in caplog.records] == ["housekeeping_failed"] * 3


def test_it_ends_in_the_middle_of_a_pause() -> None:
    house = House(rounds=1)
    thread = threading.Thread(target=house.keep, args=(3600.0,))
    thread.start()
    thread.join(5)

    assert not thread.is_alive()
