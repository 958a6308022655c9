"""What the runbooks' scopes become outside Python: roles, admission policies, the switch, the matrix. Pure text."""
