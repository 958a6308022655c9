"""The Merkle tree: the published vectors of Certificate Transparency, and that whatever is proved can be proved of nothing else."""

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byteport.audit.merkle import (
    EMPTY_ROOT,
    Frontier,
    consistency_proof,
    inclusion_proof,
    is_consistent,
    is_included,
    root_of,
)

INPUTS = ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
LEAVES = [hashlib.sha256(b"\x00" + bytes.fromhex(data)).digest() for data in INPUTS]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""Of the first one, two, … eight leaves."""
INCLUDED = {
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
CONSISTENT = {
    (1, 1): [],
    (1, 8): INCLUDED[0, 8],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
    (6, 7): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
}
SIZES = st.integers(1, 70)


def leaves(count: int) -> list[bytes]:
    return [hashlib.sha256(number.to_bytes(4, "big")).digest() for number in range(count)]


def plain_root(hashes: Sequence[bytes]) -> bytes:
    """RFC 6962 §2.1 as it stands there."""
    if len(hashes) < 2:
        return hashes[0] if hashes else EMPTY_ROOT
    cut = 1
    while cut * 2 < len(hashes):
        cut *= 2
    return hashlib.sha256(b"\x01" + plain_root(hashes[:cut]) + plain_root(hashes[cut:])).digest()


def test_the_published_roots() -> None:
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert [root_of(LEAVES[: size + 1]).hex() for size in range(8)] == ROOTS


@pytest.mark.parametrize(("index", "size"), INCLUDED)
def test_the_published_inclusion_proofs(index: int, size: int) -> None:
    proof = inclusion_proof(LEAVES, index, size)
    assert [node.hex() for node in proof] == INCLUDED[index, size]
    assert is_included(LEAVES[index], index, size, proof, bytes.fromhex(ROOTS[size - 1]))


@pytest.mark.parametrize(("size", "new_size"), CONSISTENT)
def test_the_published_consistency_proofs(size: int, new_size: int) -> None:
    proof = consistency_proof(Frontier().extend(LEAVES[:size]), LEAVES[size:new_size])
    assert [node.hex() for node in proof] == CONSISTENT[size, new_size]
    assert is_consistent(size, bytes.fromhex(ROOTS[size - 1]), proof, new_size, bytes.fromhex(ROOTS[new_size - 1]))


@given(st.lists(st.integers(0, 40), max_size=6))
def test_a_frontier_fed_in_any_batches_has_the_root_of_the_whole(batches: list[int]) -> None:
    every, frontier = leaves(sum(batches)), Frontier()
    for batch in batches:
        frontier = frontier.extend(every[frontier.size : frontier.size + batch])
    assert frontier == Frontier().extend(every)
    assert frontier.root() == plain_root(every)


@given(power=st.integers(0, 5), parts=st.integers(0, 6), rest=st.integers(0, 32))
def test_parts_of_one_power_of_two_join_to_the_whole(power: int, parts: int, rest: int) -> None:
    length = 1 << power
    every = leaves(length * parts + min(rest, length))
    joined = Frontier()
    for start in range(0, len(every), length):
        joined = joined.join(Frontier().extend(every[start : start + length]))
    assert joined == Frontier().extend(every)


def test_a_part_that_begins_elsewhere_cannot_be_joined() -> None:
    with pytest.raises(ValueError, match="a tree of 2 leaves cannot stand at 1"):
        Frontier().extend(leaves(1)).join(Frontier().extend(leaves(2)))


@pytest.mark.parametrize(("size", "nodes"), [(1, ()), (3, (b"x" * 32,)), (-1, ()), (1, (b"short",))])
def test_what_no_leaves_make_is_no_frontier(size: int, nodes: tuple[bytes, ...]) -> None:
    with pytest.raises(ValueError):
        Frontier(size, nodes)


@given(size=SIZES, data=st.data())
def test_a_leaf_is_proved_at_its_place_and_no_other(size: int, data: st.DataObject) -> None:
    every, index = leaves(size), data.draw(st.integers(0, size - 1))
    proof, root = inclusion_proof(iter(every), index, size), plain_root(every)
    assert is_included(every[index], index, size, proof, root)
    elsewhere = data.draw(st.integers(0, size + 3).filter(lambda other: other != index))
    assert not is_included(every[index], elsewhere, size, proof, root)
    assert not is_included(root if size > 1 else bytes(32), index, size, proof, root)
    for broken in corrupted(proof, root):
        assert not is_included(every[index], index, size, broken, root)


@given(old=SIZES, more=st.integers(0, 70), data=st.data())
def test_a_longer_log_is_proved_of_its_own_beginning_only(old: int, more: int, data: st.DataObject) -> None:
    every = leaves(old + more)
    root, new_root = plain_root(every[:old]), plain_root(every)
    proof = consistency_proof(Frontier().extend(every[:old]), every[old:])
    assert is_consistent(old, root, proof, old + more, new_root)
    other = data.draw(st.integers(1, old + more).filter(lambda size: size != old))
    if more:
        assert not is_consistent(other, root, proof, old + more, new_root)
        assert not is_consistent(old, new_root, proof, old + more, root)
        assert not is_consistent(old, bytes(32), proof, old + more, new_root)
        assert not is_consistent(old, root, proof, old + more, bytes(32))
    for broken in corrupted(proof, root):
        assert not is_consistent(old, root, broken, old + more, new_root)


def corrupted(proof: Sequence[bytes], root: bytes) -> list[list[bytes]]:
    flipped = [[*proof[:at], bytes([proof[at][0] ^ 8]) + proof[at][1:], *proof[at + 1 :]] for at in range(len(proof))]
    shorter = [list(proof[:-1]), list(proof[1:])] if proof else []
    return [*flipped, *shorter, [*proof, root], [root, *proof], [*proof, b""], [b"", *proof]]


def test_everything_is_consistent_with_nothing_and_nothing_with_less() -> None:
    root = root_of(LEAVES)
    assert is_consistent(0, EMPTY_ROOT, (), 8, root)
    assert not is_consistent(0, EMPTY_ROOT, (root,), 8, root)
    assert not is_consistent(9, root, (), 8, root)
    assert not is_consistent(-1, root, (), 8, root)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (3, 3), (-1, 3), (0, 9)])
def test_a_proof_of_a_leaf_that_is_not_there_is_not_made(index: int, size: int) -> None:
    with pytest.raises(ValueError):
        inclusion_proof(LEAVES, index, size)
