"""A real daemon keeps the file that it profiled, and holds the one that takes its place against it."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from daemon_process import Daemon

MakeDaemon = Callable[..., Daemon]


def deploy(path: Path, layers: int) -> None:
    """Overwrite a TorchScript file in place."""
    module = torch.nn.Sequential(*(torch.nn.Linear(64, 64) for _ in range(layers))).eval()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.trace(module, torch.randn(2, 64)).save(path)
    path.chmod(0o644)


def comparisons(daemon: Daemon) -> list[dict[str, Any]]:
    return [run for run in json.loads(daemon.get("/api/runs?model=deep&kind=compare")) if run["outcome"] != "refused"]


def test_a_changed_file_is_held_against_the_one_before(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    path = tmp_path / "deep.pt"
    deploy(path, 10)
    model = {"name": "deep", "source": {"torchscript": str(path)}, "inputs": [{"shape": ["batch", 64]}]}
    daemon = make_daemon([model]).start()
    daemon.wait_for_state("deep", "healthy")
    kept = daemon.folder / "state" / "predecessors" / "deep"
    daemon.wait_for(lambda: list(kept.glob("*/files/deep.pt")), "its file is kept")
    first = daemon.model("deep")["revision"]
    assert [copy.name for copy in kept.iterdir()] == [first[:12]]

    deploy(path, 60)
    (run,) = daemon.wait_for(lambda: comparisons(daemon), "both files were called in turn", 120)

    second = daemon.model("deep")["revision"]
    assert (run["outcome"], run["revision"], run["results"]) == ("succeeded", second, [])
    assert {copy.name for copy in kept.iterdir()} == {first[:12], second[:12]}
    assert (kept / first[:12] / "compared").exists(), "it had its turn"
    assert daemon.stop() == 0
