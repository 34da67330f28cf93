"""What `mmied optimize` cannot do is told before a worker starts, and what it may apply and try anew is decided."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import searchable
from searches import make_search, make_trial

from mmied.cli import main
from mmied.codec import to_json
from mmied.commands.optimize import _refusal
from mmied.commands.optimize_resume import is_tried_anew
from mmied.optimization import Guard

WASTEFUL = ("--model", "searchable:Wasteful", "--inputs", "shape=batch,16", "--threads", "1", "--batch-size", "8")


@pytest.fixture
def options(tmp_path: Path) -> tuple[str, ...]:
    """Options that would do."""
    return (*WASTEFUL, "--output-dir", str(tmp_path / "out"))


def refused(capsys: pytest.CaptureFixture[str], *given: str) -> str:
    assert main(["optimize", *given]) == 1
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--budget", "0"), "--budget: 0"),
        (("--budget", "3s"), "--budget: 3s is too little: a single candidate takes 8s"),
        (("--budget", "soon"), "--budget: soon"),
        (("--minimum-effect", "ten"), "--minimum-effect: ten is not"),
        (("--candidates", "bflot16"), '--candidates: "bflot16" is no candidate. Did you mean "bfloat16"?'),
        (("--candidates", "shop tricks:fast"), "--candidates: shop tricks:fast is not the import path"),
        (("--apply", "bfloat16"), "--apply and --output belong together"),
        (("--output", "new"), "--apply and --output belong together"),
        (("--apply", "bflot16", "--output", "new"), '--apply: "bflot16" is no candidate. Did you mean "bfloat16"?'),
        (("--metric", "accuracy"), "--metric and --max-drop: are about labelled samples"),
        (("--evaluation", "gone.npz"), "--evaluation: gone.npz cannot be read"),
        (("--evaluation", "{data}", "--metric", "acuracy"), '"acuracy" is no metric. Did you mean "accuracy"?'),
        (("--evaluation", "{data}", "--max-drop", "-1"), "--max-drop: -1 is no drop"),
        (("--calibration", "notes.txt"), "--calibration: notes.txt is neither a .npz nor a .safetensors"),
        (("--fine-tune", "train"), "--fine-tune: train is not the import path"),
        (("--format", "pdf"), '--format: "pdf" is no format'),
        (("--resume",), "has no search of searchable:Wasteful to go on with"),
    ],
)
def test_a_wrong_option_is_told_before_anything_is_written(
    given: tuple[str, ...], told: str, options: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data.npz"
    np.savez(data, **searchable.labelled(4))
    assert told in refused(capsys, *options, *(word.format(data=data) for word in given))
    assert not list((tmp_path / "out").glob("*"))


def test_nothing_is_written_over(options: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    taken = tmp_path / "taken"
    taken.write_text("mine")
    assert "exists already" in refused(capsys, *options, "--apply", "bfloat16", "--output", str(taken))
    assert taken.read_text() == "mine"


def test_a_search_of_other_batch_sizes_is_not_gone_on_with(
    options: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "searchable_Wasteful_search.json").write_text(to_json(make_search()))
    assert "the batch sizes 1 8, and this one has 8" in refused(capsys, *options, "--resume")


def test_the_list_has_every_candidate_and_asks_for_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["optimize", "--list"])
    told = capsys.readouterr().out
    assert end.value.code == 0
    assert "bfloat16_compile" in told
    assert "needs" in told.splitlines()[0]


def test_only_what_works_and_gives_the_right_answers_is_applied() -> None:
    wrong = Guard(name="accuracy", met=False, shown="score changed by -0.06")
    doubtful = Guard(name="accuracy", met=False, sure=False, shown="too few samples")
    assert _refusal(make_trial()) is None
    assert _refusal(make_trial(verdict="does_not_help", speedup=0.9)) is None  # for its memory, say
    assert _refusal(make_trial(verdict="cannot_tell", guards=(doubtful,))) is None
    assert _refusal(make_trial(verdict="does_not_help", guards=(wrong,))) == "score changed by -0.06"
    assert _refusal(make_trial(outcome="crashed", why="died of SIGSEGV")) == "died of SIGSEGV"
    assert "did not reach it" in str(_refusal(None))


def test_a_search_that_is_gone_on_with_tries_anew_what_wanted_a_library_or_time() -> None:
    unsettled = make_trial(verdict="cannot_tell")
    assert is_tried_anew(make_trial(verdict="not_tried", seconds=0.0))
    assert is_tried_anew(replace(unsettled, ratios=(), outcome="timed_out"))
    assert not is_tried_anew(make_trial(verdict="not_tried"))  # it was asked, and said that it does not fit
    assert not is_tried_anew(unsettled)
    assert not is_tried_anew(make_trial(verdict="does_not_help", outcome="crashed"))
