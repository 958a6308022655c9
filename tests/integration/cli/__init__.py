"""The command line against a sandbox that is up: real Temporal, the simulated cluster, the embedded worker."""
