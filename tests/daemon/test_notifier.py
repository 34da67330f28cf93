"""Each alarm is told once when it starts and once when it is over, whatever receivers and restarts do."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from builders import NOW, failed, make_config, make_model, make_view
from receivers import Receiver, receiver

from mmied.alarms import Target
from mmied.daemon import posting
from mmied.daemon.notifications import Notifications
from mmied.daemon.notifier import GIVE_UP_SECONDS, LONGEST_RETRY_SECONDS, Notifier
from mmied.daemon.outlook import Outlook
from mmied.daemon.view import View
from mmied.history import posted
from mmied.history.store import Store
from mmied.regression import Evidence, ObjectiveStanding, RecordedChange, SeriesKey, SeriesStanding

P50 = SeriesKey("ranker", "b1", "latency_p50")
P99 = SeriesKey("ranker", "b1", "latency_p99")


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(tmp_path / "history.sqlite", host="here")
    yield store
    store.close()


def change(key: SeriesKey = P50, **changes: object) -> RecordedChange:
    whole = RecordedChange(
        change_id=f"20270115-{key.metric}", key=key, device="cpu", worse=True, before=0.010, after=0.012,
        change_ratio=0.2, lower=0.18, upper=0.22, sureness=1.0, started_at=NOW - 600, first_run_id="r2",
        last_good_at=NOW - 900, last_good_run_id="r1", confirmed_at=NOW, confirmed_run_id="r3", cause="model",
        evidence=(Evidence(kind="event", text="The model's file changed at 12:00.", cause="model"),),
    )  # fmt: skip
    return replace(whole, **changes)  # type: ignore[arg-type]


def regressed(*changes: RecordedChange) -> dict[SeriesKey, SeriesStanding]:
    return {
        each.key: SeriesStanding(key=each.key, device="cpu", state="regressed", runs=30, change=each)
        for each in changes
    }


@dataclass
class World:
    """A daemon that knows what `view` says, at a time that a test sets."""

    store: Store
    targets: tuple[Target, ...]
    now: float = NOW
    view: View = field(init=False)
    counts: Notifications = field(default_factory=Notifications)

    def __post_init__(self) -> None:
        self.notifier = self._start()
        self.shows()

    def _start(self) -> Notifier:
        return Notifier(lambda: self.view, self.store, host="here", counts=self.counts, clock=lambda: self.now)

    def shows(self, **changes: object) -> None:
        config = make_config(make_model(), notify=self.targets, runbooks="https://example.org/runbooks")
        self.view = make_view(config, **changes)

    def passes(self, seconds: float = 5.0) -> None:
        self.now += seconds
        self.notifier.look()
        self.notifier.deliver()

    def restarts(self) -> None:
        self.notifier = self._start()


@pytest.fixture
def world(store: Store, hook: Receiver) -> World:
    return World(store, (Target(kind="webhook", address=hook.url),))


def test_a_regression_is_told_once_and_its_end_once(world: World, hook: Receiver) -> None:
    world.passes()
    world.shows(series=regressed(change()))
    for _ in range(3):
        world.passes()
    world.shows()
    for _ in range(3):
        world.passes()

    assert [alert["status"] for alert in hook.alerts] == ["firing", "resolved"]
    start, end = hook.alerts
    assert start["labels"] == {
        "alertname": "MmiedModelRegression", "severity": "warning", "instance": "here", "model": "ranker",
        "scenario": "b1", "metric": "latency_p50",
    }  # fmt: skip
    assert "median latency is 20 % worse: 10.0 ms → 12.0 ms. Cause: model." in start["annotations"]["description"]
    assert "The model's file changed at 12:00." in start["annotations"]["description"]
    assert start["annotations"]["runbook_url"] == "https://example.org/runbooks/MmiedModelRegression.md"
    assert (start["annotations"]["cause"], start["annotations"]["before"]) == ("model", "10.0 ms")
    assert start["fingerprint"] == end["fingerprint"] and start["startsAt"] == end["startsAt"] < end["endsAt"]


def test_figures_of_one_model_that_became_worse_together_are_one_message(world: World, hook: Receiver) -> None:
    world.shows(series=regressed(change(), change(P99, change_ratio=0.7)))
    world.passes()

    assert len(hook.posts) == 1
    assert {alert["labels"]["alertname"] for alert in hook.alerts} == {
        "MmiedModelRegression",
        "MmiedModelRegressionSevere",
    }


@pytest.mark.parametrize(
    "quiet",
    [
        {"worse": False},
        {"part_of": "20270115-host"},
        {"acknowledged_at": NOW},
        {"state": "recovered"},
    ],
    ids=["better", "the-host's", "acknowledged", "over"],
)
def test_what_is_no_news_is_not_told(world: World, hook: Receiver, quiet: dict[str, object]) -> None:
    world.shows(series=regressed(change(**quiet)))
    world.passes()

    assert hook.posts == []


def test_a_host_that_is_slow_a_missed_objective_and_failing_runs_are_told(world: World, hook: Receiver) -> None:
    host = change(SeriesKey("", "cpu", "reference_compute"), cause="host")
    missed = ObjectiveStanding(key=P99, objective=0.05, figure=0.06, headroom_ratio=-0.2, missed=True)
    runs = [failed(number) for number in range(1, 4)]
    world.shows(series=regressed(host), outlooks={"ranker": Outlook(objectives=(missed,))}, runs=runs)
    world.passes()

    told = {alert["labels"]["alertname"]: alert["annotations"]["description"] for alert in hook.alerts}
    assert set(told) == {"MmiedHostSlow", "MmiedLatencyObjectiveMissed", "MmiedProfileFailing"}
    assert "p99 latency is 60.0 ms, the objective 50.0 ms" in told["MmiedLatencyObjectiveMissed"]
    assert "3 runs in a row failed" in told["MmiedProfileFailing"]


def test_a_restart_neither_repeats_nor_loses_a_message(world: World, hook: Receiver) -> None:
    hook.status = 500
    world.shows(series=regressed(change()))
    world.passes()
    world.restarts()
    hook.status = 200
    world.passes(seconds=60)
    world.restarts()
    world.passes()

    assert len(hook.posts) == 1


def test_a_receiver_that_fails_is_tried_again_ever_more_rarely_and_order_is_kept(world: World, hook: Receiver) -> None:
    hook.status = 500
    world.shows(series=regressed(change()))
    for _ in range(40):
        world.passes()  # 200 s
    world.shows()
    world.passes()
    attempts = world.counts.failures["webhook"]
    hook.status = 200
    world.passes(seconds=LONGEST_RETRY_SECONDS)

    assert 4 <= attempts <= 8
    assert [alert["status"] for alert in hook.alerts] == ["firing", "resolved"]
    assert world.counts.sent["webhook"] == 2 and world.counts.waiting["webhook"] == 0


def test_a_message_that_nobody_takes_for_days_is_given_up(world: World, store: Store, hook: Receiver) -> None:
    hook.status = 500
    world.shows(series=regressed(change()))
    world.passes()
    world.passes(seconds=GIVE_UP_SECONDS + 1)

    assert store.waiting_messages() == ()


@pytest.mark.parametrize("behaviour", ["hang", "redirect"])
def test_a_receiver_that_never_answers_or_sends_us_elsewhere_has_not_taken_it(
    world: World, store: Store, hook: Receiver, behaviour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "TIMEOUT_SECONDS", 0.2)
    hook.behaviour = behaviour
    world.shows(series=regressed(change()))
    world.passes()

    assert world.counts.failures["webhook"] == 1 and len(store.waiting_messages()) == 1


def test_an_answer_without_an_end_does_not_hold_anything_up(world: World, hook: Receiver) -> None:
    hook.behaviour = "ramble"
    world.shows(series=regressed(change()))
    world.passes()

    assert world.counts.sent["webhook"] == 1


def test_one_target_that_is_away_does_not_keep_another_from_being_told(store: Store, hook: Receiver) -> None:
    away = Target(kind="webhook", address="http://127.0.0.1:9/hook")
    world = World(store, (away, Target(kind="webhook", address=hook.url)))
    world.shows(series=regressed(change()))
    world.passes()

    assert len(hook.posts) == 1 and len(store.waiting_messages()) == 1


def test_messages_for_a_target_that_is_no_more_are_dropped(world: World, store: Store, hook: Receiver) -> None:
    hook.status = 500
    world.shows(series=regressed(change()))
    world.passes()
    world.targets = ()
    world.shows()
    world.passes()

    assert store.waiting_messages() == ()


def test_a_cause_that_becomes_known_later_is_no_other_alarm(world: World, hook: Receiver) -> None:
    world.shows(series=regressed(change(cause="unknown")))
    world.passes()
    world.shows(series=regressed(change(cause="model")))
    world.passes()

    assert len(hook.posts) == 1


def test_the_outbox_is_bounded(store: Store, hook: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posted, "MOST_MESSAGES", 10)
    hook.status = 500
    world = World(store, (Target(kind="webhook", address=hook.url),))
    for number in range(10):
        world.shows(series=regressed(change(started_at=NOW + number)))
        world.notifier.look()
        world.now += 1
        world.shows()
        world.notifier.look()
        world.now += 1

    assert len(store.waiting_messages()) == 10


def test_an_address_in_a_file_is_read_anew_and_a_password_is_sent_as_such(
    store: Store, hook: Receiver, tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    world = World(store, (Target(kind="webhook", file=str(file)),))
    world.shows(series=regressed(change()))
    world.passes()
    file.write_text(hook.url.replace("http://", "http://mmied:s%40fe@") + "\n")
    world.passes(seconds=60)

    assert len(hook.posts) == 1
    assert hook.headers[0]["Authorization"] == "Basic bW1pZWQ6c0BmZQ=="  # mmied:s@fe


def test_an_alertmanager_is_told_again_and_again_as_it_forgets(store: Store, hook: Receiver) -> None:
    world = World(store, (Target(kind="alertmanager", address=hook.url.removesuffix("/hook")),))
    world.shows(series=regressed(change()))
    for _ in range(30):
        world.passes()  # 150 s
    world.shows()
    world.passes()
    world.passes()

    assert {path for path, _ in hook.posts} == {"/api/v2/alerts"}
    firing = [body[0]["endsAt"] for _, body in hook.posts[:-1]]
    assert 3 <= len(firing) <= 5 and firing == sorted(firing)
    assert hook.posts[-1][1][0]["endsAt"] < firing[-1]
