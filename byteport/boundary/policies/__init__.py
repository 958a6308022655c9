"""Admission policies, one file for each resource that the agent may write to, and one for everything else."""
