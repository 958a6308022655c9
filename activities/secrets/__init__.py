"""Secrets from where they live: read inside the activity that needs them, kept no longer."""
