"""PostgreSQL's versions. Everything is owned by `byteport_owner`, a role by which nobody logs in."""
