"""What alembic asks for how to run: on the connection that it was given, in one transaction."""

from __future__ import annotations

from alembic import context

given = context.config.attributes
context.configure(connection=given["connection"], version_table_schema=given["version_schema"], transactional_ddl=True)
context.run_migrations()
