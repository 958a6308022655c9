"""Worlds to look at: Kubernetes objects as the API shows them, built from what a test is about and nothing else."""
