"""The rows of the layers' tree: parts below what they are parts of, few of very many."""

from profile_builders import make_layers

from mmied.inspection import Layer, Layers
from mmied.reports.layer_rows import MOST_ROWS, known_figures, layer_rows


def tree(*layers: Layer) -> Layers:
    return Layers(layers=layers, source="events", calls=1, call_seconds=1.0)


def many(layers: int, parent_of: object = None) -> Layers:
    rows = [Layer(name="", kind="Model", parent=None, calls=1, seconds=1.0)]
    rows += [
        Layer(name=f"part{number}", kind="Linear", parent=0, calls=1, seconds=number / layers)
        for number in range(1, layers)
    ]
    return tree(*rows)


def test_parts_stand_below_what_they_are_parts_of() -> None:
    rows = layer_rows(make_layers(blocks=2))

    names = [(row.depth, row.name) for row in rows]
    assert names[:5] == [(0, "the model"), (1, "embedding"), (1, "encoder"), (2, "layers.0"), (3, "self_attn")]
    assert names[-1] == (1, "head")
    assert [row.parts for row in rows[:4]] == [3, 0, 2, 5]


def test_bars_are_of_the_largest_figure_and_absent_without_one() -> None:
    rows = layer_rows(
        tree(
            Layer(name="", kind="Model", parent=None, seconds=4.0, parameters=10),
            Layer(name="a", kind="Linear", parent=0, seconds=1.0, parameters=0),
            Layer(name="b", kind="Linear", parent=0),
        )
    )

    assert [row.shares["seconds"] for row in rows] == [1.0, 0.25, None]
    assert [row.shares["parameters"] for row in rows] == [1.0, None, None]


def test_columns_that_nobody_has_are_not_known() -> None:
    layers = tree(Layer(name="", kind="Model", parent=None, seconds=4.0))

    assert [figure.name for figure in known_figures(layers)] == ["seconds"]


def test_of_ten_thousand_layers_the_costliest_are_shown() -> None:
    rows = layer_rows(many(10_000))

    assert len(rows) == MOST_ROWS
    assert rows[0].name == "the model"
    assert rows[-1].name == "part9999"
    assert {row.name for row in rows} >= {"part9998", "part9001"}


def test_a_chain_of_ten_thousand_layers_is_drawn() -> None:
    layers = [Layer(name="", kind="Model", parent=None, seconds=1.0)]
    layers += [
        Layer(name=".".join("x" * 2), kind="Block", parent=number, seconds=1.0 - number / 10_000)
        for number in range(9_999)
    ]

    rows = layer_rows(tree(*layers))

    assert len(rows) == MOST_ROWS
    assert [row.depth for row in rows] == list(range(MOST_ROWS))


def test_a_large_tree_is_opened_to_its_second_level() -> None:
    rows = layer_rows(make_layers(blocks=40))

    assert {row.depth for row in rows if not row.hidden} == {0, 1}
    assert {row.depth for row in rows if row.open and row.parts} == {0}


def test_a_small_tree_is_open_wholly() -> None:
    assert not any(row.hidden for row in layer_rows(make_layers(blocks=2)))


def test_a_name_without_its_parents_prefix_stays_whole() -> None:
    rows = layer_rows(
        tree(
            Layer(name="", kind="Model", parent=None),
            Layer(name="encoder", kind="Encoder", parent=0),
            Layer(name="shared.embedding", kind="Embedding", parent=1),
        )
    )

    assert rows[2].name == "shared.embedding"
