"""Tests with one real peer."""
