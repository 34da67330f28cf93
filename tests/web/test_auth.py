"""Only those who know a password get in, quickly the second time, and guessing does not use up the CPU."""

import asyncio
import base64
import threading
import time
from collections.abc import Callable

import bcrypt
import httpx
import pytest

from mmied.web import auth
from mmied.web.auth import KEPT_LOGINS, MAX_WAITING, BasicAuth

PASSWORD = "correct horse"
USERS = {"alice": bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()}
PATHS = ("/", "/metrics", "/-/healthy", "/-/ready", "/static/style.css")


async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"inside"})


class Counting:
    """bcrypt.checkpw that counts its calls, and how many ran at the same time and in which threads."""

    def __init__(self, check: Callable[[bytes, bytes], bool] = bcrypt.checkpw, seconds: float = 0.0) -> None:
        self.check = check
        self.seconds = seconds
        self.calls: list[tuple[bytes, bytes]] = []
        self.running = self.most_running = 0
        self.threads: set[int] = set()

    def __call__(self, password: bytes, hashed: bytes) -> bool:
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        self.threads.add(threading.get_ident())
        self.calls.append((password, hashed))
        time.sleep(self.seconds)
        right = self.check(password, hashed)
        self.running -= 1
        return right


@pytest.fixture
def counting(monkeypatch) -> Counting:
    checks = Counting()
    monkeypatch.setattr(bcrypt, "checkpw", checks)
    return checks


def guarded(pause_seconds: float = 0.0, users: dict[str, str] = USERS) -> BasicAuth:
    return BasicAuth(app, users, pause_seconds=pause_seconds)


def client_of(asgi) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(asgi), base_url="http://mmied")


def get(asgi, *requests: tuple[str, str] | None, at_once: bool = False, path: str = "/") -> list[httpx.Response]:
    """Ask with each of the logins, one after the other or all at once."""

    async def ask() -> list[httpx.Response]:
        async with client_of(asgi) as client:
            asked = [client.get(path, auth=login) for login in requests]
            return await asyncio.gather(*asked) if at_once else [await each for each in asked]

    return asyncio.run(ask())


def authorization(asgi, *values: bytes) -> int:
    """Ask with raw Authorization headers and return the status."""

    async def ask() -> int:
        async with client_of(asgi) as client:
            return (await client.get("/", headers=[(b"Authorization", value) for value in values])).status_code

    return asyncio.run(ask())


@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_open_without_a_password(path):
    (response,) = get(guarded(), None, path=path)

    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Basic realm="mmied", charset="UTF-8"'
    assert "inside" not in response.text


@pytest.mark.parametrize("path", PATHS)
def test_the_right_password_opens_everything(path):
    (response,) = get(guarded(), ("alice", PASSWORD), path=path)

    assert (response.status_code, response.text) == (200, "inside")


@pytest.mark.parametrize("login", [("alice", "wrong"), ("alice", ""), ("bob", PASSWORD), ("", ""), ("ALICE", PASSWORD)])
def test_a_wrong_name_or_password_opens_nothing(login):
    assert get(guarded(), login)[0].status_code == 401


@pytest.mark.parametrize(
    "values",
    [
        (b"",),
        (b"Basic",),
        (b"Basic !!!",),
        (b"Basic " + base64.b64encode(b"alice"),),
        (b"Bearer " + base64.b64encode(b"alice:correct horse"),),
        (b"Basic " + base64.b64encode(b"alice:correct horse"), b"Basic " + base64.b64encode(b"bob:x")),
    ],
)
def test_a_header_that_is_no_login_opens_nothing_and_costs_nothing(counting, values):
    assert authorization(guarded(), *values) == 401
    assert counting.calls == []


def test_a_password_may_hold_any_character():
    password = "pä:ss\x00wörd"
    users = {"zoë": bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()}
    header = b"basic " + base64.b64encode(f"zoë:{password}".encode())

    assert authorization(guarded(users=users), header) == 200


def test_a_password_longer_than_bcrypt_looks_at_is_taken_as_htpasswd_takes_it():
    users = {"alice": bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)).decode()}

    assert get(guarded(users=users), ("alice", "x" * 100))[0].status_code == 200


def test_a_login_is_hashed_once_and_then_remembered(counting):
    responses = get(guarded(), *[("alice", PASSWORD)] * 10)

    assert {response.status_code for response in responses} == {200}
    assert len(counting.calls) == 1


def test_requests_that_come_together_share_one_hash(counting):
    counting.seconds = 0.05

    responses = get(guarded(), *[("alice", PASSWORD)] * 10, at_once=True)

    assert {response.status_code for response in responses} == {200}
    assert len(counting.calls) == 1


def test_a_remembered_login_opens_nothing_with_another_password(counting):
    responses = get(guarded(), ("alice", PASSWORD), ("alice", "wrong"), ("alice", PASSWORD))

    assert [response.status_code for response in responses] == [200, 401, 200]


def test_wrong_passwords_are_not_remembered(counting):
    get(guarded(), ("alice", "wrong"), ("alice", "wrong"))

    assert len(counting.calls) == 2


def test_what_is_remembered_is_bounded_and_holds_no_password(counting):
    counting.check = lambda password, hashed: True
    guard = guarded()

    get(guard, *[("alice", f"{PASSWORD} {number}") for number in range(KEPT_LOGINS + 20)])

    assert len(guard._logins) == KEPT_LOGINS
    assert not any(PASSWORD.encode() in digest for digest in guard._logins)


def test_an_unknown_user_is_hashed_at_the_cost_of_a_known_one(counting):
    get(guarded(), ("bob", "wrong"))

    assert [hashed[:7] for _, hashed in counting.calls] == [USERS["alice"].encode()[:7]]


def test_an_unknown_user_with_a_known_ones_password_stays_out():
    assert get(guarded(), ("bob", PASSWORD), ("bob", PASSWORD))[1].status_code == 401


def test_hashes_run_one_at_a_time_and_off_the_loop(counting):
    counting.seconds = 0.02

    get(guarded(), *[("alice", f"guess {number}") for number in range(5)], at_once=True)

    assert len(counting.calls) == 5
    assert counting.most_running == 1
    assert threading.get_ident() not in counting.threads


def test_guessing_is_slowed_down(counting):
    began = time.monotonic()

    get(guarded(pause_seconds=0.1), *[("alice", f"guess {number}") for number in range(4)], at_once=True)

    assert time.monotonic() - began >= 0.4


def test_a_crowd_of_guesses_is_sent_away_and_those_inside_do_not_notice(counting):
    guard = guarded(pause_seconds=0.05)

    async def ask() -> tuple[list[int], int, float]:
        async with client_of(guard) as client:
            await client.get("/", auth=("alice", PASSWORD))
            guesses = [
                asyncio.create_task(client.get("/", auth=("alice", f"guess {number}")))
                for number in range(MAX_WAITING + 10)
            ]
            await asyncio.sleep(0.01)
            began = time.monotonic()
            inside = await client.get("/", auth=("alice", PASSWORD))
            seconds = time.monotonic() - began
            return [(await guess).status_code for guess in guesses], inside.status_code, seconds

    statuses, inside, seconds = asyncio.run(ask())

    assert sorted(set(statuses)) == [401, 429]
    assert statuses.count(429) == 10
    assert inside == 200
    assert seconds < MAX_WAITING * 0.05 / 2  # it did not stand in line
    assert get(guard, ("bob", "x"))[0].status_code == 401  # the crowd is gone, there is room again


def test_a_client_sent_away_is_told_when_to_come_again(monkeypatch):
    monkeypatch.setattr(auth, "MAX_WAITING", 0)

    (response,) = get(guarded(), ("alice", PASSWORD))

    assert response.status_code == 429
    assert response.headers["retry-after"] == "5"


def test_a_websocket_needs_the_password_as_well():
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(guarded()({"type": "websocket", "headers": []}, None, send))

    assert sent == [{"type": "websocket.close", "code": 1008}]
