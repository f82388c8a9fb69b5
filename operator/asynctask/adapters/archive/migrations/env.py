"""Run by alembic for each upgrade, on the connection that it was given."""

from alembic import context

from asynctask.adapters.archive.schema import VERSION_TABLE

connection = context.config.attributes["connection"]
if connection is None:
    raise RuntimeError("migrations run through the archive: asynctask-archive upgrade")
context.configure(connection=connection, version_table=VERSION_TABLE, transaction_per_migration=False)
context.run_migrations()
