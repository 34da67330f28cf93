"""`mmied regressions` tells what was found, all that is known of one, and notes that somebody has seen it."""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pytest
from judged_history import CHANGE, DAY, LOAD, P50, REFERENCE, THROUGHPUT, Kept, points_of_levels

from mmied.codec import from_json
from mmied.profiles import PairedRatio
from mmied.regression import Evidence, RecordedChange, SeriesKey


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    """A history with one active regression that began yesterday."""
    found = Kept(tmp_path)
    now = time.time()
    found.keep(points_of_levels(P50, (20, 0.010), (5, 0.012), end=now))
    found.keep_change(now - DAY)
    return found


def test_a_list_tells_each_regression_in_a_line(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    assert kept.call("regressions", "list") == 0

    head, line = capsys.readouterr().out.splitlines()
    assert head.split()[:3] == ["id", "began", "series"]
    assert line.startswith("c0ffee0123456789 ")
    for part in ("ranker b8 latency_p50", "10.0 ms → 12.0 ms", "20 % worse [18 %, 22 %]", "model", "active"):
        assert part in line


def test_without_a_word_regressions_are_listed(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    assert kept.call("regressions", "list", "--active") == 0
    listed = capsys.readouterr().out
    assert kept.call("regressions", "--active") == 0
    assert capsys.readouterr().out == listed != ""


def test_improvements_and_old_ones_are_told_when_asked_for(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    now = time.time()
    kept.keep_change(now - 100 * DAY, "old", state="recovered", ended_at=now - 99 * DAY)
    kept.keep_change(now - 200 * DAY, "stubborn")
    kept.keep_change(now - 2 * DAY, "gone", state="recovered", ended_at=now - DAY)
    kept.keep_change(now - 3 * DAY, "better", key=THROUGHPUT, worse=False, change_ratio=-0.1, lower=-0.12, upper=-0.08)

    def listed(*options: str) -> list[str]:
        assert kept.call("regressions", "list", *options) == 0
        return [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]]

    assert listed() == [CHANGE.change_id, "gone", "stubborn"]
    assert listed("--all") == [CHANGE.change_id, "gone", "better", "old", "stubborn"]
    assert listed("--active") == [CHANGE.change_id, "stubborn"]
    assert listed("--since", "36h") == [CHANGE.change_id]
    assert listed("--model", "tagger") == []


def test_an_improvement_is_told_as_one(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    kept.keep_change(
        time.time(), "better", key=THROUGHPUT, worse=False, before=100.0, after=110.0,
        change_ratio=-0.1, lower=-0.12, upper=-0.08,
    )  # fmt: skip
    kept.call("regressions", "show", "better")

    said = capsys.readouterr().out
    assert "10 % better [8.0 %, 12 %]" in said
    assert "100 samples/s before, 110 samples/s after" in said


def test_show_tells_all_that_is_known(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    kept.keep_change(
        time.time(),
        paired=PairedRatio(
            variant="new", batch_size=8, pairs=24, speedup_ratio=0.83, lower=0.82, upper=0.84,
            control_lower=0.99, control_upper=1.01,
        ),
        part_of="host-1",
        evidence=(*CHANGE.evidence, Evidence(kind="reference", text="the reference work took as long as before")),
        inspection_before="inspect-1",
        inspection_after="inspect-2",
        explanation=("layer encoder.3 takes 1.9 ms longer",),
        acknowledged_at=time.time(),
        acknowledged_by="ada",
        note="looking into it",
    )  # fmt: skip
    assert kept.call("regressions", "show", "c0ffee") == 0

    said = capsys.readouterr().out
    for part in (
        "c0ffee0123456789: ranker b8 latency_p50 on cpu: 20 % worse [18 %, 22 %]",
        "10.0 ms before, 12.0 ms after",
        "sure to 99.99 %",
        "run-0019",
        "run-0020",
        "run-0022, 10 min later",
        "cause: model",
        "the model's file changed between the two runs (speaks for: model)",
        "the reference work took as long as before\n",
        "model_changed: sha256 5eed is now f00d",
        "0.830 times as fast [0.820, 0.840], 24 pairs at batch size 8",
        "the same file against itself: 0.990 to 1.010",
        "part of: host-1",
        "layer encoder.3 takes 1.9 ms longer",
        "/inspections/inspect-2/against/inspect-1 ",
        "/inspections/inspect-2/against/inspect-1/flamegraph",
        "acknowledged: by ada",
        "note: looking into it",
    ):
        assert part in said


def test_the_pages_that_show_names_are_the_daemon_s(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    from mmied.reports.regression_words import difference_paths
    from mmied.web.app import create_app

    app = create_app(store=None, artifacts=None, status=None, expose=None, ready=None)  # type: ignore[arg-type]
    paths = difference_paths(replace(CHANGE, inspection_before="a", inspection_after="b"))
    assert len(paths) == 2
    for path in paths:
        scope = {"type": "http", "method": "GET", "path": path}
        assert any(route.matches(scope)[0].value == 2 for route in app.routes)
    assert difference_paths(CHANGE) == ()


def test_json_is_the_record_a_change_a_line(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    whole = kept.keep_change(time.time(), "second")
    kept.call("regressions", "list", "--format", "json")
    lines = capsys.readouterr().out.splitlines()
    assert [from_json(RecordedChange, line).change_id for line in lines] == ["second", CHANGE.change_id]

    kept.call("regressions", "show", "second", "--format", "json")
    assert from_json(RecordedChange, capsys.readouterr().out) == whole


def test_the_host_s_own_regression_is_told_as_the_host_s(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    kept.keep_change(time.time(), "host", key=REFERENCE, cause="host")
    kept.call("regressions", "list")

    assert "(host) cpu reference_compute" in capsys.readouterr().out


def test_a_beginning_that_several_ids_have_is_told(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    kept.keep_change(time.time(), "c0ffee0123ab")

    assert kept.call("regressions", "show", "c0ffee01") == 1
    assert "begins the ids of 2 changes: c0ffee0123ab, c0ffee0123456789." in capsys.readouterr().err
    assert kept.call("regressions", "show", "c0ffee0123a") == 0


def test_an_unknown_id_is_told_with_those_that_there_are(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    for given in ("beef", ""):
        assert kept.call("regressions", "show", given) == 1
        assert f'no change has the id "{given}". The newest are c0ffee0123456789.' in capsys.readouterr().err


def test_an_unknown_model_is_told_with_a_hint(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    assert kept.call("regressions", "list", "--model", "tagger") == 0, "it is configured, and has not run yet"
    assert capsys.readouterr().out == "no regressions\n"
    assert kept.call("regressions", "list", "--model", "rankr") == 1
    assert 'no figures of "rankr" in the history. Did you mean "ranker"?' in capsys.readouterr().err


def test_an_age_that_is_none_is_told(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        kept.call("regressions", "list", "--since", "last tuesday")
    assert ended.value.code == 2
    assert 'last tuesday is not a duration. Try "15m"' in capsys.readouterr().err


def test_acknowledging_is_kept_with_who_and_what(
    kept: Kept, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_USER", "grace")
    assert kept.call("regressions", "acknowledge", "c0ffee", "--note", "known, fixed on monday") == 0
    assert "acknowledged by grace" in capsys.readouterr().out

    with kept.opened() as store:
        change = store.change(CHANGE.change_id)
    assert change is not None
    assert change.acknowledged_at is not None
    assert (change.acknowledged_by, change.note, change.state) == ("grace", "known, fixed on monday", "active")
    kept.call("regressions", "list")
    assert "active, acknowledged" in capsys.readouterr().out

    kept.call("regressions", "acknowledge", "c0ffee", "--by", "ada")
    assert "acknowledged by ada; before by grace" in capsys.readouterr().out
    with kept.opened() as store:
        again = store.change(CHANGE.change_id)
    assert again is not None
    assert again.note == "known, fixed on monday", "who says nothing takes nothing back"


def test_where_there_is_no_history_none_is_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = Kept(tmp_path)
    assert empty.call("regressions", "list") == 1
    assert "holds no history" in capsys.readouterr().err
    assert not empty.path.parent.exists()


def test_an_empty_history_has_no_regressions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = Kept(tmp_path)
    empty.keep(points_of_levels(LOAD, (1, 0.2), end=time.time()))
    assert empty.call("regressions", "list") == 0
    assert capsys.readouterr().out == "no regressions\n"
    assert empty.call("regressions", "show", "x") == 1
    assert "None was found yet." in capsys.readouterr().err


@pytest.mark.root
def test_who_may_not_write_the_history_is_told_who_may() -> None:
    script = (  # all modules before: who is nobody may not read them everywhere
        "import getpass, sys, os, mmied.commands.regressions; from mmied.cli import main; "
        "os.setegid(65534); os.seteuid(65534); sys.exit(main())"
    )
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # pytest's own is closed to everybody else
        kept = Kept(Path(folder))
        kept.keep_change(time.time())
        for open_to_all in (Path(folder), kept.config):
            open_to_all.chmod(0o755)
        for closed in (kept.path, kept.path.parent):
            closed.chmod(0o600 if closed.is_file() else 0o700)
            ended = subprocess.run(
                [sys.executable, "-c", script, "regressions", "list", "--config", kept.config],
                env=os.environ, capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert ended.returncode == 1, ended.stderr
            assert "may not write it. Run the command as" in ended.stderr
            assert "Traceback" not in ended.stderr


def test_a_hundred_changes_are_a_hundred_lines(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(100):
        kept.keep_change(time.time() - number, f"{number:04}", key=SeriesKey("ranker", f"b{number}", "latency_p50"))
    kept.call("regressions", "list", "--active")

    assert len(capsys.readouterr().out.splitlines()) == 1 + 101
