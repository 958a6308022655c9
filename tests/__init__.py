"""Tests, sorted by what they need running; inside each folder the rooms are mirrored."""
