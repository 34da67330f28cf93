"""What the sampler tells is what the kernel counted meanwhile; what the kernel hides stays unknown."""

import itertools
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from targets import target
from torch import nn

from mmied.bench.profilers import usage
from mmied.bench.profilers.memory import PAGE_BYTES
from mmied.bench.profilers.usage import Sampler

INTERVAL = 0.01
MEGABYTE = 1 << 20


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A /proc whose counters stand still."""
    (tmp_path / "self" / "net").mkdir(parents=True)
    write(tmp_path)
    return tmp_path


def write(
    proc: Path, *, busy: int = 100, idle: int = 900, pages: int = 1000, read: int = 0, written: int = 0, sent: int = 0
) -> None:
    files = {
        # user nice system idle iowait irq softirq steal guest guest_nice
        "stat": f"cpu  {busy - 30} 10 10 {idle - 50} 50 5 4 1 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n",
        "self/statm": f"5000 {pages} 100 1 0 200 0\n",
        "self/io": f"rchar: 1\nwchar: 2\nread_bytes: {read}\nwrite_bytes: {written}\n",
        "self/net/dev": "Inter-|   Receive  | Transmit\n face |bytes packets | bytes\n"
        "    lo: 999999 1 0 0 0 0 0 0 999999 1 0 0 0 0 0 0\n"
        f"  eth0: 1000 1 0 0 0 0 0 0 {sent} 1 0 0 0 0 0 0\n",
    }
    for name, text in files.items():
        (proc / f"{name}.part").write_text(text)
        (proc / f"{name}.part").rename(proc / name)


def between(proc: Path, before: dict[str, int], after: dict[str, int]) -> Any:
    """Return what is told of two readings, one second apart."""
    write(proc, **before)
    first = usage.read(proc)
    write(proc, **after)
    second = usage.read(proc)
    return usage.sample_of(first, replace(second, at=first.at + 1.0), began=first.at, meter=None)


def test_rates_are_of_the_interval(proc: Path) -> None:
    sample = between(
        proc,
        {"busy": 100, "idle": 900},
        {"busy": 130, "idle": 970, "pages": 2000, "read": 4096, "written": 10, "sent": 7},
    )

    assert sample.at_seconds == 1
    assert sample.host_cpu_ratio == pytest.approx(0.3)
    assert sample.resident_bytes == 2000 * PAGE_BYTES
    assert sample.read_bytes_per_second == 4096
    assert sample.written_bytes_per_second == 10
    assert sample.network_bytes_per_second == 7  # loopback left out


def test_a_counter_that_went_back_is_unknown(proc: Path) -> None:
    sample = between(proc, {"sent": 100, "read": 5}, {"sent": 0, "read": 5})

    assert sample.network_bytes_per_second is None
    assert sample.read_bytes_per_second == 0


def test_what_the_kernel_hides_is_unknown_and_no_zero(tmp_path: Path) -> None:
    with Sampler(INTERVAL, proc=tmp_path) as sampler:
        time.sleep(3 * INTERVAL)

    found = sampler.usage()
    assert set(found.host_cpu_ratio) == set(found.resident_bytes) == set(found.read_bytes_per_second) == {None}
    assert set(found.written_bytes_per_second) == set(found.network_bytes_per_second) == {None}
    assert all(cpus is not None and cpus >= 0 for cpus in found.process_cpus)


def test_a_busy_process_keeps_a_cpu_busy_and_a_sleeping_one_none() -> None:
    with Sampler(0.05) as busy:
        until = time.process_time() + 0.3
        while time.process_time() < until:
            pass
    with Sampler(0.05) as idle:
        time.sleep(0.3)

    spent = sum(
        cpus * seconds
        for cpus, seconds in zip(busy.usage().process_cpus, lengths(busy.usage().at_seconds), strict=True)
        if cpus is not None
    )
    assert spent == pytest.approx(0.3, rel=0.2)
    assert sum(cpus or 0 for cpus in idle.usage().process_cpus) / len(idle.usage().process_cpus) < 0.1


def lengths(at_seconds: tuple[float, ...]) -> list[float]:
    return [after - before for before, after in itertools.pairwise((0.0, *at_seconds))]


def test_every_series_has_an_entry_a_sample() -> None:
    with Sampler(INTERVAL) as sampler:
        time.sleep(5 * INTERVAL)

    found = sampler.usage()
    series = (
        found.process_cpus, found.host_cpu_ratio, found.resident_bytes, found.read_bytes_per_second,
        found.written_bytes_per_second, found.network_bytes_per_second,
    )  # fmt: skip
    assert {len(one) for one in series} == {len(found.at_seconds)}
    assert list(found.at_seconds) == sorted(found.at_seconds)
    assert found.duration_seconds >= found.at_seconds[-1]
    assert found.resident_bytes[0] is not None and found.resident_bytes[0] > MEGABYTE
    assert found.cpus is not None and found.cpus >= 1
    assert found.gpu_utilization_ratio == ()


def test_what_is_shorter_than_the_interval_has_one_sample() -> None:
    with Sampler(60) as sampler:
        pass

    assert len(sampler.usage().at_seconds) == 1


def test_it_tells_meanwhile() -> None:
    with Sampler(INTERVAL) as sampler:
        deadline = time.monotonic() + 10
        while len(sampler.usage().at_seconds) < 3 and time.monotonic() < deadline:
            time.sleep(INTERVAL)
        meanwhile = sampler.usage()

    assert len(meanwhile.at_seconds) >= 3
    assert sampler.usage().at_seconds[: len(meanwhile.at_seconds)] == meanwhile.at_seconds


def test_an_error_inside_passes_and_ends_the_sampler() -> None:
    with pytest.raises(ValueError, match="inside"), Sampler(INTERVAL):
        raise ValueError("inside")

    assert not any(thread.name == usage.THREAD for thread in threading.enumerate())


def test_a_long_run_keeps_a_bounded_number_of_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "MAX_SAMPLES", 8)
    with Sampler(0.001) as sampler:
        time.sleep(0.2)

    found = sampler.usage()
    assert len(found.at_seconds) <= 8
    assert found.interval_seconds > 0.001
    assert found.at_seconds[-1] > 0.1


@pytest.mark.parametrize("interval", [0.0, -1.0, float("nan")])
def test_an_interval_has_to_be_above_zero(interval: float) -> None:
    with pytest.raises(ValueError, match="is not above 0"):
        Sampler(interval)


def test_the_gpu_is_asked_for_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    watts: Iterator[float] = itertools.count(100.0)
    meter = SimpleNamespace(utilization_ratio=lambda: 0.5, memory_bytes=lambda: None, power_watts=lambda: next(watts))
    monkeypatch.setattr(usage, "Meter", lambda device: meter)

    with Sampler(60, "cuda:0") as sampler:
        pass

    found = sampler.usage()
    assert (found.gpu_utilization_ratio, found.gpu_memory_bytes, found.gpu_power_watts) == ((0.5,), (None,), (100.0,))


def test_the_pass_calls_the_model_meanwhile() -> None:
    class Counts(nn.Module):
        calls = 0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            return x @ x

    model = Counts()
    with torch.inference_mode():
        found = usage.profile(target(model, torch.randn(64, 64)), seconds=0.2)

    assert model.calls > 1
    assert found.duration_seconds >= 0.2
    assert len(found.at_seconds) >= 1
