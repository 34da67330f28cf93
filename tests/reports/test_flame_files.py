"""Other tools can read what we write, and the times in it are those of the graph."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmied.reports.flame_files import to_chrome_trace, to_folded, to_speedscope
from mmied.reports.flame_page import format_seconds, to_html
from mmied.reports.frames import FlameGraph, Frame, total_seconds


@st.composite
def graphs(draw: st.DrawFn) -> FlameGraph:
    seconds = st.integers(0, 10**9).map(lambda count: count / 1e9)
    frames = [Frame(name="root", category="other", self_seconds=draw(seconds), parent=None)]
    for index in range(1, draw(st.integers(1, 25))):
        name, parent = draw(st.sampled_from(["f", "a;b", "two words", "é"])), draw(st.integers(0, index - 1))
        frames.append(Frame(name=name, category="python", self_seconds=draw(seconds), parent=parent, where="x.py:1"))
    return FlameGraph(
        model="ranker", profiler="torch", device="cpu", batch_size=1, calls=1, at=1.8e9, frames=tuple(frames)
    )


@given(graphs())
def test_folded_stacks_hold_all_the_time(graph: FlameGraph) -> None:
    lines = to_folded(graph).splitlines()

    assert sum(int(line.rpartition(" ")[2]) for line in lines) == round(total_seconds(graph.frames)[0] * 1e9)
    assert all(re.fullmatch(r"root(;(f|a,b|two words|é))* [1-9][0-9]*", line) for line in lines)


@given(graphs())
def test_speedscope_has_its_fields_and_its_events_nest(graph: FlameGraph) -> None:
    document = json.loads(to_speedscope(graph))

    assert document["$schema"].endswith("file-format-schema.json")
    (profile,) = document["profiles"]
    assert (profile["type"], profile["unit"], profile["startValue"]) == ("evented", "seconds", 0)
    open_frames, at = [], 0.0
    for event in profile["events"]:
        assert event["at"] >= at
        at = event["at"]
        if event["type"] == "O":
            open_frames.append(event["frame"])
        else:
            assert open_frames.pop() == event["frame"]
    assert not open_frames
    assert profile["endValue"] == at == pytest.approx(total_seconds(graph.frames)[0])
    assert {event["frame"] for event in profile["events"]} == set(range(len(document["shared"]["frames"])))


@given(graphs())
def test_a_trace_event_stands_inside_of_its_caller(graph: FlameGraph) -> None:
    events = [event for event in json.loads(to_chrome_trace(graph))["traceEvents"] if event["ph"] == "X"]

    assert len(events) == len(graph.frames)
    assert events[0]["dur"] == pytest.approx(total_seconds(graph.frames)[0] * 1e6)
    end = events[0]["ts"] + events[0]["dur"]
    assert all(event["ts"] >= 0 and event["ts"] + event["dur"] <= end + 1e-3 for event in events)


def test_a_name_cannot_break_out_of_the_page() -> None:
    evil = "</script><script>alert(1)</script>{{data}}"
    frames = (Frame(name=evil, category="other", self_seconds=1.0, parent=None),)
    graph = FlameGraph(
        model=evil, profiler="torch", device="cpu", batch_size=1, calls=1, at=0.0, notes=(evil,), frames=frames
    )

    page = to_html(graph)

    assert page.count("<script") == 2
    assert "alert(1)</script>" not in page


@pytest.mark.parametrize(
    ("seconds", "text"), [(2.0, "2 s"), (0.0123, "12.3 ms"), (4.56e-5, "45.6 µs"), (3e-9, "3 ns"), (0.0, "0 ns")]
)
def test_durations_have_a_fitting_unit(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text
