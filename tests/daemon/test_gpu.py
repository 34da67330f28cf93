"""GPUs are read in base units, and one that fails hides no other. NVML is faked under pynvml's own names."""

from pathlib import Path
from types import SimpleNamespace

import pynvml
import pytest

from mmied.daemon.gpu import NONE_VISIBLE, REOPEN_SECONDS, THROTTLE_REASONS, Gpus
from mmied.records import GpuSample

FIGURES = {
    "nvmlDeviceGetUUID": "GPU-{}",
    "nvmlDeviceGetName": "NVIDIA H200",
    "nvmlDeviceGetUtilizationRates": SimpleNamespace(gpu=37, memory=5),
    "nvmlDeviceGetMemoryInfo": SimpleNamespace(total=150_000, free=140_000, used=10_000),
    "nvmlDeviceGetPowerUsage": 123_456,
    "nvmlDeviceGetEnforcedPowerLimit": 700_000,
    "nvmlDeviceGetTotalEnergyConsumption": 9_876_543,
    "nvmlDeviceGetTemperature": 41,
    "nvmlDeviceGetCurrentClocksEventReasons": 0x04 | 0x40,
    "nvmlDeviceGetCurrentClocksThrottleReasons": 0x80,
    "nvmlDeviceGetTotalEccErrors": 3,
    "nvmlDeviceGetComputeRunningProcesses": [SimpleNamespace(pid=pid) for pid in (30, 10, 30)],
}


class FakeNvml:
    """A driver with `gpus` GPUs of recorded figures.

    `broken` maps a function, or a function and GPU, to the error that it raises. Constants and errors are pynvml's.
    """

    def __init__(self, gpus: int = 1) -> None:
        self.gpus = gpus
        self.broken: dict[str | tuple[str, int], Exception] = {}
        self.starts = 0
        self.running = False

    def nvmlInit(self) -> None:
        self.starts += 1
        self._fail("nvmlInit")
        self.running = True

    def nvmlShutdown(self) -> None:
        self.running = False
        self._fail("nvmlShutdown")

    def nvmlSystemGetDriverVersion(self) -> str:
        self._fail("nvmlSystemGetDriverVersion")
        return "570.133.20"

    def nvmlDeviceGetCount(self) -> int:
        return self.gpus

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        self._fail("nvmlDeviceGetHandleByIndex", index)
        return index

    def nvmlDeviceGetClockInfo(self, gpu: int, clock: int) -> int:
        self._fail("nvmlDeviceGetClockInfo", gpu)
        return {pynvml.NVML_CLOCK_SM: 1980, pynvml.NVML_CLOCK_MEM: 3201}[clock]

    def __getattr__(self, name: str):
        known = getattr(pynvml, name)  # a function that pynvml does not have is a mistake of ours
        if name not in FIGURES:
            return known

        def answer(gpu: int, *arguments):
            assert self.running
            self._fail(name, gpu)
            figure = FIGURES[name]
            return figure.format(gpu) if isinstance(figure, str) else figure

        return answer

    def _fail(self, name: str, gpu: int | None = None) -> None:
        for key in (name, (name, gpu), ("*", gpu)):
            if key in self.broken:
                raise self.broken[key]


@pytest.fixture
def dev(tmp_path: Path) -> Path:
    (tmp_path / "nvidiactl").touch()
    return tmp_path


@pytest.fixture
def open_gpus(dev: Path):
    def make(nvml: FakeNvml) -> Gpus:
        return Gpus(load=lambda: nvml, dev=dev, proc=dev)

    return make


def test_figures_come_in_base_units(open_gpus):
    reading = open_gpus(FakeNvml()).read(0.0)

    assert reading.problem is None
    assert reading.gpus == (
        GpuSample(
            gpu="0",
            uuid="GPU-0",
            name="NVIDIA H200",
            driver_version="570.133.20",
            utilization_ratio=0.37,
            memory_used_bytes=10_000,
            memory_total_bytes=150_000,
            power_watts=123.456,
            power_limit_watts=700.0,
            energy_joules_total=9876.543,
            temperature_celsius=41,
            clock_hertz={"sm": 1.98e9, "memory": 3.201e9},
            throttle_active={"power_cap": True, "thermal_sw": False, "thermal_hw": True, "power_brake": False},
            ecc_uncorrected_errors_total=3,
            compute_pids=(10, 30),
        ),
    )


def test_throttle_bits_are_those_of_nvml():
    assert {
        "power_cap": pynvml.nvmlClocksEventReasonSwPowerCap,
        "thermal_sw": pynvml.nvmlClocksEventReasonSwThermalSlowdown,
        "thermal_hw": pynvml.nvmlClocksEventReasonHwThermalSlowdown,
        "power_brake": pynvml.nvmlClocksEventReasonHwPowerBrakeSlowdown,
    } == THROTTLE_REASONS


def test_a_host_without_a_trace_of_a_gpu_never_loads_nvml(tmp_path):
    def load():
        raise AssertionError("loaded")

    assert Gpus(load=load, dev=tmp_path, proc=tmp_path).read(0.0) is None


@pytest.mark.parametrize("trace", ["nvidiactl", "nvidia0", "driver/nvidia"])
def test_any_trace_of_a_gpu_opens_nvml(tmp_path, trace):
    (tmp_path / trace).mkdir(parents=True)

    assert len(Gpus(load=FakeNvml, dev=tmp_path, proc=tmp_path).read(0.0).gpus) == 1


def test_a_driver_that_is_loaded_later_is_found(tmp_path):
    gpus = Gpus(load=FakeNvml, dev=tmp_path, proc=tmp_path)
    assert gpus.read(0.0) is None

    (tmp_path / "nvidiactl").touch()

    assert len(gpus.read(5.0).gpus) == 1


def test_a_device_without_a_driver_library_says_so(dev):
    """With the real pynvml, where this host has no NVIDIA driver."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError_LibraryNotFound:
        reading = Gpus(dev=dev, proc=dev).read(0.0)
        assert reading.gpus == ()
        assert reading.problem.startswith("NVML library not found: no NVIDIA driver on this host")
    else:
        pynvml.nvmlShutdown()
        pytest.skip("this host has an NVIDIA driver")


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (pynvml.NVMLError_DriverNotLoaded(), "DeviceAllow="),
        (pynvml.NVMLError_NoPermission(), "/dev/nvidia*"),
        (pynvml.NVMLError_LibRmVersionMismatch(), "reboot"),
        (pynvml.NVMLError_Unknown(), "NVML does not start: Unknown Error"),
    ],
)
@pytest.mark.parametrize("function", ["nvmlInit", "nvmlSystemGetDriverVersion"])
def test_why_nvml_does_not_start_is_said(open_gpus, error, hint, function):
    nvml = FakeNvml()
    nvml.broken[function] = error

    assert hint in open_gpus(nvml).read(0.0).problem
    assert not nvml.running


def test_nvml_that_does_not_start_is_left_alone_for_five_minutes_and_then_recovers(open_gpus):
    nvml = FakeNvml()
    nvml.broken["nvmlInit"] = pynvml.NVMLError_DriverNotLoaded()
    gpus = open_gpus(nvml)

    problems = {gpus.read(float(now)).problem for now in range(0, REOPEN_SECONDS, 5)}
    assert nvml.starts == 1
    assert len(problems) == 1 and None not in problems

    nvml.broken.clear()
    reading = gpus.read(float(REOPEN_SECONDS))

    assert reading.problem is None
    assert len(reading.gpus) == 1


def test_a_clock_set_back_does_not_put_the_next_try_off(open_gpus):
    nvml = FakeNvml()
    nvml.broken["nvmlInit"] = pynvml.NVMLError_Unknown()
    gpus = open_gpus(nvml)
    gpus.read(1e9)

    nvml.broken.clear()

    assert gpus.read(1e6).problem is None


def test_one_gpu_of_two_that_is_lost_leaves_the_other(open_gpus):
    nvml = FakeNvml(gpus=2)
    gpus = open_gpus(nvml)
    assert len(gpus.read(0.0).gpus) == 2

    nvml.broken["*", 1] = pynvml.NVMLError_GpuIsLost()
    reading = gpus.read(5.0)

    assert [sample.gpu for sample in reading.gpus] == ["0"]
    assert reading.problem == "GPU 1: GPU is lost"


def test_a_gpu_that_cannot_be_opened_leaves_the_other(open_gpus):
    nvml = FakeNvml(gpus=2)
    nvml.broken["nvmlDeviceGetHandleByIndex", 0] = pynvml.NVMLError_GpuIsLost()
    gpus = open_gpus(nvml)

    readings = [gpus.read(now) for now in (0.0, 5.0)]

    assert [[sample.gpu for sample in reading.gpus] for reading in readings] == [["1"], ["1"]]
    assert readings[1].problem == "GPU 0: GPU is lost"


def test_a_gpu_that_comes_back_after_a_reset_is_reopened(open_gpus):
    nvml = FakeNvml(gpus=2)
    gpus = open_gpus(nvml)
    gpus.read(0.0)
    nvml.broken["*", 1] = pynvml.NVMLError_ResetRequired()
    for now in range(1000, 1000 + REOPEN_SECONDS, 5):
        assert gpus.read(float(now)).problem
    assert nvml.starts == 2  # at the start, and once soon after the failure

    nvml.broken.clear()
    reading = gpus.read(1000.0 + REOPEN_SECONDS + 5)

    assert len(reading.gpus) == 2
    assert reading.problem is None


def test_a_driver_that_goes_away_under_us_is_reopened(open_gpus):
    nvml = FakeNvml()
    gpus = open_gpus(nvml)
    gpus.read(0.0)

    nvml.broken["*", 0] = nvml.broken["nvmlShutdown"] = pynvml.NVMLError_Uninitialized()
    assert gpus.read(1000.0).gpus == ()
    nvml.broken.clear()

    assert gpus.read(1005.0).problem is None


def test_a_driver_that_shows_no_gpu_is_a_failure(open_gpus):
    reading = open_gpus(FakeNvml(gpus=0)).read(0.0)

    assert reading.gpus == ()
    assert reading.problem == NONE_VISIBLE


@pytest.mark.parametrize(
    ("function", "field"),
    [
        ("nvmlDeviceGetUtilizationRates", "utilization_ratio"),
        ("nvmlDeviceGetMemoryInfo", "memory_used_bytes"),
        ("nvmlDeviceGetPowerUsage", "power_watts"),
        ("nvmlDeviceGetEnforcedPowerLimit", "power_limit_watts"),
        ("nvmlDeviceGetTotalEnergyConsumption", "energy_joules_total"),
        ("nvmlDeviceGetTemperature", "temperature_celsius"),
        ("nvmlDeviceGetClockInfo", "clock_hertz"),
        ("nvmlDeviceGetTotalEccErrors", "ecc_uncorrected_errors_total"),
        ("nvmlDeviceGetComputeRunningProcesses", "compute_pids"),
    ],
)
@pytest.mark.parametrize(
    "error",
    [
        pynvml.NVMLError_NotSupported(),
        pynvml.NVMLError_FunctionNotFound(),
        pynvml.NVMLError_NoPermission(),
        pynvml.NVMLLibraryMismatchError("another version"),
    ],
)
def test_a_figure_that_the_device_does_not_give_is_no_failure(open_gpus, function, field, error):
    nvml = FakeNvml()
    nvml.broken[function] = error

    reading = open_gpus(nvml).read(0.0)

    assert reading.problem is None
    assert not getattr(reading.gpus[0], field)


def test_an_older_driver_tells_throttling_under_its_older_name(open_gpus):
    nvml = FakeNvml()
    nvml.broken["nvmlDeviceGetCurrentClocksEventReasons"] = pynvml.NVMLError_FunctionNotFound()

    reading = open_gpus(nvml).read(0.0)

    assert [name for name, active in reading.gpus[0].throttle_active.items() if active] == ["power_brake"]


def test_closing_lets_the_driver_go_until_the_next_reading(open_gpus):
    nvml = FakeNvml()
    gpus = open_gpus(nvml)
    gpus.read(0.0)

    gpus.close()
    assert not nvml.running

    assert len(gpus.read(1.0).gpus) == 1
