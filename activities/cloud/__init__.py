"""Metrics of the clouds under a cluster, and of Prometheus: read-only, one file per source."""
