"""Who gives way to whom, where there are more connections than places."""

from __future__ import annotations

import pytest

from byteport.witness.crowd import Crowd, Guest, peer_of


class Place:
    """A crowd, and who of it was shown out."""

    def __init__(self, most: int, most_per_peer: int) -> None:
        self.crowd = Crowd(most, most_per_peer)
        self.ended: list[str] = []

    def enters(self, name: str, peer: str, *, heard: bool = False) -> Guest | None:
        guest = self.crowd.enters(peer, lambda: self.ended.append(name))
        if guest is not None:
            guest.is_heard = heard
        return guest


def test_whoever_has_kept_silent_longest_gives_way() -> None:
    place = Place(3, 3)
    place.enters("heard", "192.0.2.1", heard=True)
    for number in range(2, 6):
        assert place.enters(f"silent {number}", f"192.0.2.{number}") is not None
    assert place.ended == ["silent 2", "silent 3"]
    assert len(place.crowd) == 3


def test_an_address_that_has_all_of_its_places_pays_with_its_own() -> None:
    place = Place(10, 2)
    place.enters("another", "192.0.2.1")
    for number in range(5):
        assert place.enters(f"greedy {number}", "192.0.2.9") is not None
    assert place.ended == ["greedy 0", "greedy 1", "greedy 2"]


def test_nobody_who_is_heard_gives_way() -> None:
    place = Place(2, 2)
    assert place.enters("one", "192.0.2.1", heard=True)
    two = place.enters("two", "192.0.2.1", heard=True)
    assert two is not None
    assert place.enters("three", "192.0.2.1") is None
    assert place.enters("four", "192.0.2.2") is None
    assert place.ended == []
    for _ in range(3):
        place.crowd.leaves(two)  # however often
    assert place.enters("three", "192.0.2.1") is not None
    assert len(place.crowd) == 2


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::1", True),
    ],
)
def test_what_counts_as_one_address(one: str, other: str, same: bool) -> None:
    assert (peer_of(one) == peer_of(other)) is same
