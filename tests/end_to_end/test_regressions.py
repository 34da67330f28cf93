"""A real daemon finds that a deployed file became slower, says why, and looks inside to explain it."""

import math
import random
import re
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from daemon_process import Daemon, linear, mmied

from mmied.history.store import Store
from mmied.regression import RecordedChange
from mmied.verdicts.run_points import points_of

MakeDaemon = Callable[..., Daemon]
EARLIER_RUNS = 80
WIDTH = 256


def deploy(path: Path, layers: int) -> None:
    """Put a model of so many layers in the place of what is deployed, as a deployment does: at once."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(*(torch.nn.Linear(WIDTH, WIDTH) for _ in range(layers))).eval()
    draft = path.with_suffix(".new")
    torch.jit.script(model).save(str(draft))
    draft.chmod(0o600)
    draft.replace(path)


def ranker(path: Path) -> dict[str, Any]:
    return linear("ranker") | {
        "source": {"torchscript": str(path)},
        "inputs": [{"shape": ["batch", WIDTH]}],
        "batch_sizes": [8],
    }


def opened(daemon: Daemon) -> Store:
    return Store.open(daemon.folder / "state" / "history.sqlite", host=socket.gethostname())


def remember_quieter_days(daemon: Daemon) -> None:
    """Give the history runs of the hours before, like the one that there is and a little apart from it."""
    store = opened(daemon)
    (last,) = (run for run in store.last_runs("ranker", kind="profile") if run.outcome == "succeeded")
    whole = store.run(last.run_id)
    assert whole is not None
    scatter = random.Random(0)
    for number in range(EARLIER_RUNS):
        at = last.started_at - 900.0 * (EARLIER_RUNS - number)
        run = replace(whole, run_id=f"earlier-{number:03}", started_at=at, ended_at=at + 3, cpu_seconds=0.0)
        noise = {point.key: scatter.gauss(0, 0.03) for point in points_of(run)}
        points = [
            replace(point, figure=point.figure * math.exp(noise[point.key]), value=point.value + noise[point.key])
            if point.log
            else point
            for point in points_of(run)
        ]
        store.record(run, (), points)
    store.close()


def regression(daemon: Daemon, metric: str = "latency_p50") -> RecordedChange | None:
    store = opened(daemon)
    found = [change for change in store.changes(worse=True, state="active") if change.key.metric == metric]
    store.close()
    return found[0] if found else None


def test_a_slower_file_is_found_alarmed_of_and_explained(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    deploy(tmp_path / "ranker.pt", layers=2)
    schedule = {"profile": "1h", "inspect": "1h"}
    daemon = make_daemon([ranker(tmp_path / "ranker.pt")], schedule=schedule, regressions={"keep_previous": 0}).start()
    daemon.wait_for(lambda: daemon.model("ranker")["inspection"]["last_success_id"], "it was inspected", 60)
    assert daemon.stop() == 0
    remember_quieter_days(daemon)

    daemon.settings["schedule"] = {"profile": "2s", "inspect": "1h"}
    deploy(tmp_path / "ranker.pt", layers=8)
    daemon.start()
    change = daemon.wait_for(lambda: regression(daemon), "the regression is confirmed", 60)
    assert change.cause == "model"
    assert change.change_ratio > 0.5
    assert any("the model's file changed: revision" in evidence.text for evidence in change.evidence)
    metrics = daemon.get("/metrics")
    of = r'metric="latency_p50",model="ranker",scenario="b8"'
    assert re.search(rf"mmied_regression_active\{{{of}\}} 1\.0", metrics)
    assert re.search(rf'mmied_regression_cause\{{cause="model",{of}\}} 1\.0', metrics)
    assert 'mmied_events_total{kind="model_changed"} 1.0' in metrics

    daemon.wait_for_state("ranker", "regressed", "running")
    explained = daemon.wait_for(
        lambda: (found := regression(daemon)) is not None and found.explanation and found, "it is explained", 60
    )
    assert any("of the difference" in sentence for sentence in explained.explanation)
    page = f"/inspections/{explained.inspection_after}/against/{explained.inspection_before}"
    assert "Linear" in daemon.get(page)
    said = mmied("status", "--url", daemon.url).stdout
    assert "latency_p50" in said, said
    assert "cause: model" in said
    assert daemon.stop() == 0

    daemon.start()
    assert re.search(rf"mmied_regression_active\{{{of}\}} 1\.0", daemon.get("/metrics")), "a restart knows it still"


def test_the_file_before_is_run_beside_the_new_one_and_shows_which_is_slower(
    make_daemon: MakeDaemon, tmp_path: Path
) -> None:
    deploy(tmp_path / "ranker.pt", layers=2)
    daemon = make_daemon([ranker(tmp_path / "ranker.pt")]).start()
    kept = daemon.folder / "state" / "predecessors" / "ranker"
    daemon.wait_for(lambda: kept.is_dir() and any(kept.iterdir()), "its files are kept", 60)
    daemon.wait_for(lambda: daemon.model("ranker")["state"] == "healthy", "it ran")

    deploy(tmp_path / "ranker.pt", layers=8)
    change = daemon.wait_for(lambda: regression(daemon), "the comparison shows it", 90)
    assert change.cause == "model"
    assert change.paired is not None
    assert change.paired.speedup_ratio < 0.7
    assert change.evidence[0].kind == "paired"
