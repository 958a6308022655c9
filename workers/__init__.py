"""The processes and their wiring: the only room that knows every implementation."""
