"""`mmied doctor` finds what a host lacks and says what to do; the host is a folder here."""

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from doctored_host import make_config, make_host, torchscript, with_unit

from mmied.commands.doctor import doctor, examine, gpus, kernel, port, python
from mmied.commands.doctor.finding import Finding
from mmied.commands.doctor.host import reader_on
from mmied.daemon.gpu import GpuReading
from mmied.records import GpuSample
from mmied.web.server import HttpServer

KERNEL_CHECKS = (
    kernel.check_pressure,
    kernel.check_waits,
    kernel.check_cgroups,
    kernel.check_clock,
    kernel.check_governor,
    kernel.check_pages,
    kernel.check_tracing,
)


def told(finding: Finding) -> tuple[str, bool]:
    """Return the state, and whether what is not ok comes with an advice."""
    return finding.state, (finding.advice is not None) == (finding.state != "ok")


def test_nothing_is_found_on_a_host_as_it_should_be(tmp_path: Path) -> None:
    host = make_host(tmp_path)

    assert [told(check(host)) for check in KERNEL_CHECKS] == [("ok", True)] * len(KERNEL_CHECKS)


@pytest.mark.parametrize(
    ("check", "file", "text", "word"),
    [
        (kernel.check_pressure, "proc__pressure__cpu", None, "psi=1"),
        (kernel.check_pressure, "proc__pressure__cpu", "what is this", "psi=1"),
        (kernel.check_waits, "proc__self__schedstat", None, "CONFIG_SCHED_INFO"),
        (kernel.check_cgroups, "sys__fs__cgroup__cgroup.controllers", None, "unified_cgroup_hierarchy"),
        (kernel.check_cgroups, "sys__fs__cgroup__cgroup.controllers", "cpu pids", "cgroup_disable"),
        (
            kernel.check_clock,
            "sys__devices__system__clocksource__clocksource0__current_clocksource",
            "hpet",
            "tsc=reliable",
        ),
        (
            kernel.check_governor,
            "sys__devices__system__cpu__cpu1__cpufreq__scaling_governor",
            "powersave",
            "frequency-set",
        ),
        (kernel.check_pages, "sys__kernel__mm__transparent_hugepage__defrag", "[always] madvise never", "echo madvise"),
        (kernel.check_tracing, "proc__sys__kernel__yama__ptrace_scope", "3", "ptrace_scope=1"),
    ],
)
def test_each_thing_that_the_kernel_lacks_is_a_warning_with_the_way_out(
    tmp_path: Path, check: object, file: str, text: str | None, word: str
) -> None:
    assert callable(check)
    found = check(make_host(tmp_path, **{file: text}))

    assert found.state == "warning"
    assert word in found.advice


def test_a_unit_that_delegates_nothing_is_told(tmp_path: Path) -> None:
    host = make_host(tmp_path)

    assert kernel.check_cgroups(with_unit(host, "Delegate=cpu memory")).state == "ok"
    assert "delegates none" in kernel.check_cgroups(with_unit(host)).message


def test_an_interpreter_in_a_home_folder_keeps_the_service_from_starting(tmp_path: Path) -> None:
    host, home = make_host(tmp_path), Path("/root/.pyenv/versions/3.12.0")

    assert python.check_interpreter(host, home=home).state == "ok"  # run by hand it does
    found = python.check_interpreter(with_unit(host), home=home)
    assert (found.state, "203/EXEC" in found.message) == ("failed", True)
    assert python.check_interpreter(host, home=Path("/usr")).state == "ok"
    assert python.check_interpreter(host, version=(3, 9, 2)).state == "failed"


def test_a_torch_that_cannot_be_imported_is_told_by_its_last_words() -> None:
    broken = python.check_torch(("sh", "-c", "echo Traceback; echo 'ImportError: libgomp.so.1' >&2; exit 1"))
    works = python.check_torch(("echo", json.dumps({"version": "2.13.0", "cuda": None, "seconds": 2.04})))

    assert (broken.state, broken.message) == ("failed", "cannot be imported: ImportError: libgomp.so.1")
    assert (works.state, works.message) == ("ok", "2.13.0, for CPUs alone, imported in 2.0 s")
    assert python.check_torch(("/nowhere/python",)).state == "failed"


def test_a_compiler_needs_the_headers_too(tmp_path: Path) -> None:
    host = make_host(tmp_path)

    assert "g++" in str(python.check_compiler(host, find=lambda _: None).advice)
    found = python.check_compiler(host, find=lambda _: "/usr/bin/g++", headers=tmp_path)
    assert "python3-dev" in str(found.advice)
    (tmp_path / "Python.h").touch()
    assert python.check_compiler(host, find=lambda _: "/usr/bin/g++", headers=tmp_path).state == "ok"


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        yield server.getsockname()[1]


def test_a_port_that_another_program_has_is_told(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(port, "TIMEOUT_SECONDS", 0.1)  # it never answers
    found = port.check_port("127.0.0.1", taken)

    assert (found.state, f"sport = {taken}" in str(found.advice)) == ("failed", True)


def test_a_port_is_free_or_mmieds_own() -> None:
    async def healthy(scope: object, receive: object, send: object) -> None:
        assert callable(send)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"healthy\n"})

    server = HttpServer(healthy, "127.0.0.1", 0, None)
    server.start()
    number = int(server.url.rsplit(":", 1)[1])
    try:
        assert port.check_port("127.0.0.1", number).message == f"mmied serves 127.0.0.1:{number}"
    finally:
        server.stop(1.0)
    assert port.check_port("127.0.0.1", number).message == f"127.0.0.1:{number} is free"


def test_gpus_that_the_unit_hides_or_that_models_want_in_vain_are_told(tmp_path: Path) -> None:
    host = make_host(tmp_path / "host")
    without = make_config(tmp_path, torchscript(tmp_path / "m.pt"))
    wants = make_config(tmp_path, torchscript(tmp_path / "m.pt").replace("name: m", "name: m, device: cuda"))
    gpu = GpuReading(gpus=(GpuSample(gpu="0", uuid="u", name="A100", driver_version="570"),))

    assert gpus.check_gpus(None, without, host).state == "ok"
    assert gpus.check_gpus(None, wants, host).state == "failed"
    assert gpus.check_gpus(GpuReading(problem="NVML does not start"), without, host).state == "warning"
    assert gpus.check_gpus(gpu, wants, host).message == "A100"
    assert gpus.check_gpus(gpu, without, with_unit(host)).state == "warning"
    hidden = gpus.check_gpus(gpu, wants, host)
    assert (hidden.state, "gpu.conf" in str(hidden.advice)) == ("failed", True)
    drop_in = host.root / "etc/systemd/system/mmied.service.d/gpu.conf"
    drop_in.parent.mkdir(parents=True)
    drop_in.write_text("[Service]\nPrivateDevices=no\n")
    assert gpus.check_gpus(gpu, wants, host).state == "ok"


def test_where_the_unit_is_installed_it_is_its_user_who_has_to_read(tmp_path: Path) -> None:
    host = make_host(tmp_path)

    assert reader_on(host).uid == os.geteuid()
    if os.geteuid() == 0:
        assert reader_on(with_unit(host)).name == "mmied"


def test_the_whole_of_it_is_readable_and_the_exit_status_tells_of_failures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = make_config(tmp_path, http="{listen: '127.0.0.1:0'}")
    assert doctor(good.path, as_json=True) == 0
    states = {found["check"]: found["state"] for found in json.loads(capsys.readouterr().out)}
    assert {"python", "torch", "configuration", "state", "disk", "port", "gpu", "pressure"} <= states.keys()

    good.path.write_text("models: [{nam: x}]")
    assert doctor(good.path) == 1
    said = capsys.readouterr().out
    assert "failed   configuration" in said
    assert f"→ See all of them: mmied check {good.path}" in said


def test_a_host_without_a_configuration_is_looked_at_all_the_same(tmp_path: Path) -> None:
    found = {finding.check: finding for finding in examine(tmp_path / "none.yaml", make_host(tmp_path / "host"))}

    assert found["configuration"].state == "warning"
    assert found["pressure"].state == "ok"
