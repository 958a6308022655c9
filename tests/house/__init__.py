"""Tests of the structure itself: floors, wheel, claims."""
