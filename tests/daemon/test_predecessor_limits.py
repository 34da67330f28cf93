"""What is kept of models' files has a limit, never fills the disk, and what is missed least goes first."""

import errno
import fcntl
import os
import subprocess
from pathlib import Path

import pytest
from kept_files import MODELS, a_run, deploy, keep, later, revisions, short, torchscript

from mmied.daemon.predecessors import Predecessors


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "predecessors"


@pytest.fixture
def kept(folder: Path) -> Predecessors:
    return Predecessors(folder, max_size_bytes=100, models=MODELS)


def test_of_each_model_the_deployed_file_and_the_one_before_are_kept(
    kept: Predecessors, tmp_path: Path, folder: Path
) -> None:
    runs = [keep(kept, number, tmp_path / "m.pt", b"%d" % number) for number in (1, 2, 3)]
    other = keep(kept, 4, tmp_path / "n.pt", b"other", model="other")

    assert revisions(folder) == short(*runs[1:])
    assert revisions(folder, "other") == short(other)


def test_nothing_is_kept_where_nothing_may_be(kept: Predecessors, tmp_path: Path, folder: Path) -> None:
    kept.max_size_bytes = 0
    keep(kept, 1, tmp_path / "m.pt", b"x")

    assert not folder.exists()


def test_a_full_disk_is_a_line_in_the_log_and_leaves_nothing(
    kept: Predecessors,
    tmp_path: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def full(*unused: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(fcntl, "ioctl", full)
    run = keep(kept, 1, tmp_path / "m.pt", b"x")

    (line,) = caplog.records
    assert (line.message, line.__dict__["model"]) == ("predecessor_not_kept", "ranker")
    assert "No space left" in line.__dict__["why"]
    assert list((folder / "ranker").iterdir()) == []

    monkeypatch.undo()
    assert kept.keep(later(run, 60.0), torchscript(tmp_path / "m.pt")) is None, "not tried at every run"
    assert kept.keep(later(run, 7 * 3600.0), torchscript(tmp_path / "m.pt")) is not None


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_disk_that_is_full_half_way_leaves_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], check=False).returncode:
        pytest.skip("this root may not mount")
    try:
        kept = Predecessors(disk / "kept", max_size_bytes=10**9, models=MODELS, free_bytes=lambda folder: 10**9)
        keep(kept, 1, tmp_path / "m.pt", bytes(5_000_000))

        assert "No space left" in caplog.records[-1].__dict__["why"]
        assert list((disk / "kept" / "ranker").iterdir()) == []
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def test_the_disk_is_never_filled_to_the_brim(folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    kept = Predecessors(folder, max_size_bytes=100, models=MODELS, free_bytes=lambda folder: 3)

    keep(kept, 1, tmp_path / "m.pt", b"four")

    assert revisions(folder) == []
    assert "has no room for" in caplog.records[-1].__dict__["why"]


def test_what_was_held_against_its_successor_makes_room_and_what_was_not_does_not(
    kept: Predecessors, folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = keep(kept, 1, tmp_path / "m.pt", b"a" * 60)
    second = keep(kept, 2, tmp_path / "m.pt", b"b" * 60)
    before = kept.before("ranker", second.revision)
    assert before is not None
    assert revisions(folder) == short(first), "the evidence comes first"
    assert "keep_previous" in caplog.records[-1].__dict__["why"]

    kept.mark_compared(before)
    kept.keep(second, torchscript(tmp_path / "m.pt"))

    assert revisions(folder) == short(second)


def test_what_was_compared_and_is_deployed_again_is_wanted_again(
    kept: Predecessors, folder: Path, tmp_path: Path
) -> None:
    first = keep(kept, 1, tmp_path / "m.pt", b"a" * 50)
    second = keep(kept, 2, tmp_path / "m.pt", b"b" * 40)
    before = kept.before("ranker", second.revision)
    assert before is not None
    kept.mark_compared(before)
    keep(kept, 3, tmp_path / "m.pt", b"a" * 50)
    keep(kept, 4, tmp_path / "n.pt", b"c" * 40, model="other")

    assert revisions(folder) == short(second, first)
    assert revisions(folder, "other") == []


def test_models_that_are_configured_no_more_lose_their_copies(kept: Predecessors, folder: Path, tmp_path: Path) -> None:
    ranker = keep(kept, 1, tmp_path / "m.pt", b"x")
    keep(kept, 2, tmp_path / "n.pt", b"y", model="other")

    kept.models = {"ranker"}

    assert kept.prune() == 1
    assert revisions(folder) == short(ranker)
    assert [path.name for path in folder.iterdir()] == ["ranker"]


def test_what_a_death_left_half_is_tidied_away(kept: Predecessors, folder: Path, tmp_path: Path) -> None:
    run = keep(kept, 1, tmp_path / "m.pt", b"x")
    (folder / "ranker" / "0123456789ab.part" / "files").mkdir(parents=True)

    assert kept.prune() == 0
    assert [path.name for path in (folder / "ranker").iterdir()] == short(run)


def test_a_smaller_limit_costs_what_was_compared_then_what_was_before_and_last_what_is_deployed(
    kept: Predecessors, folder: Path, tmp_path: Path
) -> None:
    runs = [keep(kept, 1, tmp_path / "m.pt", b"a" * 10), keep(kept, 2, tmp_path / "m.pt", b"b" * 10)]
    others = [keep(kept, number, tmp_path / "n.pt", b"%d" % number * 10, "other") for number in (3, 4)]
    compared = kept.before("other", others[1].revision)
    assert compared is not None
    kept.mark_compared(compared)

    left = []
    for limit in (30, 20, 10, 0):
        kept.max_size_bytes = limit
        assert kept.prune() == 1
        left.append((revisions(folder), revisions(folder, "other")))

    assert left == [
        (short(*runs), short(others[1])),
        (short(runs[1]), short(others[1])),
        ([], short(others[1])),
        ([], []),
    ]


def test_pruning_a_folder_that_is_not_there_is_nothing(kept: Predecessors) -> None:
    assert kept.prune() == 0


def test_a_file_that_is_gone_is_told(kept: Predecessors, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = deploy(tmp_path / "m.pt", b"x")
    run = a_run(1, path)
    path.unlink()

    assert kept.keep(run, torchscript(path)) is None
    assert caplog.records[-1].__dict__["why"] == f"{path}: No such file or directory"
