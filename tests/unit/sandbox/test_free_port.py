"""A port that is chosen now and listened on later: nobody else gets it in between."""

import socket
import sys

import pytest

from byteport.sandbox.children import free_port


@pytest.mark.skipif(sys.platform != "linux", reason="expected: only Linux keeps a port for whoever listens there later")
def test_a_free_port_is_kept_for_who_listens_there_later() -> None:
    port = free_port()
    with socket.socket() as another, pytest.raises(OSError, match="in use"):
        another.bind(("127.0.0.1", port))
    for _ in range(2):  # and for who listens there again
        with socket.create_server(("127.0.0.1", port)) as server, socket.create_connection(("127.0.0.1", port)):
            assert server.getsockname()[1] == port
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_no_two_are_the_same() -> None:
    assert len({free_port() for _ in range(20)}) == 20
