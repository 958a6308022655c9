"""What any one connection and request may take, whoever sends it. Each face reads these from its own settings."""

from __future__ import annotations

from typing import Protocol


class ServingLimits(Protocol):
    """Bytes, seconds and counts, as settings name them."""

    @property
    def concurrent(self) -> int:
        """Requests being answered at once."""

    @property
    def connections(self) -> int:
        """Open connections for TLS; one more is closed at once."""

    @property
    def connections_per_peer(self) -> int:
        """The same from one address (IPv6: one /64)."""

    @property
    def body_bytes(self) -> int:
        """A body, before and after it is unpacked."""

    @property
    def header_bytes(self) -> int:
        """Request line and headers together."""

    @property
    def header_seconds(self) -> int:
        """Until the header has come, after a connection or the first byte of a further request."""

    @property
    def body_seconds(self) -> int:
        """Until the body has come."""

    @property
    def answer_seconds(self) -> int:
        """That a receiver may take over one piece of an answer."""
