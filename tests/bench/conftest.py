"""Small real model files of every kind, written once, and a way to run a job on one in a real worker."""

import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mmied.daemon.launch import run_job
from mmied.daemon.outcome import Limits
from mmied.records import InputSpec, Job, ModelSpec, Run, Source, Workload

SUPPORT = Path(__file__).parents[1] / "support"
INPUT = InputSpec(shape=("batch", 4))
B1 = Workload(scenario="b1", batch_size=1)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with linear.pt (TorchScript), linear.pt2 (torch.export), linear.safetensors, state.pt and pickle.pt."""
    import faulty
    import torch
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2)).eval()
    example = torch.randn(2, 4)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.trace(model, example).save(folder / "linear.pt")
        batch = torch.export.Dim("batch", min=1, max=64)
        program = torch.export.export(model, (example,), dynamic_shapes=({0: batch},))
    torch.export.save(program, folder / "linear.pt2")
    plain = faulty.Faulty()
    save_file(plain.state_dict(), folder / "linear.safetensors")
    torch.save(plain.state_dict(), folder / "state.pt")
    torch.save(plain, folder / "pickle.pt")
    for path in folder.iterdir():
        path.chmod(0o644)
    return folder


@pytest.fixture
def run_model(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """Run a model in a worker as the daemon does: `run_model(source, workloads=…, timeout=…)`."""
    stop = threading.Event()

    def run(
        source: Source,
        *,
        inputs: tuple[InputSpec, ...] = (INPUT,),
        workloads: tuple[Workload, ...] = (B1,),
        timeout: float = 60.0,
        memory: int = 4 << 30,
        scenario_seconds: float = 0.3,
        environ: dict[str, str] | None = None,
        kind: Any = "profile",
        **spec: Any,
    ) -> Run:
        job = Job(
            run_id=f"run-{tmp_path.name}",
            kind=kind,
            model=ModelSpec(name="model", source=source, inputs=inputs, threads=1, **spec),
            workloads=workloads,
            scenario_seconds=scenario_seconds,
            memory_bytes=memory,
        )
        return run_job(
            job,
            folder=tmp_path / "run",
            limits=Limits(timeout_seconds=timeout, memory_bytes=memory, nice=5),
            host="here",
            stop=stop,
            environ={"PYTHONPATH": str(SUPPORT), "PATH": "/usr/bin:/bin"} | (environ or {}),
            cache=tmp_path / "cache",
        )

    run.stop = stop  # type: ignore[attr-defined]
    yield run
