"""Receivers of the log on real sockets: strict ones of our own, and rsyslog."""
