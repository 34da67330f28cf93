"""`mmied optimize` tells what helps a model and what it costs, and writes what is chosen, beside and never over it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import searchable
from daemon_process import SUPPORT, mmied

from mmied.codec import from_json
from mmied.optimization import Search
from mmied.reports.documents import read_comparison, read_search

ENVIRON = os.environ | {"PYTHONPATH": str(SUPPORT)}
WASTEFUL = ("--model", "searchable:Wasteful", "--inputs", "shape=batch,16", "--threads", "1", "--batch-size", "8")


def found_in(folder: Path) -> Search:
    (path,) = folder.glob("*_search.json")
    return read_search(path.read_bytes(), str(path))


def test_what_helps_is_found_guarded_and_written_with_a_script_that_makes_it_again(tmp_path: Path) -> None:
    data, out, made = tmp_path / "eval.npz", tmp_path / "out", tmp_path / "made"
    np.savez(data, **searchable.labelled(1000, large=60))
    given = ("--evaluation", str(data), "--calibration", str(data), "--budget", "60s", "--format", "json,html,csv,md")
    candidates = ("--candidates", "searchable:calibrated", "searchable:blind", "searchable:greedy")
    done = mmied(
        *("optimize", *WASTEFUL, *given, *candidates, "--output-dir", str(out)),
        *("--worker-memory", "3GB", "--apply", "searchable:calibrated", "--output", str(made)),
        environ={"PYTHONPATH": f"{SUPPORT}:{tmp_path}"},
    )
    assert done.returncode == 0, done.stderr

    trials = {trial.candidate: trial for trial in found_in(out).trials}
    helpful, blind = trials["searchable.calibrated"], trials["searchable.blind"]
    assert helpful.verdict == "helps"
    assert helpful.fidelity_only is False
    assert (helpful.predictions_changed, helpful.accuracy.samples) == (0, 1000)  # type: ignore[union-attr]
    assert helpful.ratios[0].lower > 2
    # It passes all that random inputs can tell, and fails where it matters.
    assert blind.verdict == "does_not_help"
    assert blind.fidelity.relative_l2 == 0  # type: ignore[union-attr]
    assert "score changed by -0.06" in blind.why
    greedy = trials["searchable.greedy"]
    assert (greedy.verdict, greedy.outcome) == ("does_not_help", "out_of_memory")
    assert "searchable.calibrated  helps" in done.stdout

    assert {path.suffix for path in out.iterdir()} == {".json", ".html", ".csv", ".md"}
    assert {path.name for path in made.iterdir()} == {"manifest.json", "model.pt", "reproduce.py"}
    assert '"predictions_changed": 0' in (made / "manifest.json").read_text()
    assert '"deployed"' in (made / "manifest.json").read_text()

    again = reproduced(made, tmp_path)
    assert again.returncode == 0, again.stderr
    assert "changed 39 rounds" in again.stdout
    assert (tmp_path / "again" / "model.pt").exists()
    taken = reproduced(made, tmp_path)
    assert taken.returncode == 1
    assert "exists already" in taken.stderr
    assert "Traceback" not in taken.stderr

    compared = mmied(
        *("compare", "--models", f"original:searchable:Wasteful,quick:{made}", "--inputs", "shape=batch,16"),
        *("--batch-size", "8", "--num-runs", "20", "--save-dir", str(tmp_path / "compared"), "--report-format", "json"),
    )
    assert compared.returncode == 0, compared.stderr
    (report,) = (tmp_path / "compared").glob("*.json")
    ratios = read_comparison(report.read_bytes(), str(report)).ratios
    assert {ratio.variant for ratio in ratios} == {"quick"}
    assert min(ratio.lower for ratio in ratios) > 2


def test_a_killed_search_leaves_nothing_running_and_is_gone_on_with_where_it_was(tmp_path: Path) -> None:
    out, hold, environ = tmp_path / "out", tmp_path / "hold", {"TMPDIR": str(tmp_path)}
    candidates = ("--candidates", "searchable:unsaved", "searchable:held")
    given = ("optimize", *WASTEFUL, *candidates, "--output-dir", str(out), "--format", "json", "--budget", "90s")
    part = out / "searchable_Wasteful_search.json.part"
    hold.touch()
    with running(*given, environ=environ) as process:
        wait_until(lambda: part.exists() and any(trial.ratios for trial in from_json(Search, part.read_bytes()).trials))
        process.send_signal(signal.SIGKILL)
        process.wait()
    first = from_json(Search, part.read_bytes())
    assert [trial.candidate for trial in first.trials] == ["searchable.unsaved"]
    assert first.trials[0].notes[-1] == "cannot be saved: it is made anew at each start of the server"
    assert first.left == ("searchable.held",)
    wait_until(lambda: not working_in(tmp_path))

    hold.unlink()
    done = mmied(*given, "--resume", environ=environ)
    assert done.returncode == 0, done.stderr
    found = found_in(out)
    assert found.trials[0] == first.trials[0]
    assert [trial.candidate for trial in found.trials] == ["searchable.unsaved", "searchable.held"]
    assert (found.trials[1].verdict, found.left) == ("helps", ())
    assert found.spent_seconds > first.spent_seconds
    assert not part.exists()


def test_an_evaluation_that_raises_is_told_before_anything_is_tried(tmp_path: Path) -> None:
    data = tmp_path / "eval.npz"
    np.savez(data, **searchable.labelled(50))
    done = mmied(
        *("optimize", *WASTEFUL, "--candidates", "searchable:once", "--evaluation", str(data)),
        *("--metric", "searchable:raises", "--output-dir", str(tmp_path / "out")),
    )
    assert done.returncode == 1
    assert "--metric searchable:raises: raised ValueError: labels of another world" in done.stderr
    assert "Traceback" not in done.stderr.rpartition("mmied:")[2]
    assert list((tmp_path / "out").iterdir()) == []


def test_a_model_that_no_candidate_fits_has_the_reasons(linear: Path, tmp_path: Path) -> None:
    done = mmied(
        *("optimize", "--model", str(linear / "linear.pt"), "--inputs", "shape=batch,4"),
        *("--candidates", "channels_last", "float32_as_tf32", "--output-dir", str(tmp_path / "out")),
    )
    assert done.returncode == 1
    assert "nothing could be tried" in done.stderr
    assert "not tried: channels_last: has no way for a model of the kind torchscript" in done.stdout
    assert len(found_in(tmp_path / "out").trials) == 2


def reproduced(made: Path, folder: Path) -> "subprocess.CompletedProcess[str]":
    """What came of the script beside an applied model, told to write into `again`."""
    command = [sys.executable, str(made / "reproduce.py"), str(folder / "again")]
    return subprocess.run(command, env=ENVIRON, cwd=folder, capture_output=True, text=True, check=False)


@contextmanager
def running(*arguments: str, environ: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "mmied", *arguments],
        env=ENVIRON | environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def working_in(folder: Path) -> list[psutil.Process]:
    """Return the processes whose command line names something below a folder."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(str(folder) in word for word in process.info["cmdline"] or ())
    ]


def wait_until(met: Any, seconds: float = 60.0) -> None:
    ends = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < ends, "nothing was kept in time"
        time.sleep(0.2)
