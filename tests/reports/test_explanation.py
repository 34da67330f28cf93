"""What two inspections say of a regression stands in sentences, what took most of it first."""

from dataclasses import replace

from looks import make_inspection, make_layers

from mmied.inspection import Inspection
from mmied.reports.explanation import explain


def slower(times: float) -> Inspection:
    """An inspection of a model whose second block takes so many times as long, as its calls do."""
    return make_inspection(slower=times, layers=make_layers(times, bare_call_seconds=0.004 + 0.002 * times))


def test_the_layer_and_the_operator_that_took_the_difference_are_named_with_their_share() -> None:
    said = explain(slower(1.0), slower(2.0))

    assert said[0] == "a call took 6.00 ms → 8.00 ms, +2.00 ms"
    assert said[1].startswith("layer blocks.1.linear (Linear) took +2.00 ms of the difference, 100%: 2.00 ms → 4.00 ms")
    assert said[2].startswith("operator aten::addmm (matmul) took +")


def test_what_became_faster_meanwhile_took_nothing_of_it() -> None:
    before, after = slower(1.0), slower(3.0)
    assert after.layers is not None
    quicker = [
        replace(one, self_seconds=0.0005) if one.name == "blocks.0.linear" else one for one in after.layers.layers
    ]
    after = replace(after, layers=replace(after.layers, layers=tuple(quicker)))

    assert not any("blocks.0.linear" in text for text in explain(before, after))


def test_a_layer_that_was_not_there_is_said_to_be_new() -> None:
    before = slower(1.0)
    assert before.layers is not None
    without = replace(before, layers=replace(before.layers, layers=before.layers.layers[:3]))

    assert any(text.endswith("it was not there before") for text in explain(without, slower(1.4)))


def test_arithmetic_and_memory_that_grew_are_told_and_what_did_not_is_not() -> None:
    before, after = slower(1.0), slower(2.0)
    assert after.flops is not None
    said = explain(before, replace(after, flops=replace(after.flops, flops=6e8)))

    assert "arithmetic of a call: 300 MFLOP → 600 MFLOP, +100%" in said
    assert not any("peak memory" in text for text in said)


def test_equal_inspections_have_nothing_to_explain() -> None:
    assert not [text for text in explain(slower(1.0), slower(1.0)) if "of the difference" in text]
