"""Tests of workflows on a Temporal server with time skipping and the simulated cluster."""
