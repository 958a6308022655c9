"""Frontiers that the HTTP ledger remembers are of records that are there."""

import hashlib

from byteport.api.notes import Roots
from byteport.audit.heads import Chain
from byteport.audit.merkle import Frontier

CHAIN = Chain(tenant="acme", cluster_uid="uid-1")


def frontier(size: int) -> Frontier:
    return Frontier().extend([hashlib.sha256(b"%d" % number).digest() for number in range(size)])


def test_a_store_that_went_back_forgets_what_was_newer() -> None:
    roots = Roots()
    for size in (5, 9):
        roots.remember(CHAIN, frontier(size))
    assert roots.nearest(CHAIN, 20).size == 9
    roots.begin(CHAIN, 9)
    assert roots.nearest(CHAIN, 20).size == 9
    roots.begin(CHAIN, 7)
    assert roots.nearest(CHAIN, 20).size < 9
