"""systemd hears of the daemon's life over a real datagram socket."""

import secrets
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmied.daemon import systemd


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(5)
        yield listening


@pytest.fixture
def environ(manager: socket.socket) -> dict[str, str]:
    return {"NOTIFY_SOCKET": manager.getsockname()}


def test_a_message_arrives_as_it_was_sent(manager, environ):
    assert systemd.notify("STATUS=two models, all healthy – really", environ=environ)

    assert manager.recv(4096).decode() == "STATUS=two models, all healthy – really"


def test_an_abstract_socket_is_reached():
    name = f"mmied-test-{secrets.token_hex(8)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0" + name)
        listening.settimeout(5)

        assert systemd.ready(environ={"NOTIFY_SOCKET": "@" + name})

        assert listening.recv(4096) == b"READY=1"


@pytest.mark.parametrize("address", ["", "notify", "vsock:2:1234"])
def test_without_a_socket_that_we_know_nothing_is_sent(address):
    assert systemd.ready(environ={"NOTIFY_SOCKET": address}) is False


def test_outside_systemd_nothing_is_sent():
    assert systemd.ready(environ={}) is False


def test_a_socket_that_is_gone_is_no_error(manager, environ, tmp_path):
    manager.close()
    assert systemd.watchdog(environ=environ) is False

    (tmp_path / "notify").unlink()
    assert systemd.watchdog(environ=environ) is False


def test_an_impossible_address_is_no_error():
    assert systemd.ready(environ={"NOTIFY_SOCKET": "/" + "x" * 200}) is False


def test_a_manager_that_does_not_read_holds_nobody_up(environ, monkeypatch):
    monkeypatch.setattr(systemd, "SEND_SECONDS", 0.05)

    for _ in range(100_000):  # until the socket's queue is full
        if not systemd.watchdog(environ=environ):
            return
    pytest.fail("the queue never filled")


def test_each_step_of_life_has_its_message(manager, environ):
    systemd.ready(environ=environ)
    systemd.reloading(environ=environ, monotonic_seconds=12.5)
    systemd.stopping(environ=environ)
    systemd.watchdog(environ=environ)

    assert [manager.recv(4096) for _ in range(4)] == [
        b"READY=1",
        b"RELOADING=1\nMONOTONIC_USEC=12500000",
        b"STOPPING=1",
        b"WATCHDOG=1",
    ]


def test_a_status_cannot_smuggle_in_another_variable(manager, environ):
    systemd.status("failing: ranker\nSTOPPING=1", environ=environ)

    assert manager.recv(4096) == b"STATUS=failing: ranker STOPPING=1"


def test_workers_do_not_inherit_the_socket(manager, environ):
    inherited = {"PATH": "/bin", "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7", **environ}

    taken = systemd.take_environment(inherited)

    assert inherited == {"PATH": "/bin"}
    assert systemd.ready(environ=taken)
    assert systemd.watchdog_interval_seconds(taken, pid=7) == 15.0


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_fed_twice_as_often_as_asked_and_only_by_whom_it_watches(environ, expected):
    assert systemd.watchdog_interval_seconds(environ, pid=7) == expected
