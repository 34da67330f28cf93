"""A command tells of its worker in its own words, and leaves no folder behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from builders import failed, make_run

from mmied.codec import to_json
from mmied.commands.working import LOCK, phase_of, require_success, sentence_of, working_folder
from mmied.errors import MmiedError


def test_limits_are_named_as_the_options_that_change_them() -> None:
    run = failed(message="not done after 9 s of `budget.run_timeout`; more than `budget.worker_memory` allows")
    assert sentence_of(run) == "not done after 9 s of --timeout; more than --worker-memory allows"


def test_a_worker_that_failed_is_told_with_the_end_of_its_log(capsys: pytest.CaptureFixture[str]) -> None:
    require_success(make_run())
    with pytest.raises(MmiedError, match="ranker: internal of the test"):
        require_success(failed(log_tail="Traceback of the model\n"))
    assert capsys.readouterr().err == "Traceback of the model\n"


def test_a_worker_that_has_not_said_where_it_is_is_nowhere(tmp_path: Path) -> None:
    assert phase_of(tmp_path)() is None
    (tmp_path / "run.json.part").write_text("half of")
    assert phase_of(tmp_path)() is None
    (tmp_path / "run.json.part").write_text(to_json(make_run(phase="3/12 measure b8")))
    assert phase_of(tmp_path)() == "3/12 measure b8"


def test_the_working_folder_goes_whatever_happens() -> None:
    with pytest.raises(KeyboardInterrupt), working_folder("test") as folder:
        (folder / "model.pt").touch()
        raise KeyboardInterrupt
    assert not folder.exists()


def test_what_a_killed_command_left_goes_with_the_next_one_and_what_one_works_in_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    works = "import sys\nfrom mmied.commands.working import working_folder\n"
    works += "with working_folder('test') as folder: print(folder, flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", works]
    environ = {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ) as other:
        assert other.stdout is not None
        of_other = Path(other.stdout.readline().strip())
        with working_folder("test"):
            assert of_other.exists()
        other.kill()
    assert of_other.exists()
    with working_folder("test"):
        assert not of_other.exists()


@pytest.mark.root
def test_what_somebody_else_put_there_is_not_even_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    trap = tmp_path / "mmied-test-trap"
    trap.mkdir()
    os.mkfifo(trap / LOCK)  # to open it would wait for a writer
    os.chown(trap, 65534, 65534)
    with working_folder("test"):
        assert trap.exists()
