"""What a search found is told in every format: verdicts first, with what they rest on and what was not tried."""

import csv
import io
import re

import pytest
from searches import make_search, make_trial, with_accuracy

from mmied.codec import to_json
from mmied.errors import MmiedError
from mmied.optimization import Search
from mmied.reports.documents import read_search
from mmied.reports.search_csv import search_csv
from mmied.reports.search_markdown import search_markdown
from mmied.reports.search_page import recipe, search_html
from mmied.reports.search_rows import counted, not_tried, summarize_search
from mmied.reports.writing import render_search

SEARCH = make_search()


def test_the_best_of_what_helps_comes_first_and_what_was_not_tried_not_at_all() -> None:
    names = [row.trial.candidate for row in summarize_search(SEARCH).rows]
    assert names[:3] == ["bfloat16_compile", "bfloat16", "float16"]
    assert set(names[3:]) == {"compile", "int8", "openvino"}


def test_without_labels_help_is_said_to_rest_on_outputs_alone() -> None:
    (row,) = summarize_search(make_search(make_trial())).rows
    (labelled,) = summarize_search(make_search(with_accuracy(make_trial()))).rows
    assert (row.said, labelled.said) == ("helps (fidelity only)", "helps")


def test_columns_that_no_candidate_has_are_left_out() -> None:
    assert "change of accuracy" not in summarize_search(SEARCH).head
    summary = summarize_search(make_search(with_accuracy(make_trial())))
    cell = summary.rows[0].cells[summary.head.index("change of accuracy")]
    assert (cell.text, cell.note) == ("-0.10 points", "-0.40 to +0.20")


def test_candidates_that_were_not_tried_share_their_reason() -> None:
    assert not_tried(SEARCH) == {
        "needs a C++ compiler: install g++": ["compile_freezing", "aot_package"],
        "the budget did not reach it": ["onnxruntime"],
    }


def test_a_search_is_counted_in_a_line() -> None:
    assert counted(SEARCH) == "2 help, 1 cannot be told, 3 do not help, 3 not tried, in 6 min 52 s of 10 min"
    assert counted(make_search(make_trial(), left=())) == "1 helps, in 6 min 52 s of 10 min"


def test_the_page_has_the_verdicts_the_evidence_and_the_pictures() -> None:
    page = search_html(SEARCH)
    assert page.count('class="candidate"') == 6
    for words in (
        "Speed-up over the deployed model",
        "Speed against fidelity",
        "Speed against memory",
        "38 tensors, 109,000,000 parameters",
        "relative L2 distance 0.3, may be at most 0.05",
        "mmied optimize --model … --apply bfloat16 --output ranker-bfloat16",
        "needs a C++ compiler",
        "contention",
        "260 MB",
    ):
        assert words in page, words
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    assert not re.search(r'(src|href)="https?:', page)


def test_the_page_of_a_search_that_tried_nothing_says_why() -> None:
    refused = tuple(trial for trial in SEARCH.trials if trial.verdict == "not_tried")
    page = search_html(make_search(*refused, left=()))
    assert "2 not tried" in page
    assert "install g++" in page
    assert "Plotly" not in page


def test_accuracy_takes_the_place_of_fidelity_in_the_picture() -> None:
    page = search_html(make_search(with_accuracy(make_trial())))
    assert "Speed against accuracy" in page
    assert "on 1,000 labelled samples, deployed 0.940; they differ on 3" in page


def test_the_recipe_calls_a_candidate_of_ones_own_by_its_path() -> None:
    assert "--apply shop.tricks:fast --output" in recipe(SEARCH, make_trial("shop.tricks.fast"))


def test_csv_has_a_row_for_each_figure() -> None:
    rows = list(csv.DictReader(io.StringIO(search_csv(make_search(with_accuracy(make_trial()))))))
    found = {(row["metric"], row["batch_size"]): row["value"] for row in rows if row["candidate"] == "bfloat16"}
    assert found[("verdict", "")] == "helps"
    assert float(found[("speedup_ratio", "8")]) == pytest.approx(2.4)
    assert float(found[("accuracy_change_lower", "")]) == -0.004
    assert float(found[("baseline_peak_bytes", "")]) == 480e6
    assert found[("guard_finite", "")] == "1"
    assert rows[-1]["candidate"] == "onnxruntime"


def test_markdown_has_the_table_and_folds_what_was_not_tried() -> None:
    text = search_markdown(SEARCH)
    assert text.startswith("## What helps ranker\n")
    assert re.search(r"^\| bfloat16\\_compile \| helps \(fidelity only\) \| 3\.10× \(3\.01 to 3\.19\) \|", text, re.M)
    assert "<details><summary>Not tried</summary>" in text
    assert "<script>" not in text


def test_json_is_read_again_as_it_was() -> None:
    assert read_search(render_search(SEARCH, "json"), "x") == SEARCH


def test_another_document_is_told_from_a_search() -> None:
    text = to_json(SEARCH).replace('"kind":"search"', '"kind":"profile"')
    with pytest.raises(MmiedError, match=r"x: a profile, as `mmied profile --format json` writes them, not a search"):
        read_search(text, "x")


def test_a_search_with_nothing_in_it_is_told_in_every_format() -> None:
    empty: Search = make_search(with_accuracy(make_trial()), trials=(), left=(), notes=(), environment=None)
    for format in ("html", "markdown", "csv", "json"):
        assert render_search(empty, format)
