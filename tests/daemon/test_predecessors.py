"""The files of a model are kept as they ran, whole or not at all, and for us alone."""

import fcntl
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from builders import make_run
from kept_files import MODELS, a_run, deploy, digest_of, keep, revisions, short, torchscript

from mmied.codec import from_json, to_json
from mmied.daemon import private_copy
from mmied.daemon.predecessors import Predecessors, give_order, take_result
from mmied.records import Source
from mmied.regression import PREDECESSOR_FILE, PREDECESSOR_RESULT_FILE, Predecessor, PredecessorResult
from mmied.trust import unsafe_reason


@pytest.fixture
def srv(tmp_path: Path) -> Path:
    folder = tmp_path / "srv"
    folder.mkdir()
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "predecessors"


@pytest.fixture
def kept(folder: Path) -> Predecessors:
    return Predecessors(folder, max_size_bytes=1_000_000, models=MODELS)


def test_the_file_before_is_there_after_the_deployed_one_was_overwritten(kept: Predecessors, srv: Path) -> None:
    first = keep(kept, 1, srv / "m.pt", b"old")
    assert kept.before("ranker", first.revision) is None, "there was none before"
    second = keep(kept, 2, srv / "m.pt", b"new and longer")

    before = kept.before("ranker", second.revision)

    assert before is not None
    assert (before.model, before.revision, before.kept_at) == ("ranker", first.revision, first.ended_at)
    copy = Path(str(before.source.path))
    assert (copy.read_bytes(), before.size_bytes) == (b"old", 3)
    assert copy.stat().st_ino != (srv / "m.pt").stat().st_ino
    assert before.source == Source(kind="torchscript", path=str(copy), trust=f"sha256:{digest_of(copy)}")


def test_a_copy_is_for_us_alone(kept: Predecessors, srv: Path, folder: Path) -> None:
    keep(kept, 1, srv / "m.pt", b"code")

    places = [folder, *folder.rglob("*")]
    (copy,) = folder.rglob("m.pt")

    assert {stat.S_IMODE(place.stat().st_mode) for place in places if place.is_dir()} == {0o700}
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert {place.stat().st_uid for place in places} == {os.geteuid()}
    assert unsafe_reason(copy, uid=os.geteuid()) is None


def test_a_roll_back_makes_the_newer_file_the_one_before(kept: Predecessors, srv: Path) -> None:
    first = keep(kept, 1, srv / "m.pt", b"good")
    second = keep(kept, 2, srv / "m.pt", b"worse")
    keep(kept, 3, srv / "m.pt", b"good")

    before = kept.before("ranker", first.revision)
    assert before is not None
    assert before.revision == second.revision

    third = keep(kept, 4, srv / "m.pt", b"better")
    before = kept.before("ranker", third.revision)
    assert before is not None
    assert before.revision == first.revision, "it was deployed last"


def test_what_is_not_the_file_that_ran_is_not_kept(
    kept: Predecessors, srv: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = a_run(1, deploy(srv / "m.pt", b"that ran"))
    deploy(srv / "m.pt", b"that came after")

    assert kept.keep(run, torchscript(srv / "m.pt")) is None

    assert revisions(folder) == []
    assert "not those that the run opened" in caplog.records[-1].__dict__["why"]


@pytest.mark.parametrize(
    "changes", [{"outcome": "failed"}, {"outcome": "crashed"}, {"outcome": "refused"}, {"revision": None}]
)
def test_only_what_ran_well_is_kept(kept: Predecessors, srv: Path, folder: Path, changes: dict[str, Any]) -> None:
    run = a_run(1, deploy(srv / "m.pt", b"x"), **changes)

    assert kept.keep(run, torchscript(srv / "m.pt")) is None
    assert revisions(folder) == []


def test_of_a_factory_the_weights_are_kept_and_without_any_nothing(kept: Predecessors, srv: Path, folder: Path) -> None:
    weights = deploy(srv / "w.safetensors", b"weights")
    source = Source(kind="factory", factory="shop:make", weights=str(weights), arguments={"classes": 3})

    assert kept.keep(a_run(1, weights), Source(kind="factory", factory="shop:make")) is None
    found = kept.keep(a_run(1, weights), source)

    assert found is not None
    assert (found.source.factory, found.source.arguments, found.source.path) == ("shop:make", {"classes": 3}, None)
    assert Path(str(found.source.weights)).read_bytes() == b"weights"
    assert found.source.trust == f"sha256:{digest_of(weights)}"


def test_of_a_hugging_face_folder_what_is_opened_is_kept(kept: Predecessors, srv: Path) -> None:
    weights = deploy(srv / "model.safetensors", b"weights")
    deploy(srv / "config.json", b"{}")
    deploy(srv / "pytorch_model.bin", b"the same again, which nobody opens")
    deploy(srv / "README.md", b"words")

    found = kept.keep(a_run(1, weights), Source(kind="huggingface", path=str(srv)))

    assert found is not None
    copies = {path.name: path.read_bytes() for path in Path(str(found.source.path)).iterdir()}
    assert copies == {"config.json": b"{}", "model.safetensors": b"weights"}
    assert found.source.trust is None


def test_of_a_saved_optimization_the_whole_folder_is_kept_by_the_hash_of_its_manifest(
    kept: Predecessors, srv: Path
) -> None:
    manifest, model = deploy(srv / "manifest.json", b"{}"), deploy(srv / "model.onnx", b"graph")

    found = kept.keep(a_run(1, manifest, model), Source(kind="optimized", path=str(srv)))

    assert found is not None
    assert found.source.trust == f"sha256:{digest_of(manifest)}"
    assert (Path(str(found.source.path)) / "model.onnx").read_bytes() == b"graph"


def test_where_files_can_be_cloned_no_byte_is_copied(
    kept: Predecessors, srv: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def clone(target: int, request: int, original: int) -> None:
        assert request == 0x40049409
        os.sendfile(target, original, 0, os.fstat(original).st_size)

    monkeypatch.setattr(fcntl, "ioctl", clone)
    monkeypatch.setattr(private_copy, "_copy_chunks", None)
    keep(kept, 1, srv / "m.pt", b"shared")

    (copy,) = folder.rglob("m.pt")
    assert copy.read_bytes() == b"shared"


def test_a_death_in_the_middle_leaves_nothing_half(kept: Predecessors, srv: Path, folder: Path) -> None:
    run = a_run(1, deploy(srv / "m.pt", b"x" * 5000))
    (folder.parent / "run.json").write_text(to_json(run))
    # Killed after the first bytes: nothing is tidied up.
    script = """
import os, sys
from pathlib import Path
from mmied.codec import from_json
from mmied.daemon import predecessors, private_copy
from mmied.records import Run, Source

private_copy._copy_chunks = lambda original, copy: (copy.write(original.read(100)), os.kill(os.getpid(), 9))
folder = Path(sys.argv[1])
kept = predecessors.Predecessors(folder, max_size_bytes=10**6, models={"ranker"})
run = from_json(Run, (folder.parent / "run.json").read_bytes())
kept.keep(run, Source(kind="torchscript", path=sys.argv[2]))
"""
    command = [sys.executable, "-c", script, str(folder), str(srv / "m.pt")]

    assert subprocess.run(command, check=False).returncode == -9
    assert [path.name for path in (folder / "ranker").iterdir()] == [f"{run.revision:.12}.part"]
    assert kept.before("ranker", None) is None
    assert kept.keep(run, torchscript(srv / "m.pt")) is not None
    assert [path.name for path in (folder / "ranker").iterdir()] == short(run)
    assert [path.stat().st_size for path in folder.rglob("m.pt")] == [5000]


def test_a_copy_whose_record_is_broken_is_none(kept: Predecessors, srv: Path, folder: Path) -> None:
    run = keep(kept, 1, srv / "m.pt", b"x")
    (folder / "ranker" / short(run)[0] / PREDECESSOR_FILE).write_text("{")

    assert kept.before("ranker", None) is None


def test_the_order_of_a_job_is_the_kept_model(kept: Predecessors, srv: Path, tmp_path: Path) -> None:
    keep(kept, 1, srv / "m.pt", b"x")
    found = kept.before("ranker", None)
    assert found is not None

    give_order(found, tmp_path / "runs" / "run-1")

    assert from_json(Predecessor, (tmp_path / "runs" / "run-1" / PREDECESSOR_FILE).read_bytes()) == found


def test_what_came_of_a_comparison_is_read_where_it_came_to_its_end(tmp_path: Path) -> None:
    result = PredecessorResult(model="ranker", revision="b" * 64, predecessor_revision="a" * 64)
    (tmp_path / PREDECESSOR_RESULT_FILE).write_text(to_json(result))

    assert take_result(make_run(kind="compare", results=()), tmp_path) == result
    assert take_result(make_run(), tmp_path) is None
    assert take_result(make_run(kind="compare", outcome="crashed", results=()), tmp_path) is None
    (tmp_path / PREDECESSOR_RESULT_FILE).write_text("half of i")
    assert take_result(make_run(kind="compare", results=()), tmp_path) is None
