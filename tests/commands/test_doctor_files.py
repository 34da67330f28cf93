"""`mmied doctor` looks at files as the service's user would meet them."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from doctored_host import make_config, make_host, torchscript

from mmied.commands.doctor import files
from mmied.commands.doctor.host import Reader

NOBODY = Reader(name="mmied", uid=None)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody can get to, which pytest's are not."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_what_the_services_user_cannot_read_is_told_with_the_place_that_is_in_the_way(open_folder: Path) -> None:
    folder = open_folder / "models"
    folder.mkdir(mode=0o755)
    model = folder / "m.pt"
    model.touch(mode=0o644)
    config = make_config(open_folder, torchscript(model, f", trust: 'sha256:{'0' * 64}'"))
    host = make_host(open_folder / "host")

    assert [found.state for found in files.check_models(config, host, NOBODY)] == ["ok"]
    folder.chmod(0o750)
    (found,) = files.check_models(config, host, NOBODY)
    assert (found.state, found.check) == ("failed", "models.m")
    assert f"chmod o+rx {folder}" in str(found.advice)
    mine = Reader(name="me", uid=4242, groups=frozenset({folder.stat().st_gid}))
    assert files.check_models(config, host, mine)[0].state == "ok"
    model.unlink()
    assert "No such file" in files.check_models(config, host, Reader(name="root", uid=0))[0].message


def test_a_model_that_others_could_exchange_is_told(open_folder: Path) -> None:
    model = open_folder / "m.pt"
    model.touch()
    model.chmod(0o666)
    config = make_config(open_folder, torchscript(model))

    (found,) = files.check_models(config, make_host(open_folder / "host"), Reader(name="me", uid=os.geteuid()))

    assert "not safe to load" in found.message
    assert "chmod go-w" in str(found.advice)


def test_a_state_with_files_of_another_user_is_told(tmp_path: Path) -> None:
    state, host = tmp_path / "state", make_host(tmp_path / "host")
    me = Reader(name="me", uid=os.geteuid())
    assert files.check_state(state, host, me).state == "ok"  # made at the first start
    state.mkdir()
    (state / "history.sqlite").touch()
    assert files.check_state(state, host, me).state == "ok"
    assert files.check_state(state, host, Reader(name="mmied", uid=4242)).state == "failed"
    if os.geteuid() == 0:
        os.chown(state, 4242, 4242)  # as the unit's user has it, after a command that root ran
        found = files.check_state(state, host, Reader(name="mmied", uid=4242))
        assert (found.state, found.advice) == ("failed", f"Stop mmied, then: chown -R 4242 {state}")


def test_a_disk_is_judged_by_what_history_and_artifacts_may_take(tmp_path: Path) -> None:
    config = make_config(tmp_path, history="{max_size: 2GB}", artifacts="{max_size: 1GB}")
    free = {"ok": 4_000_000_000, "warning": 2_000_000_000, "failed": 1_000_000}

    for state, free_bytes in free.items():
        assert files.check_disk(config, free_bytes=lambda _, free=free_bytes: free).state == state  # type: ignore[misc]


def test_a_folder_from_which_nothing_may_be_executed_is_told(tmp_path: Path) -> None:
    mounts = "/dev/vda / ext4 rw 0 0\ntmpfs /tmp tmpfs rw,nosuid,noexec 0 0\n/dev/vdb /var/li\\040b ext4 rw,noexec 0 0"
    host = make_host(tmp_path, proc__self__mounts=mounts)

    assert "/tmp is mounted noexec" in files.check_executable_places(Path("/srv"), host).message
    both = files.check_executable_places(Path("/var/li b/mmied"), host)
    assert "/var/li b/mmied/cache and /tmp" in both.message
