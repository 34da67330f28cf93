"""A long command tells how far it has come: a living line on a terminal, a line for each model in a pipe."""

import time
from io import StringIO

import pytest
from builders import B1, B8, failed, make_failure, make_result, make_run

from mmied.commands.progress import REDRAW_SECONDS, Progress, with_bar
from mmied.records import Run


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def told(run: Run) -> str:
    stream = StringIO()
    with Progress(total=3, stream=stream) as progress:
        progress.begin(run.model, lambda: "load")
        progress.end(run)
    return stream.getvalue()


def test_a_model_that_was_measured_is_told_by_its_medians() -> None:
    assert told(make_run(1)) == "[1/3] ranker: b1 p50 10 ms, b8 p50 50 ms\n"


@pytest.mark.parametrize(
    ("run", "line"),
    [
        (failed(1), "failed: internal of the test"),
        (make_run(1, outcome="failed", message="no such file", results=()), "failed: no such file"),
        (
            make_run(1, results=(make_result(B1), make_failure(B8, "out_of_memory"))),
            "b1 p50 10 ms, b8 failed: out_of_memory of the test",
        ),
        (make_run(1, results=(make_result(B1, samples=3),)), "b1 3 samples, too few for a median"),
        (make_run(1, results=(make_result(B1, latency=None),)), "b1 ok, first call 300 ms"),
    ],
)
def test_whatever_came_of_a_model_is_told_in_a_line(run: Run, line: str) -> None:
    assert told(run) == f"[1/3] ranker: {line}\n"


def test_models_are_counted() -> None:
    stream = StringIO()
    with Progress(total=2, stream=stream) as progress:
        for name in ("a", "b"):
            progress.begin(name, lambda: None)
            progress.end(make_run(1, name))

    assert [line[:8] for line in stream.getvalue().splitlines()] == ["[1/2] a:", "[2/2] b:"]


def test_a_terminal_shows_the_phase_under_way_and_no_trace_of_it_afterwards() -> None:
    stream = Terminal()
    with Progress(total=1, stream=stream) as progress:
        progress.begin("ranker", lambda: "warmup b8")
        time.sleep(2.5 * REDRAW_SECONDS)
        progress.end(make_run(1))
    drawn = stream.getvalue()

    assert "[1/1] ranker: warmup b8 (0 s)" in drawn
    assert drawn.endswith("\r\x1b[K[1/1] ranker: b1 p50 10 ms, b8 p50 50 ms\n")


def test_a_command_that_is_broken_off_stops_drawing() -> None:
    stream = Terminal()
    with pytest.raises(KeyboardInterrupt), Progress(total=1, stream=stream) as progress:
        progress.begin("ranker", lambda: None)
        raise KeyboardInterrupt
    drawn = stream.getvalue()
    time.sleep(1.5 * REDRAW_SECONDS)

    assert stream.getvalue() == drawn


def test_a_line_stays_within_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    stream = Terminal()
    with Progress(total=1, stream=stream) as progress:
        progress.begin("a-model-with-a-rather-long-name", lambda: "3/12 measure b8")
        time.sleep(1.5 * REDRAW_SECONDS)
    lines = stream.getvalue().split("\r\x1b[K")

    assert "[1/1] a-model-with-a-rather-l" in lines
    assert max(map(len, lines)) == 29


def test_a_phase_that_is_counted_is_drawn_as_a_bar() -> None:
    assert with_bar("3/12 measure b8") == "━━━━━───────────────  25% measure b8"
    assert with_bar("12/12 accuracy").startswith("━" * 20 + " 100%")
    assert with_bar("0/4 load").startswith("─" * 20)
    assert with_bar("warmup b8") == "warmup b8"


def test_a_model_that_another_line_tells_of_is_only_counted() -> None:
    stream = StringIO()
    with Progress(total=2, stream=stream) as progress:
        progress.begin("a", lambda: None)
        progress.clear()
        progress.begin("b", lambda: None)
        progress.end(make_run(1, "b"))
    assert stream.getvalue().startswith("[2/2] b:")
