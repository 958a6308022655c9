"""The codec server."""
