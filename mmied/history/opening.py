"""Open the database that a path or a URL names."""

from collections.abc import Callable
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from mmied.errors import HistoryError
from mmied.history import postgresql, sqlite
from mmied.history.database import Database


def open_database(url_or_path: str | Path, mounts: Path, clock: Callable[[], float]) -> tuple[Database, str | None]:
    """Return the database and a notice where a damaged file had to be set aside.

    Raises HistoryError where the URL is of no known database, or the database cannot be had.
    """
    if isinstance(url_or_path, Path) or "://" not in url_or_path:
        return sqlite.open_sqlite(Path(url_or_path), mounts, clock)
    try:
        url = make_url(url_or_path)
    except ArgumentError as error:
        raise HistoryError("history: not a URL. Try postgresql://USER@HOST/DATABASE, or a path.") from error
    match url.get_backend_name(), url.database:
        case (("postgresql" | "postgres"), _):
            return postgresql.open_postgresql(url), None
        case "sqlite", str(path):
            return sqlite.open_sqlite(Path(path), mounts, clock)
    raise HistoryError(
        f"history {url.render_as_string()}: only SQLite and PostgreSQL are known. "
        "Try postgresql://USER@HOST/DATABASE, or a path."
    )
