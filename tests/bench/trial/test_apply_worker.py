"""What cannot be a file is applied too: as a script, and the manifest says which it is."""

import json
from pathlib import Path

import pytest
from searches import make_search, make_trial

from mmied.bench import worker
from mmied.bench.orders import give_order
from mmied.bench.trial import apply_worker
from mmied.bench.trial.order import APPLIED_FILE, AppliedResult, ApplyOrder
from mmied.codec import from_json, to_json
from mmied.optimization import Candidate
from mmied.records import InputSpec, Job, ModelSpec, Run, Source, Workload

SUPPORT = Path(__file__).parents[2] / "support"


def applied(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, revision: str | None = None) -> Run:
    """What the worker says of making `searchable:name` into the folder `made`."""
    monkeypatch.setattr(worker, "die_with_parent", lambda: None)
    monkeypatch.setenv("PYTHONPATH", str(SUPPORT))
    spec = ModelSpec(
        name="wasteful",
        source=Source(kind="factory", factory="searchable:Wasteful"),
        inputs=(InputSpec(shape=("batch", 16)),),
        threads=1,
    )
    job = Job(
        run_id="r",
        kind="check",
        model=spec,
        workloads=(Workload(scenario="b1", batch_size=1),),
        scenario_seconds=1.0,
    )
    candidate = Candidate(
        name=name, summary="less work", function=f"searchable:{name}", exactness="exact", routes=("eager",)
    )
    evidence = make_search(make_trial(name), revision=revision)
    folder = tmp_path / "job"
    folder.mkdir()
    (folder / "job.json").write_text(to_json(job))
    give_order(ApplyOrder(candidate=candidate, output=str(tmp_path / "made"), evidence=evidence), folder)
    worker.main(folder, apply_worker.apply)
    return from_json(Run, (folder / "run.json").read_bytes())


@pytest.mark.parametrize(("name", "form"), [("unsaved", "start"), ("setting", "setting")])
def test_what_cannot_be_saved_is_a_script_with_its_evidence(
    name: str, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = applied(name, tmp_path, monkeypatch)
    result = from_json(AppliedResult, (tmp_path / "job" / APPLIED_FILE).read_bytes())
    manifest = json.loads((tmp_path / "made" / "manifest.json").read_text())

    assert run.outcome == "succeeded", run.message
    assert (result.form, result.files) == (form, ("manifest.json", "reproduce.py"))
    assert manifest["format"] == form
    assert manifest["evidence"]["trial"]["verdict"] == "helps"
    assert "made.save" not in (tmp_path / "made" / "reproduce.py").read_text()


def test_another_model_than_the_one_that_was_searched_is_not_applied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = applied("once", tmp_path, monkeypatch, revision="0" * 64)

    assert run.outcome == "failed"
    assert "are others than those that were searched" in str(run.message)
    assert not list(tmp_path.glob("*made*")), "nothing is left"
