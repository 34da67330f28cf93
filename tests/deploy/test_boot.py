"""The unit does under a real systemd what it says: starts, reloads, comes back, stops, and keeps its state."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from booted import Machine, booted, stage_interpreter
from daemon_process import linear

pytestmark = pytest.mark.systemd

ROOT = Path(__file__).parents[2]
SUPPORT = ROOT / "tests/support"
CONFIG_PATH = "/etc/mmied/mmied.yaml"
# Gives the machine an address that is not loopback's: SIOCSIFADDR, for hosts without the program `ip`.
ADD_ADDRESS = """
import fcntl, socket, struct
address = struct.pack("16sH2x4s8x", b"lo:1", socket.AF_INET, socket.inet_aton("10.9.8.7"))
fcntl.ioctl(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 0x8916, address)
"""
CONNECT = "import socket; socket.create_connection(('10.9.8.7', 9177), timeout=1)"
OVERRIDES = "/run/systemd/system/mmied.service.d"
CONFIG: dict[str, Any] = {
    "schedule": {"profile": "1h", "inspect": "never"},
    "budget": {"cpu_ratio": 1.0, "scenario_time": "200ms", "threads": 1},
    "admission": {"cpu_pressure": 1, "memory_pressure": 1, "io_pressure": 1},
}
ENVIRONMENT = ("PYTHONPATH=/opt/checkout:/opt/support", "LD_LIBRARY_PATH=/opt/python/lib")
# What the test alone needs: the checkout's own code, no long waits, and a bound for stopping as narrow as the daemon's
# own promise.
DROP_IN = f"""\
[Service]
Environment={" ".join(ENVIRONMENT)}
RestartSec=100ms
TimeoutStopSec=10s
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("boot")
    stage = folder / "stage"
    units = stage / "etc/systemd/system"
    (units / "mmied.service.d").mkdir(parents=True)
    for name in ("mmied.service", "mmied.slice"):
        shutil.copy(ROOT / "systemd" / name, units)
    (units / "mmied.service.d/test.conf").write_text(DROP_IN)
    places = stage_interpreter(stage) | {ROOT / "mmied": "/opt/checkout/mmied", SUPPORT: "/opt/support"}
    with booted(stage, folder, places) as machine:
        yield machine


class Service:
    """mmied on the machine."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def configure(self, text: str) -> None:
        self.machine.run("sh", "-c", f"mkdir -p /etc/mmied; cat > {CONFIG_PATH} <<'END'\n{text}\nEND")

    def start(self) -> None:
        self.machine.run("systemctl", "start", "mmied")

    def override(self, text: str) -> None:
        """Add a drop-in to the unit for the rest of the test, and start anew."""
        self.machine.run("sh", "-c", f"mkdir -p {OVERRIDES}; cat > {OVERRIDES}/override.conf <<'END'\n{text}\nEND")
        self.machine.run("systemctl", "daemon-reload")
        self.machine.run("systemctl", "restart", "mmied")

    def mmied(self, *arguments: str) -> str:
        return self.machine.run("env", *ENVIRONMENT, "/opt/mmied/bin/mmied", *arguments)

    def python(self, script: str) -> bool:
        """Run a script on the machine and tell whether it did not fail."""
        command = ("env", *ENVIRONMENT, "/opt/mmied/bin/python3", "-c", f"{script}\nprint('done')")
        return self.machine.run(*command, check=False).strip() == "done"

    def status(self) -> dict[str, Any]:
        return dict(json.loads(self.mmied("status", "--json", "--url", "http://127.0.0.1:9177")))

    def models(self) -> list[str]:
        return [model["name"] for model in self.status()["models"]]

    def runs(self, model: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.mmied("history", "--model", model, "--json").splitlines()]

    def profiled(self, model: str) -> dict[str, Any]:
        """Return the first run of a model once it is there."""
        self.machine.wait_for(lambda: self.status()["models"][0]["last_run_id"], f"{model} was run")
        return self.runs(model)[-1]

    def pid(self) -> str:
        return self.machine.show("MainPID")

    def own(self, file: str) -> str:
        return self.machine.run("cat", f"/proc/{self.pid()}/{file}")


@pytest.fixture
def service(machine: Machine) -> Iterator[Service]:
    """mmied, started as on a fresh host, with one tiny model."""
    found = Service(machine)
    found.configure(config(tiny="none"))
    found.start()
    yield found
    machine.run("systemctl", "stop", "mmied")
    machine.run("rm", "-rf", OVERRIDES)
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "reset-failed", "mmied", check=False)
    machine.run("sh", "-c", "rm -rf /var/lib/private/mmied/*")


def config(**faults: str) -> str:
    """Return a configuration with a tiny model of each name that does its fault."""
    return yaml.safe_dump(CONFIG | {"models": [linear(name, fault) for name, fault in faults.items()]})


def test_it_is_up_when_systemd_says_so_and_profiles_in_its_sandbox(service: Service) -> None:
    assert service.machine.show("ActiveState") == "active"
    assert service.models() == ["tiny"]

    run = service.profiled("tiny")

    assert run["outcome"] == "succeeded", run
    assert service.machine.show("NRestarts") == "0"


def test_it_is_confined_and_gives_way(service: Service) -> None:
    status = dict(line.split(":\t", 1) for line in service.own("status").splitlines() if ":\t" in line)
    uid = status["Uid"].split()[0]

    assert uid != "0"
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    assert service.own("oom_score_adj").strip() == "800"
    assert "/mmied.slice/mmied.service" in service.own("cgroup")
    assert service.machine.run("ps", "-o", "ni=,cls=", "-p", service.pid()).split() == ["10", "B"]
    assert service.machine.run("ionice", "-p", service.pid()).strip() == "idle"
    assert service.machine.run("stat", "-c", "%u %a", "/var/lib/private/mmied").split() == [uid, "750"]


def test_it_sees_neither_homes_nor_devices_and_writes_to_its_own_folders_alone(service: Service) -> None:
    def inside(script: str) -> str:
        return service.machine.run("nsenter", "--target", service.pid(), "--mount", "sh", "-c", script, check=False)

    assert inside("ls -A /root /home").split() == ["/home:", "/root:"]
    assert inside("touch /usr/x /etc/mmied/x /srv/x 2>/dev/null; ls /usr/x /etc/mmied/x /srv/x 2>/dev/null") == ""
    assert inside("touch /var/lib/mmied/x /var/cache/mmied/x && echo written").strip() == "written"
    assert not {"kmsg", "mem", "sda", "vda"} & set(inside("ls /dev").split())


def test_a_reload_takes_the_new_configuration_without_a_restart(service: Service) -> None:
    pid = service.pid()
    service.configure(config(tiny="none", another="none"))
    service.machine.run("systemctl", "reload", "mmied")

    service.machine.wait_for(lambda: service.models() == ["tiny", "another"], "the new model is known")
    assert service.pid() == pid


def test_a_reload_of_a_bad_configuration_keeps_the_old_one(service: Service) -> None:
    service.configure("models: [{nam: tiny}]")
    service.machine.run("systemctl", "reload", "mmied")

    service.machine.wait_for(lambda: service.status()["config_error"], "the mistake is told")
    assert service.models() == ["tiny"]
    assert service.machine.show("ActiveState") == "active"


def test_a_daemon_that_hangs_is_replaced_and_says_where_it_hung(service: Service) -> None:
    service.override("[Service]\nWatchdogSec=5s")
    hung = service.pid()
    service.machine.run("kill", "-STOP", hung)

    service.machine.wait_for(lambda: service.machine.show("NRestarts") != "0", "the watchdog bit")
    service.machine.wait_for(lambda: service.machine.show("ActiveState") == "active", "it is up again")
    assert service.pid() != hung
    assert "Fatal Python error: Aborted" in service.machine.log
    assert service.models() == ["tiny"]


def test_a_stop_amid_a_run_is_clean_and_the_state_is_there_afterwards(service: Service) -> None:
    first = service.profiled("tiny")
    service.configure(config(tiny="none", endless="hang"))
    service.machine.run("systemctl", "reload", "mmied")
    service.machine.wait_for(lambda: "run_started model=endless" in service.machine.log, "a run is under way")

    service.machine.run("systemctl", "stop", "mmied")

    # Past TimeoutStopSec it would be "timeout".
    assert (service.machine.show("Result"), service.machine.show("ExecMainStatus")) == ("success", "0")
    assert service.machine.run("pgrep", "--full", "mmied[.]bench", check=False) == ""
    service.configure(config(tiny="none"))
    service.start()
    assert service.runs("tiny")[-1] == first


def test_a_start_that_a_person_has_to_mend_is_tried_once(service: Service) -> None:
    service.machine.run("systemctl", "stop", "mmied")
    service.configure("models: [{nam: tiny}]")

    service.machine.run("systemctl", "start", "mmied", check=False)

    assert service.machine.show("ExecMainStatus") == "78"
    assert service.machine.show("SubState") == "failed"  # "auto-restart" is what comes before another try
    assert service.machine.show("NRestarts") == "0"
    assert 'Did you mean "name"?' in service.machine.log


def test_other_hosts_reach_it_with_the_drop_in_alone(service: Service) -> None:
    assert service.python(ADD_ADDRESS)
    service.configure(config(tiny="none") + "http: {listen: '0.0.0.0:9177', insecure: true}\n")
    service.machine.run("systemctl", "restart", "mmied")

    assert service.models() == ["tiny"]  # over loopback
    assert not service.python(CONNECT)
    service.override((ROOT / "systemd/drop-ins/remote-scraping.conf").read_text())
    assert service.python(CONNECT)


def test_the_drop_in_for_gpus_does_no_harm_where_there_is_none(service: Service) -> None:
    service.override((ROOT / "systemd/drop-ins/gpu.conf").read_text())

    assert service.machine.show("PrivateDevices") == "no"
    assert service.models() == ["tiny"]


def test_the_machine_itself_leaves_nothing_behind(tmp_path: Path) -> None:
    def traces() -> tuple[str, set[Path]]:
        return Path("/proc/self/mounts").read_text(), set(Path("/sys/fs/cgroup").rglob("mmied-boot-*"))

    before = traces()
    with booted(tmp_path / "stage", tmp_path, {}) as machine:
        assert traces()[1] > before[1]

    assert traces() == before
    assert not Path(f"/proc/{machine.pid}").exists()
