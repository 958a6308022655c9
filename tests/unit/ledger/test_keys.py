"""The keys of bodies: one per tenant, bound to a place, several at once, and none of them printed."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byteport.audit.chain import SALT_BYTES
from byteport.audit.heads import Chain
from byteport.errors import ConfigError
from byteport.ledger.keys import BodyKeys, TenantKeys, make_body_keys, read_body_keys
from byteport.ledger.sealing import Opened, open_body, seal
from byteport.trust.key_files import KeyRing, SymmetricKey

CHAIN = Chain(tenant="acme", cluster_uid="uid-1")
OPENED = Opened(bytes(range(SALT_BYTES)), b'{"target":"shop/Deployment/web"}')


def keys(*secrets: int) -> BodyKeys:
    return BodyKeys(KeyRing(tuple(SymmetricKey(bytes([secret] * 32)) for secret in secrets), "ledger.body_key"))


def chance(length: int) -> bytes:
    return bytes([7] * length)


@given(
    payload=st.binary(max_size=200),
    salt=st.binary(min_size=SALT_BYTES, max_size=SALT_BYTES),
    seq=st.integers(1, 1 << 60),
)
def test_a_body_opens_where_it_was_sealed(payload: bytes, salt: bytes, seq: int) -> None:
    body = seal(keys(1), CHAIN, seq, Opened(salt, payload), chance)
    assert open_body(keys(1), CHAIN, seq, body) == (salt, payload)


@pytest.mark.claim("C-371")
@pytest.mark.parametrize(
    ("chain", "seq"),
    [
        (CHAIN, 4),
        (Chain(tenant="umbrella", cluster_uid="uid-1"), 3),
        (Chain(tenant="acme", cluster_uid="uid-2"), 3),
        (Chain(tenant="acmeu", cluster_uid="id-1"), 3),
    ],
)
def test_and_nowhere_else(chain: Chain, seq: int) -> None:
    body = seal(keys(1), CHAIN, 3, OPENED, chance)
    assert open_body(keys(1), chain, seq, body) == (b"", body)


@given(at=st.integers(0, 200), change=st.integers(1, 255))
def test_one_changed_byte_is_no_body_any_more(at: int, change: int) -> None:
    body = bytearray(seal(keys(1), CHAIN, 3, OPENED, chance))
    body[at % len(body)] ^= change
    assert open_body(keys(1), CHAIN, 3, bytes(body)) == (b"", bytes(body))


def test_each_key_of_the_ring_opens_and_the_first_seals() -> None:
    old = seal(keys(1), CHAIN, 3, OPENED, chance)
    both = keys(2, 1)
    assert open_body(both, CHAIN, 3, old) == OPENED
    assert open_body(keys(1), CHAIN, 3, seal(both, CHAIN, 3, OPENED, chance)) != OPENED
    assert both.knows("acme", old)
    assert not keys(2).knows("acme", old)


def test_an_index_is_found_under_each_key_and_tells_nothing_of_the_word() -> None:
    (index,) = keys(1).indexes("acme", "target", "shop/Deployment/web")
    assert index in keys(2, 1).indexes("acme", "target", "shop/Deployment/web")
    assert len(index) == 12
    others = {
        keys(1).indexes(tenant, field, word)
        for tenant in ("acme", "b")
        for field in ("target", "x")
        for word in ("w", "v")
    }
    assert len(others) == 8


def test_the_file_is_made_once_for_its_owner_and_named_by_its_setting(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "bodies.key"
    with pytest.raises(ConfigError, match=r"ledger\.body_key: .*does not exist"):
        read_body_keys(path)
    assert make_body_keys(path)
    assert not make_body_keys(path)
    assert read_body_keys(path).indexes("acme", "target", "web")
    path.chmod(0o640)
    with pytest.raises(ConfigError, match=r"ledger\.body_key: .*0640"):
        read_body_keys(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder as `ledger.body_key`, with the files of two tenants."""
    made = tmp_path / "keys"
    made.mkdir(mode=0o700)
    for tenant in ("acme", "umbrella"):
        read_body_keys(made).make(tenant)
    return made


@pytest.mark.claim("C-380")
def test_in_a_folder_each_tenant_has_a_file_of_its_own_for_its_owner_and_no_other_opens_its_bodies(
    folder: Path,
) -> None:
    assert {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()} == {
        "acme.key": 0o600,
        "umbrella.key": 0o600,
    }
    found = read_body_keys(folder)
    body = seal(found, CHAIN, 3, OPENED, chance)
    assert open_body(found, CHAIN, 3, body) == OPENED
    (folder / "acme.key").write_text((folder / "umbrella.key").read_text())
    assert open_body(found, CHAIN, 3, body) == (b"", body)
    assert not found.knows("acme", body)


@pytest.mark.claim("C-380")
def test_a_file_that_is_destroyed_while_it_is_in_use_opens_seals_and_finds_nothing_any_more(folder: Path) -> None:
    found = read_body_keys(folder)
    body = seal(found, CHAIN, 3, OPENED, chance)
    assert found.at_hand("acme")
    (folder / "acme.key").unlink()
    assert not found.at_hand("acme")
    assert open_body(found, CHAIN, 3, body) == (b"", body)
    assert found.indexes("acme", "target", "web") == ()
    with pytest.raises(ConfigError, match=r"ledger\.body_key: .*acme\.key"):
        seal(found, CHAIN, 3, OPENED, chance)
    assert found.indexes("umbrella", "target", "web")


def test_a_tenant_whose_name_is_no_files_and_a_folder_that_others_write_are_refused(folder: Path) -> None:
    found = read_body_keys(folder)
    assert isinstance(found, TenantKeys)
    for name in ("../keys/acme", "", "a/b", "ACME", "acme.key\n"):
        assert not found.at_hand(name)
        with pytest.raises(ConfigError, match="cannot be a file's"):
            found.make(name)
    folder.chmod(0o770)
    with pytest.raises(ConfigError, match="0770"):
        read_body_keys(folder)


def test_a_file_there_that_others_may_read_is_refused_and_one_that_changed_is_read_again(folder: Path) -> None:
    found = read_body_keys(folder)
    old = seal(found, CHAIN, 3, OPENED, chance)
    file = folder / "acme.key"
    file.write_text("11" * 32 + "\n" + file.read_text())
    assert open_body(found, CHAIN, 3, old) == OPENED
    assert open_body(found, CHAIN, 3, seal(found, CHAIN, 3, OPENED, chance)) == OPENED
    file.chmod(0o644)
    file.write_text(file.read_text() + "\n")
    with pytest.raises(ConfigError, match="0644"):
        open_body(found, CHAIN, 3, old)
