"""The ledger's HTTP face on real sockets, over TLS, with real stores behind it."""
