"""What kept our threads from the CPU is read from /proc, and from nowhere else."""

import os
from pathlib import Path

import pytest

from mmied.bench.contention import Neighbours, Theft, WaitMeter


def task(folder: Path, number: int, wait: int) -> Path:
    path = folder / str(number) / "schedstat"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"123456 {wait} 7\n")
    return path


def test_run_delay_is_read_for_each_thread_the_main_one_first(tmp_path: Path) -> None:
    task(tmp_path, 12, 200)
    first = task(tmp_path, 9, 100)
    meter = WaitMeter(tmp_path)
    assert meter.supported
    assert meter.read_nanoseconds() == [100, 200]
    first.write_text("123456 150 8\n")
    assert meter.read_nanoseconds() == [150, 200]
    task(tmp_path, 30, 5)
    assert len(meter.read_nanoseconds()) == 2
    meter.refresh()
    assert meter.read_nanoseconds() == [150, 200, 5]
    meter.close()


def test_a_kernel_that_does_not_tell_is_said_not_to(tmp_path: Path) -> None:
    (tmp_path / "9").mkdir()
    assert not WaitMeter(tmp_path).supported


def test_our_own_threads_are_found() -> None:
    meter = WaitMeter()
    assert meter.supported
    assert all(delay >= 0 for delay in meter.read_nanoseconds())
    meter.close()


def proc(folder: Path, *, steal: int = 0, busy: int = 0) -> Path:
    (folder / "self").mkdir(exist_ok=True)
    (folder / "self/cgroup").write_text("0::/system.slice/mmied.service\n")
    numbers = "".join(f"cpu{n} {busy} 0 0 1000 0 0 0 {steal} 0 0\n" for n in range(os.cpu_count() or 1))
    (folder / "stat").write_text(f"cpu  {busy} 0 0 1000 0 0 0 {steal} 0 0\n{numbers}intr 1\n")
    return folder


def test_steal_is_told_once(tmp_path: Path) -> None:
    theft = Theft(proc(tmp_path), tmp_path / "cgroup")
    assert not theft.since_last()
    proc(tmp_path, steal=3)
    assert theft.since_last()
    assert not theft.since_last()


@pytest.mark.parametrize(("own", "place", "name"), [
    ("0::/a.service\n", "a.service", "throttled_usec"),
    ("3:cpu,cpuacct:/a\n", "cpu,cpuacct/a", "throttled_time"),
])  # fmt: skip
def test_throttling_by_a_quota_is_told(tmp_path: Path, own: str, place: str, name: str) -> None:
    proc(tmp_path)
    (tmp_path / "self/cgroup").write_text(own)
    stat = tmp_path / "cgroup" / place / "cpu.stat"
    stat.parent.mkdir(parents=True)
    stat.write_text(f"nr_throttled 0\n{name} 0\n")
    theft = Theft(tmp_path, tmp_path / "cgroup")
    assert not theft.since_last()
    stat.write_text(f"nr_throttled 1\n{name} 5000\n")
    assert theft.since_last()


def test_neighbours_are_what_the_cpus_did_beside_us(tmp_path: Path) -> None:
    neighbours = Neighbours(proc(tmp_path))
    assert neighbours.busy_cpus_since_last() == 0
    proc(tmp_path, busy=100_000)
    assert neighbours.busy_cpus_since_last() > 1
