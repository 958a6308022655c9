"""The boundary as text: rights, roles, policies, ceilings, the matrix."""
