"""How Kubernetes behaves, as pure functions over the JSON its API shows: readings in, typed facts out, no I/O, no clock."""
