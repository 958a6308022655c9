"""One suite over both implementations of the cluster port. What they disagree about is a bug of the simulation."""
