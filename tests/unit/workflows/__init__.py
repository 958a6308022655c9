"""What runs keep, as far as it needs no server."""
