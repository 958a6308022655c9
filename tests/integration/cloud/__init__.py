"""Sources of metrics against servers that speak, and enforce, what the clouds speak."""
