"""Tell the configured targets of each alarm once when it starts and once when it is over, whatever breaks meanwhile.

Which alarms stand and which messages wait is in the history: a restart neither repeats a message nor loses one.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from mmied.alarms import Alarm, Message, Target
from mmied.daemon.alarm_rules import alarms_of
from mmied.daemon.notifications import Notifications
from mmied.daemon.sending import send
from mmied.daemon.view import View
from mmied.errors import HistoryError, NotSent
from mmied.history.store import Store

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS = 5.0, 900.0
GIVE_UP_SECONDS = 3 * 86_400.0
REPEAT_SECONDS = 60.0  # to an Alertmanager, which lets an alarm end that nobody repeats


class Notifier:
    """Looks at the daemon's view now and then, and sends what is news."""

    def __init__(
        self,
        view: Callable[[], View],
        store: Store,
        *,
        host: str,
        counts: Notifications,
        clock: Callable[[], float] = time.time,
        send: Callable[..., None] = send,
    ) -> None:
        self._counts = counts
        self._view, self._store, self._host, self._clock, self._send = view, store, host, clock, send
        self._repeat_at: dict[str, float] = {}  # by target

    def run(self, stop: threading.Event) -> None:
        """Look and send until `stop`: the body of a thread. What goes wrong is logged and tried again."""
        while not stop.is_set():
            try:
                self.look()
                self.deliver(stop)
            except HistoryError as error:
                log.error("alarms_not_kept", extra={"error": str(error)})
            except Exception:
                log.exception("notifier_failed")
            stop.wait(LOOK_SECONDS)

    def look(self) -> None:
        """Compare the alarms that stand with those that stood, and queue what is news. Raises HistoryError."""
        view, now = self._view(), self._clock()
        targets = view.config.notify
        standing = {alarm.fingerprint: alarm for alarm in (alarms_of(view) if targets else ())}
        stood = {alarm.fingerprint: alarm for alarm in self._store.alarms()}
        raised = [alarm for fingerprint, alarm in standing.items() if fingerprint not in stood]
        ended = [replace(alarm, ended_at=now) for fingerprint, alarm in stood.items() if fingerprint not in standing]
        if not raised and not ended:
            return
        messages = [
            Message(target=target.digest, alarms=alarms, queued_at=now, next_at=now)
            for target in targets
            for alarms in (*_of_one_model(raised), *_of_one_model(ended))
        ]
        lost = self._store.post(raised, ended, messages)
        for alarm in (*raised, *ended):
            event = "alarm_raised" if alarm.ended_at is None else "alarm_ended"
            log.warning(event, extra={"alarm": alarm.name, "labels": dict(alarm.labels), "why": alarm.description})
        if lost:
            log.error("messages_given_up", extra={"messages": lost, "why": "too many wait"})

    def deliver(self, stop: threading.Event | None = None) -> None:
        """Send what is due, each target's messages in their order; one that fails holds up those behind it."""
        config = self._view().config
        targets = {target.digest: target for target in config.notify}
        waiting = self._store.waiting_messages()
        orphans = [message.message_id for message in waiting if message.target not in targets]
        if orphans:  # their target was taken out of the configuration
            self._store.drop_messages(orphans)
        for digest, target in targets.items():
            own = [message for message in waiting if message.target == digest]
            left = self._deliver_to(target, own, config.runbooks, stop)
            self._counts.waiting[target.kind] = left
            if target.kind == "alertmanager" and not left:
                self._repeat(target, config.runbooks)

    def _deliver_to(
        self, target: Target, messages: Sequence[Message], runbooks: str, stop: threading.Event | None
    ) -> int:
        """Send a target its messages until one fails; how many are left."""
        for index, message in enumerate(messages):
            now = self._clock()
            if message.next_at > now or (stop is not None and stop.is_set()):
                return len(messages) - index
            try:
                self._send(target, message.alarms, now=now, runbooks=runbooks, host=self._host)
            except NotSent as error:
                self._put_off(target, message, now, str(error))
                return len(messages) - index
            self._counts.sent[target.kind] += 1
            self._store.drop_messages([message.message_id])
        return 0

    def _put_off(self, target: Target, message: Message, now: float, why: str) -> None:
        self._counts.failures[target.kind] += 1
        alarms = ", ".join(sorted({alarm.name for alarm in message.alarms}))
        extra = {"target": target.kind, "alarms": alarms, "attempt": message.attempts + 1, "why": why}
        if now - message.queued_at > GIVE_UP_SECONDS:
            log.error("message_given_up", extra=extra)
            self._store.drop_messages([message.message_id])
            return
        log.warning("message_not_sent", extra=extra)
        wait = min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2**message.attempts)
        self._store.postpone(replace(message, attempts=message.attempts + 1, next_at=now + wait))

    def _repeat(self, target: Target, runbooks: str) -> None:
        now = self._clock()
        alarms: Sequence[Alarm] = self._store.alarms()
        if not alarms or now < self._repeat_at.get(target.digest, 0.0):
            return
        self._repeat_at[target.digest] = now + REPEAT_SECONDS
        try:
            self._send(target, alarms, now=now, runbooks=runbooks, host=self._host)
        except NotSent as error:
            self._counts.failures[target.kind] += 1
            log.warning("alarms_not_repeated", extra={"target": target.kind, "why": str(error)})


def _of_one_model(alarms: Sequence[Alarm]) -> list[tuple[Alarm, ...]]:
    """Return alarms in groups: a slower model shows in several of its figures, and is one message."""
    groups: dict[str, list[Alarm]] = {}
    for alarm in alarms:
        groups.setdefault(alarm.labels.get("model", ""), []).append(alarm)
    return [tuple(group) for group in groups.values()]
