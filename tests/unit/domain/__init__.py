"""Tests of `byteport/domain`."""
