"""BytePort repairs production Kubernetes failures under controls that a security reviewer would sign."""

__version__ = "0.1.0"
