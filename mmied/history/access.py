"""Read and write an open history: every access is a transaction, every failure a HistoryError."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from mmied.errors import HistoryError, MmiedError
from mmied.history.database import Database, explain


class Access:
    """An open database as one host uses it. `writes` and `write_failures` count since it was opened."""

    def __init__(self, database: Database, *, host: str) -> None:
        self.host = host
        self.writes = 0
        self.write_failures = 0
        self._database = database
        self._writing = Lock()

    def close(self) -> None:
        """Close all connections."""
        with self._writing:
            self._database.close()

    @contextmanager
    def _write(self, doing: str) -> Iterator[Connection]:
        with self._writing:
            try:
                with self._explained(doing), self._database.writer.begin() as connection:
                    yield connection
            except HistoryError:
                self.write_failures += 1
                raise
            self.writes += 1

    @contextmanager
    def _read(self, doing: str) -> Iterator[Connection]:
        with self._explained(doing), self._database.reader.connect() as connection:
            yield connection

    @contextmanager
    def _explained(self, doing: str) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            raise explain(error, self._database.place, doing) from error
        except HistoryError:
            raise
        except MmiedError as error:  # a record that this version cannot read
            raise HistoryError(f"history {self._database.place}: cannot {doing}: {error}") from error
