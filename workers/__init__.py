"""Processes, wiring, preflight: the only room that knows every implementation, and gives each the credentials it needs."""
