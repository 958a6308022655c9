"""Places for connections: of a port, and of one peer."""

from __future__ import annotations

import pytest

from byteport.serving.peers import Places, peer_of


def test_one_peer_cannot_have_all_places_and_what_is_given_back_can_be_had_again() -> None:
    places = Places(3, 2)
    mine = [places.take(("192.0.2.1", 5000)) for _ in range(3)]
    assert [place is not None for place in mine] == [True, True, False]
    other = places.take(("192.0.2.2", 5000))
    assert other is not None
    assert places.take(("192.0.2.3", 1)) is None, "the port is full"
    other.give_back()
    other.give_back()
    third = places.take(("192.0.2.3", 1))
    assert third is not None
    assert places.take(("192.0.2.4", 1)) is None, "given back twice is given back once"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2", True),
    ],
)
def test_a_peer_is_an_address_or_the_network_of_one(one: str, other: str, same: bool) -> None:
    assert (peer_of(one) == peer_of(other)) is same
