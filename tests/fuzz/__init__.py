"""Arbitrary text and bytes, thrown at every parser of text that others write."""
