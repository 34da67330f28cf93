"""A run starts only on a host that can bear it; a refusal gives its reason, the figure, and the key to turn."""

from dataclasses import replace

import pytest
from builders import GPU, HARDWARE

from mmied import catalog
from mmied.config import Admission
from mmied.daemon.admission import Pressure, Refusal, find_gpu, pressure_between, refusal
from mmied.records import GpuSample, HardwareSample

QUIET = Pressure(cpu_waiting=0.01, memory_waiting=0.0, io_stalled=0.0)
GB = 1_000_000_000
Refusing = tuple[HardwareSample, Pressure | None, str]


def decide(
    sample: HardwareSample | None = HARDWARE,
    pressure: Pressure | None = QUIET,
    *,
    device: str = "cpu",
    memory_needed_bytes: int = GB,
    limits: Admission | None = None,
) -> Refusal | None:
    return refusal(
        limits=limits or Admission(),
        sample=sample,
        pressure=pressure,
        device=device,
        memory_needed_bytes=memory_needed_bytes,
    )


def with_gpu(**changes: object) -> HardwareSample:
    return replace(HARDWARE, gpus=(replace(GPU, **changes),))


BUSY = {
    "cpu": (HARDWARE, replace(QUIET, cpu_waiting=0.25), "busy_cpu", ["25%", "10%", "`admission.cpu_pressure`"]),
    "memory": (
        HARDWARE,
        replace(QUIET, memory_waiting=0.3),
        "low_memory",
        ["30%", "5%", "`admission.memory_pressure`"],
    ),
    "io": (HARDWARE, replace(QUIET, io_stalled=0.4), "busy_io", ["40%", "5%", "`admission.io_pressure`"]),
    "run queue": (replace(HARDWARE, cpus=2, runnable=6), Pressure(), "busy_cpu", ["5 tasks", "2 CPUs"]),
    "free memory": (replace(HARDWARE, memory_available_bytes=GB // 2), QUIET, "low_memory", ["0.5 GB", "1.0 GB"]),
    "gpu": (with_gpu(utilization_ratio=0.9), QUIET, "busy_gpu", ["GPU 0", "90%", "`admission.gpu_utilization`"]),
    "gpu memory": (
        with_gpu(memory_used_bytes=139 * GB),
        QUIET,
        "low_memory",
        ["1.0 GB", "2.0 GB", "`admission.gpu_memory_free`"],
    ),
}


def test_a_quiet_host_bears_a_run() -> None:
    assert decide() is None
    assert decide(device="cuda:0") is None


@pytest.mark.parametrize(("sample", "pressure", "reason", "told"), BUSY.values(), ids=BUSY)
def test_a_busy_host_refuses_with_a_known_reason_the_figure_and_the_key(
    sample: HardwareSample, pressure: Pressure, reason: str, told: list[str]
) -> None:
    against = decide(sample, pressure, device="cuda:0")

    assert against is not None
    assert against.reason == reason
    assert against.reason in catalog.SKIP_REASONS
    assert all(part in against.message for part in told), against.message


def test_a_limit_is_still_borne() -> None:
    limits = Admission()
    at_limit = Pressure(limits.cpu_pressure, limits.memory_pressure, limits.io_pressure)
    sample = replace(
        with_gpu(utilization_ratio=limits.gpu_utilization, memory_used_bytes=138 * GB), memory_available_bytes=GB
    )

    assert decide(sample, at_limit, device="cuda:0") is None


def test_a_host_that_was_not_sampled_yet_bears_a_run() -> None:
    assert decide(sample=None, pressure=None) is None


def test_with_psi_the_run_queue_is_not_asked() -> None:
    assert decide(replace(HARDWARE, cpus=2, runnable=50)) is None


def test_the_daemon_itself_is_not_counted_in_the_run_queue() -> None:
    assert decide(replace(HARDWARE, cpus=2, runnable=3), Pressure()) is None


def test_a_busy_gpu_is_no_matter_to_a_model_on_the_cpu() -> None:
    assert decide(with_gpu(utilization_ratio=1.0)) is None


def test_a_gpu_is_asked_by_its_index_and_one_that_nobody_sees_is_not() -> None:
    second = replace(GPU, gpu="1", utilization_ratio=1.0)
    sample = replace(HARDWARE, gpus=(GPU, second))

    assert decide(sample, device="cuda") is None
    assert decide(sample, device="cuda:1") is not None
    assert decide(sample, device="cuda:7") is None
    assert find_gpu(sample, "cuda:1") is second


def test_a_gpu_that_does_not_tell_refuses_nothing() -> None:
    silent = GpuSample(gpu="0", uuid="u", name="n", driver_version="v")

    assert decide(replace(HARDWARE, gpus=(silent,)), device="cuda:0") is None


def test_pressure_is_what_was_added_to_the_totals_over_the_time() -> None:
    earlier, later = {"cpu": 10.0, "memory": 1.0, "io": 5.0}, {"cpu": 10.5, "memory": 1.0, "io": 4.0}

    assert pressure_between(earlier, later, 5.0) == Pressure(0.1, 0.0, 0.0)
    assert pressure_between({}, later, 5.0) == Pressure(None, None, None)
    assert pressure_between(earlier, later, 0.0) == Pressure(None, None, None)
