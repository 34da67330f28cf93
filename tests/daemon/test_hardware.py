"""A sample of the host is right, cheap and complete but for the part that fails."""

import errno
import logging
import shutil
import time
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from mmied.codec import from_json, to_json
from mmied.daemon.gpu import GpuReading
from mmied.daemon.hardware import KEPT_SAMPLES, MAX_SENSORS, NO_GPU, Sampler
from mmied.records import GpuSample, HardwareSample

PROC = Path(__file__).parent / "proc"
Times = namedtuple("Times", "user nice system idle iowait irq softirq steal guest guest_nice")
Sensor = namedtuple("Sensor", "label current")


def fake_psutil(**changes) -> SimpleNamespace:
    """A recorded host; the functions that a test names are replaced."""
    disk = SimpleNamespace(read_bytes=1000, write_bytes=300)
    link = SimpleNamespace(bytes_recv=50, bytes_sent=7)
    functions = {
        "cpu_times": lambda: Times(10.0, 1.0, 4.0, 80.0, 5.0, 0.5, 0.5, 2.0, 3.0, 0.5),
        "cpu_count": lambda: 8,
        "cpu_freq": lambda: SimpleNamespace(current=2596.0),
        "virtual_memory": lambda: SimpleNamespace(total=16_000, available=9_000),
        "disk_io_counters": lambda perdisk: dict.fromkeys(
            ("sda", "sda1", "nvme0n1", "dm-0", "md0", "loop0", "zram0"), disk
        ),
        "net_io_counters": lambda pernic: dict.fromkeys(("lo", "eth0", "bond0", "veth1"), link),
        "sensors_temperatures": lambda: {"nvme": [Sensor("Composite", 41.5)]},
    }
    return SimpleNamespace(**functions | changes)


class NoGpus:
    def read(self, now: float) -> GpuReading | None:
        return None


class ScriptedGpus:
    def __init__(self, *readings: GpuReading) -> None:
        self.readings = list(readings)

    def read(self, now: float) -> GpuReading:
        return self.readings.pop(0)


@pytest.fixture
def sys(tmp_path: Path) -> Path:
    """/sys of a host with two disks and a network card; partitions and virtual devices have no `device`."""
    root = tmp_path / "sys"
    for device in ("block/sda", "block/nvme0n1", "class/net/eth0"):
        (root / device / "device").mkdir(parents=True)
    for virtual in (
        "block/dm-0",
        "block/md0",
        "block/loop0",
        "block/zram0",
        "class/net/bond0",
        "class/net/lo",
    ):
        (root / virtual).mkdir(parents=True)
    return root


@pytest.fixture
def make_sampler(sys: Path):
    def make(*, gpus=None, proc: Path = PROC, kept: int = KEPT_SAMPLES, **changes) -> Sampler:
        return Sampler(psutil=fake_psutil(**changes), gpus=gpus or NoGpus(), proc=proc, sys=sys, kept=kept)

    return make


def series(*values):
    """A function that returns the values in turn, and raises those that are errors."""
    left = list(values)

    def take():
        value = left.pop(0)
        if isinstance(value, Exception):
            raise value
        return value

    return take


def test_a_sample_is_in_base_units(make_sampler):
    sample = make_sampler().sample(1000.0)

    assert sample.at == 1000.0
    assert sample.cpus == 8
    assert sample.cpu_frequency_hertz == 2.596e9
    assert sample.load1 == 1.85
    assert (sample.memory_total_bytes, sample.memory_available_bytes) == (16_000, 9_000)
    assert sample.pressure_waiting_ratio == pytest.approx({"cpu": 0.5181, "memory": 0.025, "io": 0.0036})
    assert sample.pressure_stalled_ratio == pytest.approx({"cpu": 0.0, "memory": 0.0125, "io": 0.0018})
    assert sample.pressure_waiting_seconds_total["cpu"] == pytest.approx(33.724272)
    assert sample.pressure_stalled_seconds_total["memory"] == pytest.approx(2.159425)
    assert sample.runnable is None
    assert all(state.success for state in sample.collectors.values())


def test_a_sample_survives_json(make_sampler):
    sample = make_sampler().sample(1000.0)

    assert from_json(HardwareSample, to_json(sample)) == sample


def test_guests_are_not_counted_twice(make_sampler):
    assert make_sampler().sample(0.0).cpu_busy_seconds_total == pytest.approx(18.0)


def test_utilization_is_that_since_the_sample_before(make_sampler):
    first = Times(10.0, 0.0, 0.0, 90.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    second = first._replace(user=13.0, system=1.0, idle=94.0, iowait=2.0)
    sampler = make_sampler(cpu_times=series(first, second, second))

    ratios = [sampler.sample(now).cpu_utilization_ratio for now in (0.0, 5.0, 5.0)]

    assert ratios == [None, pytest.approx(0.4), None]


def test_idle_time_that_runs_back_gives_no_impossible_utilization(make_sampler):
    first = Times(10.0, 0.0, 0.0, 90.0, 9.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    sampler = make_sampler(cpu_times=series(first, first._replace(user=15.0, iowait=6.0)))

    sampler.sample(0.0)

    assert sampler.sample(5.0).cpu_utilization_ratio == 1.0


def test_disks_are_counted_once_whatever_lies_upon_them(make_sampler):
    assert make_sampler().sample(0.0).disk_bytes_total == {"read": 2000, "written": 600}


def test_network_cards_are_counted_once_whatever_lies_upon_them(make_sampler):
    assert make_sampler().sample(0.0).network_bytes_total == {"received": 50, "sent": 7}


def test_in_a_container_every_interface_but_loopback_counts(make_sampler, sys):
    shutil.rmtree(sys / "class")

    assert make_sampler().sample(0.0).network_bytes_total == {"received": 150, "sent": 21}


def test_a_host_without_disks_of_its_own_has_no_figure_rather_than_zero(make_sampler, sys):
    shutil.rmtree(sys / "block")

    sample = make_sampler().sample(0.0)

    assert sample.disk_bytes_total == {}
    assert sample.collectors["disk"].success


@pytest.mark.parametrize("frequency", [lambda: None, series(NotImplementedError("no file"))])
def test_a_kernel_that_does_not_tell_the_frequency_is_no_failure(make_sampler, frequency):
    sample = make_sampler(cpu_freq=frequency).sample(0.0)

    assert sample.cpu_frequency_hertz is None
    assert sample.collectors["frequency"].success


def test_a_package_stands_for_its_cores_and_like_sensors_are_told_apart(make_sampler):
    sensors = {
        "coretemp": [Sensor("Package id 0", 60.0), Sensor("Core 0", 58.0), Sensor("Core 1", 61.0)],
        "nvme": [Sensor("Composite", 40.0), Sensor("Composite", 45.0)],
        "acpitz": [Sensor("", 30.0)],
    }

    sample = make_sampler(sensors_temperatures=lambda: sensors).sample(0.0)

    assert sample.temperature_celsius == {
        "coretemp Package id 0": 60.0,
        "nvme Composite": 40.0,
        "nvme Composite #2": 45.0,
        "acpitz": 30.0,
    }


def test_a_server_full_of_sensors_does_not_flood_prometheus(make_sampler):
    sensors = {"bmc": [Sensor(f"DIMM {slot}", 35.0) for slot in range(300)]}

    sample = make_sampler(sensors_temperatures=lambda: sensors).sample(0.0)

    assert len(sample.temperature_celsius) == MAX_SENSORS


def test_slow_figures_are_read_now_and_then_and_carried_between(make_sampler):
    readings = [SimpleNamespace(current=1000.0), SimpleNamespace(current=2000.0)]
    sampler = make_sampler(cpu_freq=series(*readings))

    hertz = [sampler.sample(float(now)).cpu_frequency_hertz for now in range(7)]

    assert hertz == [1e9] * 6 + [2e9]


def test_a_kernel_without_psi_gives_the_run_queue(make_sampler, tmp_path):
    shutil.copy(PROC / "loadavg", tmp_path)

    sample = make_sampler(proc=tmp_path).sample(0.0)

    assert sample.runnable == 5
    assert sample.pressure_waiting_ratio == {}
    assert sample.collectors["pressure"].success


def test_a_kernel_with_psi_switched_off_gives_the_run_queue(make_sampler):
    class SwitchedOff(type(Path())):
        def read_text(self, *arguments, **settings):
            if self.parent.name == "pressure":
                raise OSError(errno.EOPNOTSUPP, "Operation not supported")
            return super().read_text(*arguments, **settings)

    sample = make_sampler(proc=SwitchedOff(PROC)).sample(0.0)

    assert sample.runnable == 5
    assert sample.collectors["pressure"].success


def test_an_older_kernel_has_no_cpu_stalls(make_sampler, tmp_path):
    shutil.copytree(PROC, tmp_path, dirs_exist_ok=True)
    (tmp_path / "pressure" / "cpu").write_text("some avg10=1.00 avg60=0.00 avg300=0.00 total=5\n")

    sample = make_sampler(proc=tmp_path).sample(0.0)

    assert sample.pressure_waiting_ratio["cpu"] == 0.01
    assert set(sample.pressure_stalled_ratio) == {"memory", "io"}


@pytest.mark.parametrize("text", ["", "some avg10=x total=1\n", "some avg60=0.00 total=1\n"])
def test_a_pressure_file_that_makes_no_sense_fails_that_collector(make_sampler, tmp_path, text):
    shutil.copytree(PROC, tmp_path, dirs_exist_ok=True)
    (tmp_path / "pressure" / "io").write_text(text)

    sample = make_sampler(proc=tmp_path).sample(0.0)

    assert [name for name, state in sample.collectors.items() if not state.success] == ["pressure"]


@pytest.mark.parametrize(
    ("collector", "function", "field"),
    [
        ("cpu", "cpu_times", "cpu_busy_seconds_total"),
        ("frequency", "cpu_freq", "cpu_frequency_hertz"),
        ("memory", "virtual_memory", "memory_total_bytes"),
        ("disk", "disk_io_counters", "disk_bytes_total"),
        ("network", "net_io_counters", "network_bytes_total"),
        ("temperature", "sensors_temperatures", "temperature_celsius"),
    ],
)
def test_a_collector_that_fails_hides_no_other(make_sampler, collector, function, field):
    def broken(*arguments, **settings):
        raise OSError("sensor on fire")

    sampler = make_sampler(**{function: broken})
    sample = sampler.sample(0.0)

    assert not getattr(sample, field)
    assert [name for name, state in sample.collectors.items() if not state.success] == [collector]
    assert sample.collectors[collector].message == "OSError: sensor on fire"
    assert f"hardware collector {collector}: OSError: sensor on fire" in sampler.notices


def test_a_failure_is_logged_once_and_its_end_too(make_sampler, caplog):
    memory = SimpleNamespace(total=2, available=1)
    sampler = make_sampler(virtual_memory=series(memory, OSError(), OSError(), OSError(), memory, memory))

    with caplog.at_level(logging.INFO, logger="mmied"):
        for now in range(6):
            sampler.sample(float(now))

    events = [(record.getMessage(), record.collector) for record in caplog.records]
    assert events == [("collector_failed", "memory"), ("collector_recovered", "memory")]


def test_a_bug_of_ours_is_not_taken_for_a_failing_sensor(make_sampler):
    with pytest.raises(ZeroDivisionError):
        make_sampler(virtual_memory=series(ZeroDivisionError())).sample(0.0)


def test_a_host_without_a_gpu_is_told_once_and_fails_nothing(make_sampler):
    sampler = make_sampler()
    assert sampler.notices == ()

    sample = sampler.sample(0.0)

    assert "nvml" not in sample.collectors
    assert sampler.notices == (NO_GPU,)


def test_a_gpu_that_fails_leaves_the_other_in_the_sample(make_sampler):
    healthy = GpuSample(gpu="0", uuid="GPU-a", name="H200", driver_version="570.1")
    gpus = ScriptedGpus(GpuReading(gpus=(healthy,), problem="GPU 1: GPU is lost"), GpuReading(gpus=(healthy,)))
    sampler = make_sampler(gpus=gpus)

    broken = sampler.sample(0.0)
    assert sampler.notices == ("hardware collector nvml: GPU 1: GPU is lost",)
    mended = sampler.sample(5.0)

    assert broken.gpus == mended.gpus == (healthy,)
    assert (broken.collectors["nvml"].success, mended.collectors["nvml"].success) == (False, True)
    assert sampler.notices == ()


def test_the_duration_of_a_collection_is_its_own(sys):
    ticks = iter(range(1000))
    sampler = Sampler(psutil=fake_psutil(), gpus=NoGpus(), proc=PROC, sys=sys, timer=lambda: float(next(ticks)))

    assert {state.duration_seconds for state in sampler.sample(0.0).collectors.values()} == {1.0}


def test_the_samples_that_are_kept_are_bounded(make_sampler):
    sampler = make_sampler(kept=3)
    assert sampler.latest is None

    for now in range(10):
        sampler.sample(float(now))

    assert [sample.at for sample in sampler.samples] == [7.0, 8.0, 9.0]
    assert sampler.latest is sampler.samples[-1]


def test_the_real_host_is_sampled_at_little_cost():
    sampler = Sampler(psutil=psutil)
    sampler.sample(0.0)

    began = time.thread_time()
    for now in range(1, 51):
        sample = sampler.sample(now * 5.0)
    seconds = (time.thread_time() - began) / 50

    assert sample.cpus and sample.memory_total_bytes and sample.cpu_busy_seconds_total
    assert seconds < 0.005  # 0.1 % of a core at one sample every five seconds
