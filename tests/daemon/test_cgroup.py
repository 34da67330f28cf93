"""Workers get a cgroup where the daemon's service was given one, and live without where it was not."""

import os
from pathlib import Path

import pytest

from mmied.daemon.cgroup import CPU_WEIGHT, WorkerGroup

SERVICE = "mmied.slice/mmied.service"


class Tree:
    """A /proc and a /sys/fs/cgroup of version 2 in a folder."""

    def __init__(self, folder: Path, own: str = f"0::/{SERVICE}") -> None:
        self.proc, self.root = folder / "proc", folder / "cgroup"
        (self.proc / "self").mkdir(parents=True)
        (self.proc / "self" / "cgroup").write_text(f"{own}\n")
        self.service = self.root / own.removeprefix("0::/")
        self.service.mkdir(parents=True)
        (self.service / "cgroup.controllers").write_text("cpu memory pids\n")
        self.workers = self.service / "workers"

    def create(self) -> WorkerGroup | None:
        return WorkerGroup.create(proc=self.proc, root=self.root)

    def kill_for_memory(self, times: int) -> None:
        (self.workers / "memory.events").write_text(f"low 0\nhigh 3\nmax 9\noom 1\noom_kill {times}\n")


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def test_the_daemon_moves_into_a_child_and_makes_another_for_workers(tree: Tree) -> None:
    assert tree.create() is not None

    assert (tree.service / "daemon/cgroup.procs").read_text() == str(os.getpid())
    assert (tree.service / "cgroup.subtree_control").read_text() == "+memory +cpu"
    assert (tree.workers / "cpu.weight").read_text() == str(CPU_WEIGHT)


def test_a_worker_gets_its_limit_before_it_is_in(tree: Tree) -> None:
    group = tree.create()
    assert group is not None
    group.add(4242, 8_000_000_000)

    assert (tree.workers / "memory.max").read_text() == "8000000000"
    assert (tree.workers / "memory.swap.max").read_text() == "0"
    assert (tree.workers / "cgroup.procs").read_text() == "4242"

    group.add(4243, None)
    assert (tree.workers / "memory.max").read_text() == "max"


def test_a_kill_for_memory_is_told_of_the_worker_that_it_befell(tree: Tree) -> None:
    group = tree.create()
    assert group is not None
    tree.kill_for_memory(5)  # in an earlier life
    group.add(4242, 1000)
    assert not group.oom_killed()

    tree.kill_for_memory(6)
    assert group.oom_killed()
    group.add(4243, 1000)
    assert not group.oom_killed()


def test_a_kernel_without_swap_accounting_confines_all_the_same(tree: Tree) -> None:
    group = tree.create()
    assert group is not None
    (tree.workers / "memory.swap.max").mkdir()  # cannot be written, like a file that is not there in a real one
    tree.kill_for_memory(1)
    group.add(4242, 1000)

    assert (tree.workers / "cgroup.procs").read_text() == "4242"
    assert not group.oom_killed()


@pytest.mark.parametrize(
    "own",
    [
        "0::/user.slice/user-1000.slice/session-2.scope",  # somebody's shell is in it
        "12:memory:/mmied.service",  # version 1
    ],
)
def test_where_the_group_is_not_a_services_own_there_is_none(tmp_path: Path, own: str) -> None:
    tree = Tree(tmp_path, own)

    assert tree.create() is None
    assert not tree.workers.exists()


def test_where_the_memory_controller_was_not_delegated_there_is_none(tree: Tree) -> None:
    (tree.service / "cgroup.controllers").write_text("cpu pids\n")

    assert tree.create() is None


def test_where_there_are_no_cgroups_there_is_none(tmp_path: Path) -> None:
    assert WorkerGroup.create(proc=tmp_path, root=tmp_path) is None


def test_a_group_that_cannot_be_written_is_done_without(tree: Tree) -> None:
    (tree.service / "cgroup.subtree_control").mkdir()

    assert tree.create() is None


def test_a_group_that_is_taken_away_does_not_stop_a_run(tree: Tree) -> None:
    group = tree.create()
    assert group is not None
    for file in tree.workers.iterdir():
        file.unlink()
    tree.workers.rmdir()
    group.add(4242, 1000)

    assert not group.oom_killed()
