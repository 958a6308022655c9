"""The sandbox's own parts, and the demo as a newcomer runs it."""
