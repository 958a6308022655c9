"""Recorded workflow histories, replayed against the code."""
