"""Bring a database to the schema that this code knows."""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Column, Connection, MetaData, PrimaryKeyConstraint, String, Table, inspect, select, text

from mmied.errors import NewerHistoryError
from mmied.history.tables import metadata

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0005"  # the newest file of migrations/versions
MIGRATIONS = Path(__file__).with_name("migrations")

_version = Table(  # as Alembic makes it
    "alembic_version",
    MetaData(),
    Column("version_num", String(32)),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
_UPGRADE_LOCK = 0x6D6D696564  # "mmied": any number that nobody else is likely to lock


def ensure_schema(connection: Connection, place: str) -> None:
    """Make the tables, or migrate them, within the transaction of `connection`.

    Raises HistoryError when the database was written by a newer mmied.
    """
    if connection.dialect.name == "postgresql":  # SQLite's BEGIN IMMEDIATE has locked already
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})
    if not inspect(connection).has_table(_version.name):
        _make(connection)
        return
    version = connection.execute(select(_version.c.version_num)).scalar_one_or_none()
    if version != HEAD:
        _migrate(connection, version, place)


def alembic_config(connection: Connection) -> "Config":
    """Return what Alembic's commands need to work on `connection`, in its transaction."""
    # Alembic takes 11 MB that a daemon whose history is up to date need not hold.
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _make(connection: Connection) -> None:
    # The same as all migrations give (a test holds them together), without Alembic in memory.
    metadata.create_all(connection)
    _version.create(connection)
    connection.execute(_version.insert().values(version_num=HEAD))


def _migrate(connection: Connection, version: str | None, place: str) -> None:
    from alembic import command  # lazily, for its memory: see alembic_config
    from alembic.script import ScriptDirectory

    config = alembic_config(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if version is not None and version not in known:
        raise NewerHistoryError(
            f"history {place}: it was written by a newer mmied (schema {version}, this one knows up to {HEAD}). "
            "Update mmied, or give it another history."
        )
    command.upgrade(config, "head")
