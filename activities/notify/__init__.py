"""Telling people: one file per channel, and the activity that uses them."""
