"""How Kubernetes behaves, as pure functions."""
