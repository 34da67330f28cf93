"""What pages show of an inspection: shares of kinds, the columns that somebody fills, charts and tables as asked."""

from dataclasses import replace

from profile_builders import make_inspection, make_operators

from mmied.inspection import Inspection
from mmied.reports.inspection_parts import MOST_OPERATORS, inspection_parts
from mmied.reports.kinds import COLOURS


def test_kinds_share_the_time_the_costliest_first() -> None:
    operators = make_operators(category_seconds={"memory": 1.0, "matmul": 3.0, "python": 0.0, "of tomorrow": 4.0})

    shares = inspection_parts(make_inspection(operators=operators)).shares

    assert [(share.name, share.ratio) for share in shares] == [
        ("of tomorrow", 0.5),
        ("matmul", 0.375),
        ("memory", 0.125),
    ]
    assert shares[0].colour == COLOURS["other"]


def test_columns_of_operators_are_those_that_one_of_them_has() -> None:
    operators = make_operators()
    first, *rest = (replace(operator, allocated_bytes=None) for operator in operators.operators)

    known = [
        inspection_parts(make_inspection(operators=replace(operators, operators=rows))).operator_figures
        for rows in ((first, *rest), (replace(first, flops=0.0), *rest))
    ]

    assert known == [frozenset(), {"flops"}]


def test_of_very_many_operators_the_costliest_are_shown() -> None:
    operators = make_operators()
    many = replace(operators, operators=operators.operators * MOST_OPERATORS)

    assert len(inspection_parts(make_inspection(operators=many)).operators) == MOST_OPERATORS


def test_charts_and_tables_are_made_as_asked() -> None:
    inspection = make_inspection()
    whole = inspection_parts(inspection)
    tables = inspection_parts(inspection, graphs=False)
    charts = inspection_parts(inspection, details=False)

    assert all(whole.charts.values())
    assert not any(tables.charts.values())
    assert tables.meanwhile is None
    assert (tables.rows, tables.operators) == (whole.rows, whole.operators)
    assert all(charts.charts.values())
    assert (charts.rows, charts.operators) == ((), ())
    assert charts.shares == whole.shares


def test_an_inspection_of_which_every_pass_failed_has_no_parts() -> None:
    parts = inspection_parts(Inspection(workload=make_inspection().workload, failures={"layers": "no luck"}))

    assert not any((parts.rows, parts.figures, parts.operators, parts.shares, parts.meanwhile, *parts.charts.values()))
