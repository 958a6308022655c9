"""When things happen: deterministic Temporal workflows. They perform acts by contract and never reach I/O."""
