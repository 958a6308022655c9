"""The chart: what it renders for whom, and what it refuses. Nothing here needs a cluster; `tests/cluster` installs it."""
