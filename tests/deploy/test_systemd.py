"""The units are what systemd takes without a word, and expose little: with each drop-in, too."""

import itertools
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.systemd

UNITS = Path(__file__).parents[2] / "systemd"
DROP_INS = tuple(sorted((UNITS / "drop-ins").glob("*.conf")))
# Each with what it broke: see docs/operations.md.
FORBIDDEN = ("MemoryDenyWriteExecute", "CPUQuota", "ExecStartPre", "ProcSubset", "NoExecPaths")
THRESHOLD = 15  # of 100; tenths of the score that is shown

COMBINATIONS = [chosen for size in range(len(DROP_INS) + 1) for chosen in itertools.combinations(DROP_INS, size)]


def staged(folder: Path, drop_ins: tuple[Path, ...]) -> list[Path]:
    """Copy the units, with a program that is there on every host, and return them."""
    for name in ("mmied.service", "mmied.slice"):
        shutil.copy(UNITS / name, folder)
    service = folder / "mmied.service"
    service.write_text(service.read_text().replace("ExecStart=/opt/mmied/bin/mmied", "ExecStart=/bin/true"))
    (folder / "mmied.service.d").mkdir()
    for path in drop_ins:
        shutil.copy(path, folder / "mmied.service.d")
    return [service, folder / "mmied.slice"]


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", "--no-pager", *arguments], capture_output=True, text=True)


def test_there_are_drop_ins_for_gpus_and_for_other_hosts() -> None:
    assert [path.name for path in DROP_INS] == ["gpu.conf", "remote-scraping.conf"]


@pytest.mark.parametrize("drop_ins", COMBINATIONS, ids=lambda chosen: "+".join(path.stem for path in chosen) or "none")
def test_systemd_takes_the_units_and_finds_them_little_exposed(tmp_path: Path, drop_ins: tuple[Path, ...]) -> None:
    service, slice_ = staged(tmp_path, drop_ins)

    verified = analyze("verify", "--man=no", service, slice_)
    assert (verified.returncode, verified.stderr) == (0, "")

    judged = analyze("security", "--offline=true", f"--threshold={THRESHOLD}", service)
    assert judged.returncode == 0, judged.stdout[-200:]


def test_the_bar_is_one_that_a_weaker_unit_misses(tmp_path: Path) -> None:
    service, _ = staged(tmp_path, ())
    service.write_text(service.read_text().replace("CapabilityBoundingSet=\n", "").replace("SystemCallFilter=", "#"))

    assert analyze("security", "--offline=true", f"--threshold={THRESHOLD}", service).returncode != 0


def directives() -> list[tuple[Path, int, str]]:
    """Return each line that says something, with its file and number."""
    files = (*UNITS.glob("mmied.*"), *DROP_INS)
    numbered = ((path, number, line) for path in files for number, line in enumerate(path.read_text().splitlines()))
    return [(path, number, line) for path, number, line in numbered if "=" in line and not line.startswith("#")]


@pytest.mark.parametrize("name", FORBIDDEN)
def test_what_breaks_the_daemon_or_its_figures_is_not_there(name: str) -> None:
    assert [line for _, _, line in directives() if line.startswith(f"{name}=")] == []


@pytest.mark.parametrize(
    "line",
    [
        "Type=notify",
        "ExecReload=/bin/kill -HUP $MAINPID",
        "RestartPreventExitStatus=78",
        "Slice=mmied.slice",
        "OOMPolicy=continue",
        "CPUSchedulingPolicy=batch",
        "IOSchedulingClass=idle",
    ],
)
def test_what_the_daemon_counts_on_is_there(line: str) -> None:
    assert line in (UNITS / "mmied.service").read_text().splitlines()


def test_compiled_kernels_go_where_they_may_be_executed() -> None:
    text = (UNITS / "mmied.service").read_text()

    for variable in ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR"):
        assert f"{variable}=/var/cache/mmied/" in text
    assert "CacheDirectory=mmied" in text


def test_each_line_of_the_sandbox_is_explained() -> None:
    told = (UNITS.parent / "docs/operations.md").read_text()
    _, _, sandbox = (UNITS / "mmied.service").read_text().partition("# What it may take")
    names = {line.partition("=")[0] for line in sandbox.partition("[Install]")[0].splitlines() if line[:1].isupper()}

    assert "ProtectSystem" in names
    assert {name for name in names if f"`{name}=" not in told} == set()


@pytest.mark.parametrize("name", FORBIDDEN)
def test_what_is_left_out_is_explained(name: str) -> None:
    assert f"`{name}=" in (UNITS.parent / "docs/operations.md").read_text()
