"""On a GPU the library measures a copy where the model lies elsewhere, and shows kernels and transfers."""

import pytest
import torch
from torch import nn

from mmied import ModelProfiler

pytestmark = pytest.mark.gpu


def test_a_model_on_the_host_is_measured_on_the_device_and_stays_where_it_was() -> None:
    model = nn.Sequential(nn.Linear(512, 2048), nn.ReLU(), nn.Linear(2048, 512)).train()
    profiler = ModelProfiler(model, device="cuda", precision="fp16", limit_seconds=1.0)
    result = profiler.profile(torch.randn(32, 512), num_runs=100, warmup_runs=10)
    assert result.main is not None
    assert result.main.latency is not None
    assert result.main.latency.estimator == "device"
    assert result.memory is not None
    assert result.memory.space == "device"
    assert (result.memory_bytes.peak or 0) >= sum(2 * parameter.numel() for parameter in model.parameters())
    assert {parameter.device.type for parameter in model.parameters()} == {"cpu"}
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert model.training


def test_kernels_and_transfers_of_a_call_are_shown() -> None:
    class Fetching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(512, 512)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.linear(x).cpu()

    found = ModelProfiler(Fetching().cuda()).gpu_profile(
        track_kernels=True, track_memory_transfers=True, profile_nvtx=True, input_data=torch.randn(64, 512)
    )
    assert found["kernels"]
    assert "device_to_host" in {transfer.direction for transfer in found["transfers"]}
