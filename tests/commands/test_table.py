"""A table's columns are as wide as their widest cell."""

from mmied.commands.table import format_table


def test_columns_line_up_and_lines_have_no_tail() -> None:
    table = format_table(("model", "p50"), [("ranker", "10 ms"), ("a", "–"), ("", "")])

    assert table.split("\n") == ["model   p50", "ranker  10 ms", "a       –", ""]


def test_a_table_without_rows_is_its_head() -> None:
    assert format_table(("model", "p50"), []) == "model  p50"
