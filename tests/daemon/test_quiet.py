"""The host's pressure is measured while nothing of ours runs."""

from pathlib import Path

import pytest

from mmied.daemon.admission import Pressure
from mmied.daemon.quiet import LONGEST_SECONDS, SHORTEST_SECONDS, QuietPressure


class Host:
    """A /proc whose PSI totals are set by hand."""

    def __init__(self, folder: Path) -> None:
        self.proc = folder
        (folder / "pressure").mkdir()
        self.set(0.0)

    def set(self, cpu: float, *, memory: float = 0.0, io: float = 0.0) -> None:
        for name, seconds in (("cpu", cpu), ("memory", memory), ("io", io)):
            line = f"avg10=99.00 avg60=0.00 avg300=0.00 total={round(seconds * 1e6)}"
            (self.proc / "pressure" / name).write_text(f"some {line}\nfull {line}\n")


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_nothing_is_said_before_the_host_was_looked_at_for_long_enough(host: Host) -> None:
    quiet = QuietPressure(host.proc)
    quiet.observe(100.0, running=False)
    quiet.observe(100.0 + SHORTEST_SECONDS - 0.1, running=False)
    assert quiet.pressure() is None

    quiet.observe(100.0 + SHORTEST_SECONDS + 0.5, running=False)
    assert quiet.pressure() == Pressure(0.0, 0.0, 0.0)


def test_pressure_is_of_the_time_that_was_looked_at_and_not_of_the_kernels_averages(host: Host) -> None:
    quiet = QuietPressure(host.proc)
    quiet.observe(100.0, running=False)
    host.set(1.0, memory=0.5, io=0.25)
    quiet.observe(105.0, running=False)

    assert quiet.pressure() == Pressure(0.2, 0.1, 0.05)


def test_the_load_of_our_own_runs_is_forgotten(host: Host) -> None:
    quiet = QuietPressure(host.proc)
    quiet.observe(100.0, running=False)
    host.set(50.0)
    quiet.observe(150.0, running=True)
    assert quiet.pressure() is None, "what was seen before a run says nothing of the time after it"

    host.set(60.0)
    for second in range(5):
        quiet.observe(160.0 + second, running=False)
    assert quiet.pressure() == Pressure(0.0, 0.0, 0.0)


def test_no_more_than_the_last_seconds_count(host: Host) -> None:
    quiet = QuietPressure(host.proc)
    for tenth in range(600):
        host.set(min(tenth / 10, 20.0))  # others wanted the CPU for the first twenty seconds
        quiet.observe(tenth / 10, running=False)
        if tenth > 200 + 10 * LONGEST_SECONDS:
            assert quiet.pressure() == Pressure(0.0, 0.0, 0.0)


def test_looking_often_does_not_shorten_the_memory(host: Host) -> None:
    quiet = QuietPressure(host.proc)
    for step in range(2000):
        host.set(step * 0.005)
        quiet.observe(step * 0.01, running=False)

    found = quiet.pressure()
    assert found is not None
    assert found.cpu_waiting == pytest.approx(0.5, rel=0.01)


def test_a_kernel_without_psi_leaves_the_pressure_unknown(tmp_path: Path) -> None:
    (tmp_path / "loadavg").write_text("0.1 0.2 0.3 1/100 4242\n")
    quiet = QuietPressure(tmp_path)
    quiet.observe(0.0, running=False)
    quiet.observe(5.0, running=False)

    assert quiet.pressure() == Pressure(None, None, None)
    assert QuietPressure(tmp_path / "nowhere").pressure() is None
