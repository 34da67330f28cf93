"""A log line is an event with its facts: a sentence for people, or JSON when asked."""

import json
import logging
from collections.abc import Callable, Iterator
from io import StringIO

import pytest

from mmied.daemon.logs import set_up_logging
from mmied.daemon.tally import CountingHandler

SetUp = Callable[[bool], tuple[StringIO, CountingHandler]]


@pytest.fixture
def set_up() -> Iterator[SetUp]:
    """Log to a buffer; leave the root logger as pytest had it."""
    root, alembic = logging.getLogger(), logging.getLogger("alembic")
    handlers, level, alembic_level = root.handlers[:], root.level, alembic.level
    root.handlers.clear()

    def start(as_json: bool) -> tuple[StringIO, CountingHandler]:
        stream, counter = StringIO(), CountingHandler()
        set_up_logging(as_json=as_json, handler=counter, stream=stream)
        return stream, counter

    yield start
    root.handlers[:] = handlers
    root.setLevel(level)
    alembic.setLevel(alembic_level)


def fail() -> None:
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        logging.getLogger("mmied").exception("tick_failed")


def test_text_is_the_level_the_event_and_its_facts(set_up: SetUp) -> None:
    stream, _ = set_up(False)
    logging.getLogger("mmied").info("run_ended", extra={"model": "ranker", "why": "a b\nc", "reason": None})

    assert stream.getvalue() == 'INFO run_ended model=ranker why="a b | c"\n'


def test_an_exception_comes_with_its_traceback(set_up: SetUp) -> None:
    stream, _ = set_up(False)
    fail()

    assert stream.getvalue().startswith("ERROR tick_failed\nTraceback")
    assert "ValueError: first" in stream.getvalue()


def test_json_is_an_object_a_line_even_with_a_traceback(set_up: SetUp) -> None:
    stream, _ = set_up(True)
    logging.getLogger("mmied").warning("clock_jumped", extra={"seconds": 3.5, "odd": {1}})
    fail()
    jumped, failed = (json.loads(line) for line in stream.getvalue().splitlines())

    assert (jumped["level"], jumped["event"], jumped["seconds"], jumped["odd"]) == (
        "warning",
        "clock_jumped",
        3.5,
        "{1}",
    )
    assert isinstance(jumped["time"], float)
    assert "ValueError: first" in failed["traceback"]


def test_debug_is_left_out_and_all_the_rest_is_counted(set_up: SetUp) -> None:
    stream, counter = set_up(False)
    logger = logging.getLogger("mmied")
    logger.debug("noise")
    logger.info("one")
    logging.getLogger("alembic").info("noise")
    fail()

    assert "noise" not in stream.getvalue()
    assert counter.counts == {"info": 1, "error": 1}
