"""Which process serves what, and what keeps it from starting."""
