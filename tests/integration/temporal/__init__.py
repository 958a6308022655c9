"""The wire on a real Temporal server."""
