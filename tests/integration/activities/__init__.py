"""The activities on a cluster behind the port, called as a worker calls them."""
