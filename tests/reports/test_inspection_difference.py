"""Two inspections differ in what changed most, and a reader is told where they cannot be compared."""

from dataclasses import replace

from looks import make_inspection, make_layers

from mmied.inspection import Layer
from mmied.records import Workload
from mmied.reports.inspection_difference import NOTHING, compare_inspections


def test_equal_inspections_differ_in_nothing() -> None:
    found = compare_inspections(make_inspection(), make_inspection())

    assert (found.layers, found.operators, found.notes) == ((), (), ())
    assert found.call is not None
    assert found.call.change_seconds == 0


def test_the_largest_changes_come_first_by_own_time() -> None:
    found = compare_inspections(make_inspection(), make_inspection(2.0))

    (layer,) = found.layers
    assert (layer.name, layer.kind, layer.before_seconds, layer.after_seconds) == (
        "blocks.1.linear",
        "Linear",
        0.002,
        0.004,
    )
    assert layer.change_ratio == 1.0
    assert [change.name for change in found.operators] == ["aten::addmm"]
    back = compare_inspections(make_inspection(2.0), make_inspection())
    assert back.layers[0].change_seconds == -layer.change_seconds


def test_layers_that_came_and_went_are_told_from_those_that_took_no_time() -> None:
    before = make_layers()
    new = Layer(name="head", kind="Linear", parent=0, calls=1, seconds=0.003, self_seconds=0.003)
    after = replace(before, layers=(*before.layers[:3], new))
    found = compare_inspections(make_inspection(layers=before), make_inspection(layers=after))
    by_name = {change.name: change for change in found.layers}

    assert by_name["head"].before_seconds is None
    assert by_name["head"].change_ratio is None
    assert by_name["blocks.1.linear"].after_seconds is None
    assert found.layers[0].name == "head"


def test_the_model_itself_has_a_name() -> None:
    before = make_layers()
    slower = replace(before.layers[0], self_seconds=0.001)
    found = compare_inspections(
        make_inspection(layers=before), make_inspection(layers=replace(before, layers=(slower, *before.layers[1:])))
    )

    assert [change.name for change in found.layers] == [NOTHING]


def test_rows_are_bounded() -> None:
    many = tuple(
        Layer(name=f"l{index}", kind="Linear", parent=None, calls=1, self_seconds=index / 1e6) for index in range(500)
    )
    found = compare_inspections(
        make_inspection(layers=make_layers(layers=())), make_inspection(layers=make_layers(layers=many)), rows=20
    )

    assert [change.name for change in found.layers] == [f"l{index}" for index in range(499, 479, -1)]


def test_what_cannot_be_compared_is_said() -> None:
    there, gone = make_inspection(), make_inspection(layers=None, operators=None, flops=None, timelines=())
    found = compare_inspections(there, gone)
    assert (found.layers, found.operators, found.call) == ((), (), None)
    assert (found.flops, found.peak_bytes) == ((3e8, None), (65_536, None))
    assert sum("only one of the two" in note for note in found.notes) == 2

    other = make_inspection(
        workload=Workload(scenario="b1", batch_size=1), layers=make_layers(source="hooks", told_apart=False)
    )
    assert len(compare_inspections(there, other).notes) == 3
