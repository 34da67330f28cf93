"""A changed file is held against the one before in several processes, and whatever goes wrong is told."""

import hashlib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from mmied.bench import compare_worker, interleave, predecessor_worker, session, worker
from mmied.bench.predecessor_worker import compare
from mmied.codec import from_json, to_json
from mmied.records import InputSpec, Job, ModelSpec, Run, Source, Workload
from mmied.regression import PREDECESSOR_FILE, PREDECESSOR_RESULT_FILE, Predecessor, PredecessorResult
from mmied.verdicts.succession import slower_file

INPUTS = (InputSpec(shape=("batch", 64)),)
B1, B2 = Workload(scenario="b1", batch_size=1), Workload(scenario="b2", batch_size=2)
PACED = Workload(scenario="b1-gap10ms", batch_size=1, gap_seconds=0.01)


class Deep(torch.nn.Module):
    def __init__(self, layers: int, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.layers = torch.nn.Sequential(*(torch.nn.Linear(64, 64) for _ in range(layers)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.softmax(self.layers(x), 1)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with old.pt, deeper.pt (four times the layers), other.pt (other weights) and narrow.pt (batch 1)."""
    folder = tmp_path_factory.mktemp("files")
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        for name, model in {"old": Deep(10), "deeper": Deep(40), "other": Deep(10, seed=1)}.items():
            torch.jit.trace(model.eval(), torch.randn(2, 64)).save(folder / f"{name}.pt")
        one = torch.export.export(Deep(10).eval(), (torch.randn(1, 64),))
    torch.export.save(one, folder / "narrow.pt2")
    for path in folder.iterdir():
        path.chmod(0o644)
    return folder


@pytest.fixture(autouse=True)
def few_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predecessor_worker, "PROCESSES", 2)
    monkeypatch.setattr(worker, "die_with_parent", lambda: None)
    monkeypatch.setattr(interleave, "MINIMUM_ROUNDS", 8)
    monkeypatch.setattr(session, "WARM_UP_SECONDS", 0.2)


def here(folder: Path) -> int:
    """Do a process's job in this one."""
    return worker.main(folder, compare_worker.compare)


def source_of(path: Path) -> Source:
    return Source(kind="exported" if path.suffix == ".pt2" else "torchscript", path=str(path))


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def compared(
    folder: Path,
    before: Path,
    deployed: Path,
    *,
    workloads: tuple[Workload, ...] = (B1,),
    start: Callable[[Path], int] = here,
    **changes: Any,
) -> PredecessorResult:
    spec = ModelSpec(name="ranker", source=source_of(deployed), inputs=INPUTS, threads=1)
    settings = {"scenario_seconds": 9.0, "memory_bytes": 4 << 30} | changes.pop("job", {})
    job = Job(run_id="run-1", kind="compare", model=spec, workloads=workloads, **settings)
    kept: dict[str, Any] = {
        "model": "ranker",
        "revision": digest_of(before) if before.exists() else "0" * 64,
        "kept_at": 1.0,
        "source": source_of(before),
        "size_bytes": 1000,
    }
    (folder / PREDECESSOR_FILE).write_text(to_json(Predecessor(**kept | changes)))
    (folder / "job.json").write_text(to_json(job))
    assert worker.main(folder, lambda job, folder, report: compare(job, folder, report, start=start)) == 0
    run = from_json(Run, (folder / "run.json").read_bytes())
    assert (run.kind, run.outcome, run.phase) == ("compare", "succeeded", "done")
    return from_json(PredecessorResult, (folder / PREDECESSOR_RESULT_FILE).read_bytes())


def test_a_slower_file_is_seen_in_processes_of_its_own(tmp_path: Path, files: Path) -> None:
    found = compared(tmp_path, files / "old.pt", files / "deeper.pt", start=predecessor_worker._start)

    (ratio,) = found.ratios
    assert (ratio.variant, ratio.batch_size) == ("ranker", 1)
    assert ratio.speedup_ratio < 0.7, "it has four times the layers"
    assert (found.model, found.revision) == ("ranker", digest_of(files / "deeper.pt"))
    assert found.predecessor_revision == digest_of(files / "old.pt")
    assert found.drift_ratio is not None
    assert found.drift_ratio > 0.001
    assert slower_file(found, 0.02)[0].change_ratio > 0.4


def test_an_equal_file_is_no_slower_at_any_batch_size_and_gives_the_same(tmp_path: Path, files: Path) -> None:
    found = compared(tmp_path, files / "old.pt", files / "old.pt", workloads=(B1, B2, PACED))

    ratio, other = found.ratios
    assert (ratio.batch_size, other.batch_size) == (1, 2), "a paced scenario is no other call"
    assert 0.7 < ratio.speedup_ratio < 1.4
    assert ratio.lower < ratio.speedup_ratio < ratio.upper
    assert found.drift_ratio == 0.0
    assert slower_file(found, 0.5)[0].word in ("no_difference", "cannot_tell")


def test_each_process_begins_with_another_of_the_two(tmp_path: Path, files: Path) -> None:
    first = []

    def start(folder: Path) -> int:
        status = here(folder)
        first.append((folder / "order.json").read_text().partition('"name":"')[2].partition('"')[0])
        return status

    found = compared(tmp_path, files / "deeper.pt", files / "old.pt", start=start)

    assert first == ["before", "deployed"]
    assert found.ratios[0].speedup_ratio > 1.4, "both tell the same way round"


def test_where_the_difference_is_plain_fewer_processes_do(
    tmp_path: Path, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predecessor_worker, "PROCESSES", 4)
    monkeypatch.setattr(predecessor_worker, "FEWEST_PROCESSES", 2)
    monkeypatch.setattr(predecessor_worker, "is_plain", lambda ratio: ratio.speedup_ratio < 0.7)
    started: list[Path] = []

    def start(folder: Path) -> int:
        started.append(folder)
        return here(folder)

    compared(tmp_path, files / "old.pt", files / "deeper.pt", start=start)
    assert len(started) == 2


def test_other_weights_are_a_drift(tmp_path: Path, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predecessor_worker, "PROCESSES", 1)
    found = compared(tmp_path, files / "old.pt", files / "other.pt")

    assert found.drift_ratio is not None
    assert 0.01 < found.drift_ratio < 10


def test_a_batch_size_that_one_of_them_does_not_take_is_told_and_the_others_go_on(tmp_path: Path, files: Path) -> None:
    found = compared(tmp_path, files / "narrow.pt2", files / "old.pt", workloads=(B1, B2))

    assert [ratio.batch_size for ratio in found.ratios] == [1]
    assert found.notes[0].startswith("the file before: batch size 2: ")


def test_a_file_that_cannot_be_opened_is_told(tmp_path: Path, files: Path) -> None:
    found = compared(tmp_path, files / "gone.pt", files / "old.pt")

    assert found.ratios == ()
    assert "the file before: " in found.notes[0]
    assert "gone.pt: No such file or directory" in found.notes[0]
    assert found.revision == digest_of(files / "old.pt")


def test_a_copy_of_another_revision_than_it_says_is_no_evidence(tmp_path: Path, files: Path) -> None:
    found = compared(tmp_path, files / "old.pt", files / "deeper.pt", revision="f" * 64)

    assert found.ratios == ()
    assert f"what was kept is {digest_of(files / 'old.pt')[:12]}" in found.notes[0]


def test_a_process_that_dies_is_told_with_its_signal(tmp_path: Path, files: Path) -> None:
    found = compared(tmp_path, files / "old.pt", files / "old.pt", start=lambda folder: -11)

    assert found.notes == ("the process that held both files ended without a result: died of signal 11",)


def test_two_files_that_do_not_fit_into_the_memory_are_not_opened(tmp_path: Path, files: Path) -> None:
    found = compared(
        tmp_path, files / "old.pt", files / "old.pt", job={"memory_bytes": 2 * 10**9}, size_bytes=10**9, start=no_start
    )

    assert found.ratios == ()
    assert found.notes == (
        "both files are open at once, which takes about 2.5 GB: 2.0 GB of `budget.worker_memory` is too little. "
        "Raise it to have them compared.",
    )


def no_start(folder: Path) -> int:
    raise AssertionError("no process was to be started")


def test_a_slow_model_gets_the_time_that_enough_pairs_take(tmp_path: Path, files: Path) -> None:
    limits = []

    def start(folder: Path) -> int:
        limits.append(from_json(dict, (folder / "order.json").read_bytes())["limit_seconds"])
        return here(folder)

    compared(tmp_path, files / "old.pt", files / "old.pt", job={"scenario_seconds": 0.1}, start=start)

    assert limits[0] == pytest.approx(0.1 / 3)
    assert limits[1] > 2 * limits[0], "one round takes 60 ms already"
