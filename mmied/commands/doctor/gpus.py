"""Check whether NVML shows the GPUs, here and to the service."""

from pathlib import Path

from mmied.commands.doctor.finding import Finding, failed, ok, warning
from mmied.commands.doctor.host import Host
from mmied.config import Config
from mmied.daemon.gpu import GpuReading, Gpus

DROP_IN = Path("/opt/mmied/share/mmied/gpu.conf")


def read_gpus(host: Host) -> GpuReading | None:
    """Return what NVML gives, None where there is no trace of a GPU."""
    gpus = Gpus(dev=host.root / "dev", proc=host.proc)
    try:
        return gpus.read(0.0)
    finally:
        gpus.close()


def check_gpus(reading: GpuReading | None, config: Config | None, host: Host) -> Finding:
    """Judge what NVML gave by what the configuration wants of it."""
    wanted = [model.name for model in config.models if model.spec.device != "cpu"] if config is not None else []
    if reading is None:
        if not wanted:
            return ok("gpu", "no NVIDIA GPU, and no model that wants one")
        advice = "Install NVIDIA's driver, pass the devices into the container, or set `device: cpu`."
        return failed("gpu", f"no NVIDIA GPU, which models want: {', '.join(wanted)}", advice)
    if reading.problem is not None:
        judge = failed if wanted else warning
        return judge("gpu", reading.problem, "See whether `nvidia-smi` works for the user that runs mmied.")
    names = ", ".join(gpu.name for gpu in reading.gpus)
    unit = host.unit()
    if unit is not None and "\nPrivateDevices=no" not in unit:
        judge = failed if wanted else warning
        return judge(
            "gpu",
            f"{names}: there, and hidden from the service",
            f"install -D -t /etc/systemd/system/mmied.service.d {DROP_IN} && systemctl daemon-reload",
        )
    return ok("gpu", names)
