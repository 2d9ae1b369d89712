"""Runs migrations with the connection that the gateway hands over; never opens a database of its own."""

from alembic import context

from gateway.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True, compare_type=True)
with context.begin_transaction():
    context.run_migrations()
