"""Settings: what is taken, what is refused, and how the refusal reads."""
