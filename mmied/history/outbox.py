"""Keep which alarms stand, and the messages about them that no target has taken yet."""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, delete, func, select

from mmied.alarms import Alarm, Message
from mmied.codec import from_json, to_json
from mmied.history.inserting import add_rows, put_row
from mmied.history.tables import alarms, outbox


def read_alarms(connection: Connection, host: str) -> tuple[Alarm, ...]:
    """Return the alarms that stand, oldest first."""
    query = select(alarms.c.record).where(alarms.c.host == host).order_by(alarms.c.started_at, alarms.c.fingerprint)
    return tuple(from_json(Alarm, record) for record in connection.execute(query).scalars())


def put_news(
    connection: Connection, host: str, raised: Sequence[Alarm], ended: Sequence[Alarm], messages: Sequence[Message]
) -> None:
    """Keep which alarms were raised and which ended, with the messages about them."""
    for alarm in raised:
        row = {"host": host, "fingerprint": alarm.fingerprint, "started_at": alarm.started_at, "record": to_json(alarm)}
        put_row(connection, alarms, row)
    gone = [alarm.fingerprint for alarm in ended]
    connection.execute(delete(alarms).where(alarms.c.host == host, alarms.c.fingerprint.in_(gone)))
    add_rows(connection, outbox, [_row(host, message) for message in messages])


def read_outbox(connection: Connection, host: str) -> tuple[Message, ...]:
    """Return the messages that wait, in the order in which they were queued."""
    query = select(outbox.c.record).where(outbox.c.host == host).order_by(outbox.c.queued_at, outbox.c.message_id)
    return tuple(from_json(Message, record) for record in connection.execute(query).scalars())


def put_message(connection: Connection, host: str, message: Message) -> None:
    """Keep a message in the place of its earlier state."""
    put_row(connection, outbox, _row(host, message))


def drop_messages(connection: Connection, host: str, message_ids: Collection[str]) -> None:
    """Forget messages: a target took them, or they were given up."""
    connection.execute(delete(outbox).where(outbox.c.host == host, outbox.c.message_id.in_(list(message_ids))))


def drop_excess(connection: Connection, host: str, most: int) -> int:
    """Forget the oldest messages beyond `most`; how many those were."""
    count = connection.execute(select(func.count()).where(outbox.c.host == host)).scalar_one()
    if count <= most:
        return 0
    oldest = (
        select(outbox.c.message_id)
        .where(outbox.c.host == host)
        .order_by(outbox.c.queued_at, outbox.c.message_id)
        .limit(count - most)
    )
    drop_messages(connection, host, connection.execute(oldest).scalars().all())
    return int(count - most)


def _row(host: str, message: Message) -> dict[str, object]:
    return {
        "host": host,
        "message_id": message.message_id,
        "queued_at": message.queued_at,
        "record": to_json(message),
    }
