"""The adapters, as far as they can be tested with nothing running."""
