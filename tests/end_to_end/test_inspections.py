"""A real daemon looks inside a real model, shows what it saw, and survives its own death meanwhile."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from daemon_process import Daemon, linear

from mmied.codec import from_json
from mmied.inspection import Inspection

MakeDaemon = Callable[..., Daemon]
SOON = {"profile": "1h", "inspect": "1h"}


def looks(daemon: Daemon, name: str) -> list[dict[str, Any]]:
    """The inspections of a model, newest first."""
    return list(json.loads(daemon.get(f"/api/runs?model={name}&kind=inspect")))


def looked(daemon: Daemon, name: str, outcome: str = "succeeded") -> dict[str, Any]:
    found = daemon.wait_for(
        lambda: [run for run in looks(daemon, name) if run["outcome"] == outcome], f"{name} was inspected", 60
    )
    return dict(found[0])


def test_a_model_is_inspected_and_pages_and_metrics_show_it(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon([linear("good")], schedule=SOON).start()
    run = looked(daemon, "good")
    assert run["results"] == []
    assert run["findings"]["failures"] == {}
    model = daemon.model("good")
    assert (model["state"], model["drift_ratio"]) == ("healthy", None), (
        "its first run is what later ones are held against"
    )
    assert model["inspection"]["last_success_id"] == run["run_id"]
    assert len(daemon.runs("good")) == 2

    page = daemon.get(f"/inspections/{run['run_id']}")
    assert "aten::addmm" in page
    assert "Flame graph" in page
    assert "Faulty" in page
    assert "<canvas" in daemon.get(f"/inspections/{run['run_id']}/flamegraph")
    assert run["run_id"] in daemon.get("/models/good")
    kept = from_json(Inspection, daemon.get(f"/inspections/{run['run_id']}/files/inspection.json"))
    assert kept.layers is not None
    assert set(run["findings"]["artifacts"]) == {"inspection.json", "flamegraph.json", "trace.json.gz"}

    metrics = daemon.get("/metrics")
    assert re.search(r'mmied_model_flops\{model="good",scenario="b1"\} [1-9]', metrics)
    assert 'mmied_profile_operator_seconds{category="matmul",model="good",scenario="b1"}' in metrics
    assert 'mmied_profile_layer_seconds{layer="' in metrics
    assert 'mmied_inspection_runs_total{model="good"} 1.0' in metrics
    assert 'mmied_inspection_run_failures_total{model="good"} 0.0' in metrics
    assert 'mmied_profile_runs_total{model="good",scenario="b1"} 1.0' in metrics
    assert daemon.stop() == 0

    daemon.start()
    assert 'mmied_profile_layer_seconds{layer="' in daemon.get("/metrics"), "a restart knows what was seen"
    assert daemon.get(f"/inspections/{run['run_id']}") != ""
    assert len(looks(daemon, "good")) == 1, "and does not look again before its time"


def test_a_daemon_that_was_killed_while_it_inspected_keeps_what_was_seen_and_looks_again(
    make_daemon: MakeDaemon,
) -> None:
    daemon = make_daemon([linear("good")], schedule=SOON).start()
    daemon.wait_for(
        lambda: (
            str(daemon.model("good")["inspection"]["phase"]) in ("inspect flops", "inspect memory", "inspect usage")
        ),
        "it is half-way",
    )
    daemon.kill()
    state = daemon.folder / "state"
    assert any((state / "runs").iterdir())

    daemon.start()
    orphan = looked(daemon, "good", "crashed")
    assert (orphan["reason"], orphan["orphaned"]) == ("killed", True)
    assert orphan["findings"]["layer_seconds"], "the passes before it are kept"
    assert "inspection.json" in orphan["findings"]["artifacts"]
    assert "aten::addmm" in daemon.get(f"/inspections/{orphan['run_id']}")
    again = looked(daemon, "good")
    assert daemon.model("good")["state"] == "healthy"
    daemon.stop()
    assert {path.name for path in (state / "artifacts").iterdir()} == {orphan["run_id"], again["run_id"]}
    assert list((state / "runs").iterdir()) == []


def test_an_inspection_that_fails_leaves_the_model_healthy_and_says_why(make_daemon: MakeDaemon) -> None:
    fault = {"source": {"factory": "faulty:Faulty", "arguments": {"fault": "segfault_when_profiled"}}}
    daemon = make_daemon([linear("shy") | fault], schedule=SOON).start()
    run = looked(daemon, "shy", "crashed")
    assert "SIGSEGV" in run["message"]
    model = daemon.model("shy")

    assert (model["state"], model["consecutive_failures"]) == ("healthy", 0)
    assert model["inspection"]["consecutive_failures"] == 1
    assert model["inspection"]["why"].startswith("inspect failed: died of SIGSEGV")
    assert 'mmied_inspection_run_failures_total{model="shy"} 1.0' in daemon.get("/metrics")
    assert "inspect failed: died of SIGSEGV" in daemon.get("/models/shy")


@pytest.mark.parametrize("schedule", [{"profile": "2s", "inspect": "never"}])
def test_outputs_are_held_against_those_of_the_first_run_through_restarts_and_a_changed_file(
    make_daemon: MakeDaemon, tmp_path: Path, schedule: dict[str, str]
) -> None:
    import torch  # the model's file is made here; the daemon never imports it

    torch.manual_seed(0)
    model = torch.nn.Linear(4, 3)
    torch.jit.script(model).save(str(tmp_path / "model.pt"))
    (tmp_path / "model.pt").chmod(0o600)
    configured = linear("ranker") | {"source": {"torchscript": str(tmp_path / "model.pt")}}
    daemon = make_daemon([configured], schedule=schedule).start()
    daemon.wait_for(lambda: daemon.model("ranker")["drift_ratio"] == 0.0, "the second run is as the first", 60)
    assert 'mmied_output_drift_ratio{model="ranker"} 0.0' in daemon.get("/metrics")
    daemon.stop()

    with torch.no_grad():
        model.weight[0, 0] += 1.0
    torch.jit.script(model).save(str(tmp_path / "model.pt"))
    daemon.start()
    daemon.wait_for(lambda: (daemon.model("ranker")["drift_ratio"] or 0) > 0.01, "the corrupted weight shows", 60)
