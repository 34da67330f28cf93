"""What Alembic runs around the migrations: they work on the connection, and in the transaction, of the caller."""

from alembic import context

from mmied.history.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
