"""Bodies of alerts, each with what it comes to (see README.md), played by `tests/integration/alerts/test_bundles.py`."""
