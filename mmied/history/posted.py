"""What the history knows of alarms: those that stand, and the messages that wait."""

from collections.abc import Collection, Sequence

from mmied.alarms import Alarm, Message
from mmied.history import outbox
from mmied.history.access import Access

MOST_MESSAGES = 1000  # that wait; beyond it the oldest are given up


class Posted(Access):
    """The part of a Store that the notifier reads and writes."""

    def alarms(self) -> tuple[Alarm, ...]:
        """Return the alarms that somebody was told of, or is to be told of, and that are not over; oldest first."""
        with self._read("read the alarms") as connection:
            return outbox.read_alarms(connection, self.host)

    def post(self, raised: Sequence[Alarm], ended: Sequence[Alarm], messages: Sequence[Message]) -> int:
        """Keep alarms that were raised and drop those that ended, with the messages about both: all or nothing.

        Returns how many of the oldest messages had to go, as more than MOST_MESSAGES waited.
        """
        with self._write("keep alarms") as connection:
            outbox.put_news(connection, self.host, raised, ended, messages)
            return outbox.drop_excess(connection, self.host, MOST_MESSAGES)

    def waiting_messages(self) -> tuple[Message, ...]:
        """Return the messages that no target has taken yet, in the order in which they were queued."""
        with self._read("read the messages that wait") as connection:
            return outbox.read_outbox(connection, self.host)

    def postpone(self, message: Message) -> None:
        """Keep a message with its next attempt."""
        with self._write("put off a message") as connection:
            outbox.put_message(connection, self.host, message)

    def drop_messages(self, message_ids: Collection[str]) -> None:
        """Forget messages that were taken or given up."""
        with self._write("drop messages") as connection:
            outbox.drop_messages(connection, self.host, message_ids)
