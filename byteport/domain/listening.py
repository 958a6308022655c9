"""Where a process of ours may be told to listen: an address with its port, and one that only this machine reaches.

Read by the settings of each face (`byteport/contracts`) and of the telemetry; whoever opens the port says so again.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

HIGHEST_PORT = 65535


def _with_a_port(address: str) -> str:
    if int(address.rpartition(":")[2]) > HIGHEST_PORT:
        raise ValueError(f"there is no port above {HIGHEST_PORT}")
    return address


def _loopback(address: str) -> str:
    if not address.startswith(("127.0.0.1:", "[::1]:")):
        raise ValueError("must be 127.0.0.1 or [::1] and a port; it is served without TLS")
    return address


Address = Annotated[
    str,
    Field(pattern=r"^(127\.0\.0\.1|0\.0\.0\.0|\[::1\]|\[::\]|[0-9.]{7,15}):[0-9]{1,5}$"),
    AfterValidator(_with_a_port),
]
"""`ip:port` to listen on."""
LoopbackAddress = Annotated[Address, AfterValidator(_loopback)]
"""The same, for what is served in clear."""
