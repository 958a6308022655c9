"""The adapters of the cluster, as far as they can be tested with nothing running."""
