"""The files of inspections are kept by age and size, and whatever stops us half-way loses none of them."""

import os
from pathlib import Path

import pytest

from mmied.history.artifacts import FILES, FLAME_FILE, INSPECTION_FILE, Artifacts

DAY = 86_400.0
NOW = 1_800_000_000.0


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    return Artifacts(
        tmp_path / "artifacts", retention_seconds=14 * DAY, max_size_bytes=10_000, models=["ranker", "vision"]
    )


def left_by_a_run(folder: Path, size: int = 100) -> Path:
    folder.mkdir(parents=True)
    for name in FILES:
        (folder / name).write_bytes(bytes(size))
    (folder / "run.json").write_text("{}")
    return folder


def keep(
    artifacts: Artifacts, tmp_path: Path, run_id: str, model: str = "ranker", *, days: float, size: int = 100
) -> None:
    """Keep what a run left so many days ago."""
    artifacts.keep(run_id, model, left_by_a_run(tmp_path / "runs" / run_id, size))
    os.utime(tmp_path / "artifacts" / run_id, (NOW - days * DAY,) * 2)


def kept(artifacts: Artifacts, *run_ids: str) -> list[str]:
    return [run_id for run_id in run_ids if artifacts.file(run_id, INSPECTION_FILE) is not None]


def test_what_an_inspection_left_is_moved_and_told(artifacts: Artifacts, tmp_path: Path) -> None:
    folder = left_by_a_run(tmp_path / "runs" / "r1")

    assert artifacts.keep("r1", "ranker", folder) == dict.fromkeys(FILES, 100)
    assert artifacts.file("r1", FLAME_FILE) is not None
    assert sorted(path.name for path in folder.iterdir()) == ["run.json"]


def test_a_run_that_left_nothing_makes_no_folder(artifacts: Artifacts, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    assert artifacts.keep("r1", "ranker", tmp_path / "empty") == {}
    assert not (tmp_path / "artifacts").exists()


@pytest.mark.parametrize("moved", [0, 1, 2, 3])
def test_a_move_that_was_cut_off_is_ended_by_the_next(artifacts: Artifacts, tmp_path: Path, moved: int) -> None:
    folder = left_by_a_run(tmp_path / "runs" / "r1")
    draft = tmp_path / "artifacts" / "r1.part"
    draft.mkdir(parents=True)
    for name in FILES[:moved]:
        (folder / name).replace(draft / name)
    assert artifacts.file("r1", FLAME_FILE) is None, "half of it is not shown"

    assert artifacts.keep("r1", "ranker", folder) == dict.fromkeys(FILES, 100)
    assert artifacts.keep("r1", "ranker", folder) == dict.fromkeys(FILES, 100), "and again changes nothing"
    assert not draft.exists()


def test_what_no_run_comes_back_to_is_cleared(artifacts: Artifacts, tmp_path: Path) -> None:
    keep(artifacts, tmp_path, "r1", days=0)
    (tmp_path / "artifacts" / "gone.part").mkdir()

    artifacts.clear_unfinished()

    assert [path.name for path in (tmp_path / "artifacts").iterdir()] == ["r1"]


def test_old_files_go_and_the_newest_of_each_model_stays(artifacts: Artifacts, tmp_path: Path) -> None:
    keep(artifacts, tmp_path, "ancient", days=40)
    keep(artifacts, tmp_path, "newest", days=20)
    keep(artifacts, tmp_path, "only", "vision", days=30)

    assert artifacts.prune(NOW) == 1
    assert kept(artifacts, "ancient", "newest", "only") == ["newest", "only"]


def test_a_model_that_is_no_longer_configured_keeps_nothing_for_ever(artifacts: Artifacts, tmp_path: Path) -> None:
    keep(artifacts, tmp_path, "r1", "gone", days=15)
    (tmp_path / "artifacts" / "no-model-told").mkdir()
    os.utime(tmp_path / "artifacts" / "no-model-told", (NOW - 15 * DAY,) * 2)

    assert artifacts.prune(NOW) == 2
    assert list((tmp_path / "artifacts").iterdir()) == []


def test_of_too_much_the_oldest_go_and_the_newest_of_a_model_after_all_others(
    artifacts: Artifacts, tmp_path: Path
) -> None:
    keep(artifacts, tmp_path, "only", "vision", days=9, size=1000)
    for days in range(1, 6):
        keep(artifacts, tmp_path, f"r{days}", days=days, size=1000)
    artifacts.prune(NOW)
    assert kept(artifacts, "only", "r5", "r4", "r3", "r2", "r1") == ["only", "r2", "r1"]

    artifacts.max_size_bytes = 3500
    artifacts.prune(NOW)
    assert kept(artifacts, "only", "r2", "r1") == ["r1"]

    artifacts.max_size_bytes = 1000
    artifacts.prune(NOW)
    assert kept(artifacts, "r1") == [], "no inspection is larger than all of them may be"


def test_a_folder_that_is_not_there_has_nothing_to_prune(artifacts: Artifacts) -> None:
    assert artifacts.prune(NOW) == 0
    artifacts.clear_unfinished()


@pytest.mark.parametrize("run_id", ["", ".", "..", "../runs/r1", "/etc", "r1/..", "r2"])
def test_an_address_leads_nowhere_else(artifacts: Artifacts, tmp_path: Path, run_id: str) -> None:
    left_by_a_run(tmp_path / "runs" / "r1")
    keep(artifacts, tmp_path, "r0", days=0)

    assert artifacts.file(run_id, INSPECTION_FILE) is None
