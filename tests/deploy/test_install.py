"""deploy/install.sh puts everything in its place, again and again, and takes away only what it was told to."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from booted import booted
from stub_wheel import make_wheel

from mmied.config import load_config

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "deploy/install.sh"
UNITS = "usr/local/lib/systemd/system"
CONFIG = "etc/mmied/mmied.yaml"

pytestmark = pytest.mark.systemd


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package of our name that needs nothing: what pip does with the real one takes minutes."""
    return make_wheel(tmp_path_factory.mktemp("wheel"), "0.1.0")


def install(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([SCRIPT, "--root", root, *arguments], capture_output=True, text=True, env=os.environ)


@pytest.fixture(scope="module")
def first(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root into which it was installed once."""
    root = tmp_path_factory.mktemp("root")
    done = install(root, "--source", str(wheel), "--extras", "postgresql")
    assert done.returncode == 0, done.stderr
    return root


@pytest.fixture
def root(first: Path, tmp_path: Path) -> Path:
    """A copy of it for a test to change."""
    return Path(shutil.copytree(first, tmp_path / "root", symlinks=True))


def contents(root: Path) -> dict[str, str]:
    """Return what is in a root, but for Python's own compiled files: links by their target, files by their content."""
    found = {}
    for path in root.rglob("*"):
        if path.is_symlink():
            found[str(path.relative_to(root))] = str(path.readlink())
        elif path.is_file() and path.suffix != ".pyc":
            found[str(path.relative_to(root))] = path.read_bytes().hex()
    return found


def test_the_service_is_there_enabled_and_finds_its_program(first: Path) -> None:
    unit = (first / UNITS / "mmied.service").read_text()
    program = unit.partition("ExecStart=")[2].split()[0]

    assert (first / program.lstrip("/")).exists()
    assert (first / UNITS / "mmied.slice").exists()
    assert (first / "etc/systemd/system/multi-user.target.wants/mmied.service").is_symlink()
    assert (first / "usr/local/bin/mmied").readlink() == Path(program)


def test_its_program_runs_by_the_interpreter_of_the_place_that_it_is_for(first: Path) -> None:
    shebang = (first / "opt/mmied/bin/mmied").read_text().splitlines()[0]

    assert shebang == "#!/opt/mmied/bin/python3"
    assert subprocess.run([first / "opt/mmied/bin/python3", "-c", "import mmied_stub"]).returncode == 0


def test_everybody_may_read_it_since_the_services_user_is_not_root(first: Path) -> None:
    closed = [path for path in first.rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o444 != 0o444]

    assert closed == []


def test_the_configuration_is_one_to_fill_in(first: Path) -> None:
    example = yaml.safe_load((ROOT / "deploy/mmied.example.yaml").read_text())

    assert yaml.safe_load((first / CONFIG).read_text()) == example | {"models": []}
    assert "  # - name: ranker\n" in (first / CONFIG).read_text()
    assert load_config(first / CONFIG).models == ()


def test_installing_again_changes_nothing_that_is_there(root: Path, wheel: Path) -> None:
    (root / CONFIG).write_text("models: []  # mine\n")
    before = contents(root)

    done = install(root, "--source", str(wheel))

    assert done.returncode == 0, done.stderr
    assert contents(root) == before


def test_installing_a_newer_one_upgrades(root: Path, tmp_path: Path) -> None:
    (root / UNITS / "mmied.service").write_text("[Service]\n")
    done = install(root, "--source", str(make_wheel(tmp_path, "0.2.0")))

    assert done.returncode == 0, done.stderr
    assert [path.name for path in root.glob("opt/mmied/lib/*/site-packages/mmied-*")] == ["mmied-0.2.0.dist-info"]
    assert "ExecStart=" in (root / UNITS / "mmied.service").read_text()


def test_an_environment_whose_interpreter_is_gone_is_made_anew(root: Path, wheel: Path) -> None:
    for name in ("python", "python3"):
        (root / "opt/mmied/bin" / name).unlink()
        (root / "opt/mmied/bin" / name).symlink_to("/usr/bin/python-that-was-upgraded-away")

    assert install(root, "--source", str(wheel)).returncode == 0

    assert subprocess.run([root / "opt/mmied/bin/python3", "-c", "import mmied_stub"]).returncode == 0


def with_state(root: Path) -> Path:
    history = root / "var/lib/private/mmied/history.sqlite"
    (root / "var/cache/private/mmied").mkdir(parents=True)
    history.parent.mkdir(parents=True)
    history.write_text("figures")
    (root / "var/lib/mmied").symlink_to("private/mmied")
    return history


def test_uninstalling_keeps_configuration_and_state(root: Path) -> None:
    history = with_state(root)

    done = install(root, "--uninstall")

    assert done.returncode == 0, done.stderr
    assert set(contents(root)) == {CONFIG, str(history.relative_to(root)), "var/lib/mmied"}


def test_purging_leaves_nothing(root: Path) -> None:
    with_state(root)

    assert install(root, "--uninstall", "--purge").returncode == 0

    assert contents(root) == {}


def test_a_service_that_runs_is_restarted_by_an_upgrade_and_stopped_for_good(tmp_path: Path, wheel: Path) -> None:
    make_wheel(wheel.parent, "0.2.0")
    with booted(tmp_path / "stage", tmp_path, {ROOT: "/opt/checkout", wheel.parent: "/opt/wheel"}) as machine:

        def run(*arguments: str) -> None:
            machine.run("bash", "/opt/checkout/deploy/install.sh", *arguments, seconds=120)

        run("--source", "/opt/wheel/mmied-0.1.0-py3-none-any.whl")
        assert machine.show("UnitFileState") == "enabled"
        machine.run("systemctl", "start", "mmied")
        before = machine.show("MainPID")
        run("--source", "/opt/wheel/mmied-0.2.0-py3-none-any.whl")
        assert machine.show("MainPID") not in (before, "0")

        run("--uninstall")

        assert machine.show("LoadState") == "not-found"
        assert machine.run("find", "/opt/mmied", "/usr/local/bin/mmied", check=False) == ""
        assert "mmied.yaml" in machine.run("ls", "/etc/mmied")


def test_uninstalling_what_is_not_there_is_no_mistake(tmp_path: Path) -> None:
    done = install(tmp_path, "--uninstall")

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "status", "word"),
    [
        (("--sauce", "x"), 2, "usage:"),
        (("--source",), 1, "--source needs a value"),
        (("--purge",), 1, "--purge goes with --uninstall"),
        (("--python", "/usr/bin/python9"), 1, "/usr/bin/python9 does not run"),
        (("--python", "{home}/python3"), 1, "203/EXEC"),
    ],
)
def test_what_makes_no_sense_is_told_and_nothing_done(
    tmp_path: Path, arguments: tuple[str, ...], status: int, word: str
) -> None:
    # An interpreter that says of itself that it lives in a home folder.
    script = tmp_path / "python3"
    script.write_text("#!/bin/sh\ncase $2 in *base_prefix*) echo /home/me/.pyenv ;; esac\n")
    script.chmod(0o755)
    root = tmp_path / "root"
    done = install(root, *(argument.format(home=tmp_path) for argument in arguments))

    assert done.returncode == status
    assert word in done.stderr
    assert not root.exists()
