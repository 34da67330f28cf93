"""Open a PostgreSQL database for the history."""

from sqlalchemy import URL, Connection, create_engine, func, select

from mmied.errors import HistoryError
from mmied.history.database import Database
from mmied.history.tables import metadata

DRIVER = "postgresql+psycopg"
READERS = 8
# A server that has gone silent must not hold up the daemon's loop until its watchdog fires.
_CONNECTION_SETTINGS = {
    "application_name": "mmied",
    "connect_timeout": "5",  # seconds
    "tcp_user_timeout": "10000",  # milliseconds
}


def open_postgresql(url: URL) -> Database:
    """Return the database at `url`; nothing is connected yet. Raises HistoryError where psycopg is missing."""
    url = url.set(drivername=DRIVER)
    url = url.update_query_dict({**_CONNECTION_SETTINGS, **url.query})
    # prepare_threshold: a connection pooler between us and the server may not keep prepared statements.
    connect_args = {"prepare_threshold": None}
    try:
        writer = create_engine(
            url, connect_args=connect_args, pool_pre_ping=True, pool_size=1, max_overflow=0, pool_recycle=3600
        )
        reader = create_engine(
            url,
            connect_args=connect_args,
            pool_pre_ping=True,
            pool_size=1,
            max_overflow=READERS - 1,
            pool_timeout=5,
            # A page that asks in several statements has to see one state of the history.
            isolation_level="REPEATABLE READ",
        )
    except ImportError as error:
        raise HistoryError(
            "history: PostgreSQL needs the driver psycopg. Try `pip install 'mmied[postgresql]'`."
        ) from error
    return Database(place=url.set(query={}).render_as_string(), path=None, reader=reader, writer=writer)


def size_bytes(connection: Connection) -> int:
    """Return the size on disk of all our tables with their indexes: those of all hosts."""
    sizes = (select(func.pg_total_relation_size(func.to_regclass(table.name))) for table in metadata.sorted_tables)
    return sum(connection.execute(size).scalar_one() or 0 for size in sizes)
