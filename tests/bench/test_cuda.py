"""On a GPU, time is taken between the device's own events and memory from its allocator."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mmied.daemon.gpu import Gpus
from mmied.records import InputSpec, Run, Source, Workload

pytestmark = pytest.mark.gpu
B1, B64 = Workload(scenario="b1", batch_size=1), Workload(scenario="b64", batch_size=64)


@pytest.fixture
def run(run_model: Callable[..., Run]) -> Run:
    source = Source(
        kind="factory", factory="mmied.bench.demo:feed_forward", arguments={"sizes": [512, 1024, 1024, 512, 512]}
    )
    return run_model(
        source,
        inputs=(InputSpec(shape=("batch", 512)),),
        workloads=(B1, B64),
        device="cuda:0",
        dtype="float16",
        memory=64 << 30,
        scenario_seconds=2.0,
        timeout=120.0,
    )


def test_latency_is_taken_by_device_events(run: Run) -> None:
    assert run.outcome == "succeeded", (run.message, run.log_tail)
    for result in run.results:
        assert result.latency is not None
        assert result.latency.estimator == "device"
        assert set(result.latency.quantiles) == {"0.5", "0.95", "0.99"}
        assert result.latency.quantiles["0.5"] <= result.latency.wall_quantiles["0.5"]
        assert set(result.reference_seconds) == {"compute", "memory"}
    assert run.gpu_seconds is not None


def test_a_captured_graph_is_free_of_launch_cost(run: Run) -> None:
    first = run.results[0]
    assert first.captured_seconds is not None
    assert first.latency is not None
    assert 0 < first.captured_seconds < first.latency.quantiles["0.5"]


def test_memory_is_the_allocators(run: Run) -> None:
    device = next(memory for memory in run.results[1].memory if memory.space == "device")
    weights = 2 * (run.parameters or 0)
    assert device.peak_bytes > weights
    assert device.fragmentation_ratio is not None
    assert 0 <= device.fragmentation_ratio <= 1


def test_the_environment_names_gpu_and_driver(run: Run) -> None:
    assert run.environment is not None
    assert run.environment.stable["gpu"]
    assert run.environment.stable["driver"]


def test_a_torchscript_model_is_served_on_the_gpu(run_model: Callable[..., Run], models: Path) -> None:
    run = run_model(Source(kind="torchscript", path=str(models / "linear.pt")), device="cuda:0", memory=64 << 30)
    assert run.outcome == "succeeded", (run.message, run.log_tail)


def test_the_sampler_reads_the_real_driver() -> None:
    gpus = Gpus()
    reading = gpus.read(0.0)
    assert reading is not None
    assert reading.problem is None
    assert reading.gpus[0].memory_total_bytes
    assert reading.gpus[0].power_watts
    gpus.close()
