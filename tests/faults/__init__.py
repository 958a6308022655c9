"""Faults: kills, drops and delays, and what must still be true afterwards."""
