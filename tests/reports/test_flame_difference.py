"""Two flame graphs are held against each other path by path, in seconds per call."""

from typing import Any

import pytest

from mmied.errors import MmiedError
from mmied.reports.flame_difference import differ
from mmied.reports.frames import FlameGraph, Stacks


def graph(times: dict[str, float], **changes: Any) -> FlameGraph:
    """A graph whose paths, such as "a;b", have these own times."""
    stacks = Stacks("model")
    for path, seconds in times.items():
        at = 0
        for name in path.split(";"):
            at = stacks.enter(at, name, "module" if name.startswith("m") else "other")
        stacks.spend(at, seconds)
    facts = {"model": "ranker", "profiler": "torch", "device": "cpu", "batch_size": 1, "calls": 1, "at": 1.8e9}
    return FlameGraph(**(facts | {"frames": stacks.frames()} | changes))


def test_the_largest_change_comes_first_with_its_module() -> None:
    found = differ(graph({"m1;f": 1.0, "m2;f": 1.0, "g": 1.0}), graph({"m1;f": 1.1, "m2;f": 3.0, "g": 1.0}))

    assert [(row.name, row.within, row.change_seconds) for row in found.largest] == [
        ("f", "m2", 2.0),
        ("f", "m1", pytest.approx(0.1)),
    ]


def test_what_is_new_and_what_is_gone_are_changes() -> None:
    found = differ(graph({"old": 2.0, "same": 1.0}), graph({"new;below": 1.0, "same": 1.0}))

    assert [(row.name, row.before_seconds, row.after_seconds) for row in found.largest] == [
        ("old", 2.0, 0.0),
        ("below", 0.0, 1.0),
    ]
    assert found.before_seconds == (3.0, None, None, 1.0)


def test_runs_of_different_length_are_compared_by_the_call() -> None:
    found = differ(graph({"f": 10.0}, calls=10), graph({"f": 2.0}, calls=2))

    assert found.largest == ()
    assert found.before_seconds == (1.0, 1.0)


def test_equal_names_on_different_paths_are_different_frames() -> None:
    found = differ(graph({"a;f": 1.0, "b;f": 5.0}), graph({"b;f": 5.0, "a;f": 1.0}))

    assert found.largest == ()


def test_no_more_rows_than_asked_for() -> None:
    before, after = ({f"f{index}": scale * index for index in range(1, 50)} for scale in (1.0, 2.0))

    assert [row.name for row in differ(graph(before), graph(after), rows=3).largest] == ["f49", "f48", "f47"]


@pytest.mark.parametrize("change", [{"profiler": "py-spy"}, {"clock": "device"}])
def test_graphs_with_other_frames_are_not_compared(change: dict[str, Any]) -> None:
    with pytest.raises(MmiedError, match=next(iter(change))):
        differ(graph({"f": 1.0}, **change), graph({"f": 1.0}))


def test_another_batch_size_is_noted() -> None:
    assert any("batch size" in note for note in differ(graph({"f": 1.0}, batch_size=8), graph({"f": 1.0})).notes)
