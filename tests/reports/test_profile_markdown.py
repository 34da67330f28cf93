"""The Markdown holds the figures, says what is missing, and a name in it stays a name."""

from dataclasses import replace

from builders import make_failure
from profile_builders import (
    B8,
    B32,
    bare_profile,
    make_calls,
    make_comparison,
    make_inspection,
    make_layers,
    make_profile,
    make_workload_result,
    sweep_profile,
)

from mmied.profiles import Recommendation
from mmied.reports.markdown import prose, table
from mmied.reports.profile_markdown import comparison_markdown, profile_markdown

ADVICE = Recommendation(
    rule="batch_size",
    title="Serve batches of 8",
    because="They give 2.7 times the throughput.",
    confirm="`mmied profile --batch-size 8` on the serving host.",
    confidence="high",
)


def rows(text: str) -> list[list[str]]:
    return [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]


def test_each_workload_has_a_row() -> None:
    text = profile_markdown(sweep_profile())

    assert text.startswith("## classifier\n\ncpu · float32 · 2 threads · 4.67 M parameters")
    assert ["b8", "18.0 ms", "18.4 ms", "20.2 ms", "444 samples/s", "60.0 MB", "0 %"] in rows(text)
    assert "268 M FLOPs a call (coverage 94 %)" in text


def test_what_failed_and_what_is_withheld_is_said() -> None:
    few = make_workload_result(B8, calls=make_calls(samples=100))

    text = profile_markdown(
        make_profile(
            results=(few, make_failure(B32, "out_of_memory")),
            inspection=make_inspection(layers=None, failures={"layers": "no events"}),
            notes=("the host was busy",),
        )
    )

    assert "withheld: needs 459 samples, has 100" in text
    assert "failed: out\\_of\\_memory of the test" in text
    assert "- The pass “layers” failed: no events" in text
    assert "- the host was busy." in text


def test_unfit_figures_are_marked() -> None:
    result = make_workload_result(B8)
    assert result.latency is not None
    unfit = replace(result, latency=replace(result.latency, fit=False), settled=False)

    text = profile_markdown(make_profile(results=(unfit,)))

    assert "b8: contention left too little to stand on" in text
    assert "b8: its latency never settled" in text


def test_layers_that_cannot_be_told_apart_are_not_ranked() -> None:
    inspection = make_inspection(layers=make_layers(told_apart=False))

    assert "Costliest layers" not in profile_markdown(make_profile(inspection=inspection))


def test_recommendations_keep_their_code() -> None:
    text = profile_markdown(make_profile(recommendations=(ADVICE,)))

    assert "- **Serve batches of 8** (high confidence). They give 2.7 times" in text
    assert "To confirm: `mmied profile --batch-size 8` on the serving host." in text


def test_sections_of_the_caller_come_after_the_heading() -> None:
    text = profile_markdown(bare_profile(), sections=("### Thresholds", "all met"))

    assert text.index("## classifier") < text.index("### Thresholds") < text.index("Nothing was measured.")


def test_no_name_becomes_markup() -> None:
    text = profile_markdown(make_profile("a|b <script> *c* [d](e)\n# f `g`"))

    assert text.startswith("## a\\|b &lt;script&gt; \\*c\\* \\[d\\](e) \\# f \\`g\\`\n")


def test_a_table_stays_a_table() -> None:
    text = table(("name", "figure"), [("a|b\nc", "1")])

    assert text.splitlines() == ["| name | figure |", "| --- | ---: |", "| a\\|b c | 1 |"]


def test_a_lone_backtick_opens_no_code() -> None:
    assert prose("run `x` in a_b") == "run `x` in a\\_b"
    assert prose("a ` b") == "a \\` b"


def test_a_comparison_says_who_failed_and_which_speedup_is_noise() -> None:
    report = make_comparison()
    noise = replace(report.ratios[2], speedup_ratio=1.003, lower=0.99, upper=1.01)

    text = comparison_markdown(replace(report, ratios=(*report.ratios[:2], noise)))

    table_rows = {row[0]: row for row in rows(text)}
    assert table_rows["quantized"][-1].replace("\N{NO-BREAK SPACE}", " ") == "1.98× (1.90× to 2.04×)"
    assert table_rows["distilled"][-1].endswith("cannot be told from none)")
    assert table_rows["original"][-1].startswith("baseline (against itself")
    assert "- **pruned**: pruned.pt is not a model that can be opened" in text
    assert "test data reviews.npz" in text
