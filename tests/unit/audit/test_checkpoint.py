"""Checkpoints as the published formats have them: the examples of the specifications and Go's own vectors, and what is refused."""

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from byteport.audit import independent
from byteport.audit.checkpoint import Checkpoint, cosign, open_checkpoint, parse_checkpoint, sign, with_cosignatures
from byteport.audit.heads import Chain
from byteport.audit.notes import (
    BadSignature,
    SignatureType,
    UnknownKey,
    VerifierKey,
    add_lines,
    is_sound,
    key_of,
    opened,
    parse_note,
    parse_vkey,
)
from byteport.errors import MalformedInput

PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
ENOCH = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PETER_LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
)
ENOCH_LINE = "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ="
SPECIFIED = """example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
"""
CHAIN = Chain(tenant="acme", cluster_uid="3f2a9c1e-0000-4000-8000-000000000001")
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
OTHER = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
WITNESS = Ed25519PrivateKey.from_private_bytes(b"w" * 32)
VKEY = key_of(CHAIN.origin, SignatureType.ED25519, KEY)
WITNESS_VKEY = key_of("witness.example.com/w1", SignatureType.COSIGNATURE, WITNESS)
CHECKPOINT = Checkpoint(CHAIN.origin, 7, bytes(range(32)))
NOTE = sign(CHECKPOINT, KEY)
COSIGNED = with_cosignatures(NOTE, [cosign(NOTE, WITNESS_VKEY.name, WITNESS, at=1_679_315_147)])


def checked(note: str, *vkeys: str) -> list[str]:
    """Names of the keys that signed `note`, checked over its text."""
    found = parse_note(note)
    names = []
    for key, raw in opened(found, [parse_vkey(vkey) for vkey in vkeys]):
        key.check(raw, found.text.encode())
        names.append(key.name)
    return names


def test_the_published_keys_are_read_and_printed() -> None:
    assert [str(parse_vkey(text)) for text in (PETER, ENOCH)] == [PETER, ENOCH]


def test_the_published_private_key_makes_the_published_note() -> None:
    key = Ed25519PrivateKey.from_private_bytes(base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:])
    peter = key_of("PeterNeumann", SignatureType.ED25519, key)
    assert str(peter) == PETER
    line = f"— PeterNeumann {base64.b64encode(peter.id + key.sign(TEXT.encode())).decode()}"
    assert add_lines(f"{TEXT}\n", [line]) == f"{TEXT}\n{PETER_LINE}\n"


def test_the_published_note_opens_with_either_key_or_both() -> None:
    note = f"{TEXT}\n{PETER_LINE}\n{ENOCH_LINE}\n"
    assert parse_note(note).text == TEXT
    assert checked(note, PETER) == ["PeterNeumann"]
    assert checked(note, ENOCH, PETER) == ["PeterNeumann", "EnochRoot"]
    assert checked(note) == []


def test_a_line_that_stands_twice_counts_once() -> None:
    assert checked(f"{TEXT}\n{PETER_LINE}\n{PETER_LINE}\n", PETER) == ["PeterNeumann"]


def test_a_signature_too_long_is_not_one_of_its_key() -> None:
    with pytest.raises(BadSignature):
        checked(f"{TEXT}\n{PETER_LINE[:60]}ABCD{PETER_LINE[60:]}\n", PETER)


@pytest.mark.parametrize(
    "note",
    [
        TEXT,
        f"{TEXT}\n",
        f"{TEXT}\n{PETER_LINE}",
        f"\x01{TEXT}\n{PETER_LINE}\n",
        f"{TEXT}\n— Bad Name {PETER_LINE.split()[-1]}\n",
        f"{TEXT}\n{PETER_LINE}\nUnexpected line.\n",
        f"{TEXT}\n" + f"{PETER_LINE}\n" * 101,
        f"{TEXT}\n— a+b {PETER_LINE.split()[-1]}\n",
        f"{TEXT}\n— PeterNeumann AAAA\n",
        f"{TEXT}\n— PeterNeumann {PETER_LINE.split()[-1][:-2]}N=\n",
        "x" * 300_000,
        "",
        "\ud800\n\n",
    ],
)
def test_what_is_no_note_is_refused(note: str) -> None:
    with pytest.raises(MalformedInput):
        parse_note(note)


def test_no_part_and_no_neighbour_of_a_published_key_is_a_key() -> None:
    for start in range(len(PETER) + 1):
        for stop in range(start + 1, len(PETER) + 1):
            if (start, stop) != (0, len(PETER)):
                with pytest.raises(MalformedInput):
                    parse_vkey(PETER[start:stop])
    for at, char in enumerate(PETER):
        with pytest.raises(MalformedInput):
            parse_vkey(PETER[:at] + chr(ord(char) + 1) + PETER[at + 1 :])


@pytest.mark.parametrize(
    "vkey",
    [
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "",
        "++",
    ],
)
def test_a_key_of_another_length_or_type_is_refused(vkey: str) -> None:
    with pytest.raises(MalformedInput):
        parse_vkey(vkey)


def test_the_specified_checkpoint_is_read() -> None:
    note = parse_note(SPECIFIED)
    checkpoint = parse_checkpoint(note.text)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.text() == note.text
    assert [line.line() for line in note.signatures] == SPECIFIED.splitlines()[4:]
    witness = note.signatures[1]
    assert (len(witness.raw), int.from_bytes(witness.raw[:8], "big")) == (72, 1679315147)


def test_a_checkpoint_is_signed_by_the_key_that_bears_its_origin() -> None:
    assert NOTE.startswith(
        f"byteport.io/log/acme/{CHAIN.cluster_uid}\n7\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n\n— "
    )
    found = open_checkpoint(NOTE, [parse_vkey(str(VKEY))])
    assert (found.checkpoint, found.signed_by, found.cosigned) == (CHECKPOINT, (VKEY,), ())


def test_a_witness_states_when_it_saw_the_checkpoint() -> None:
    found = open_checkpoint(COSIGNED, [VKEY, WITNESS_VKEY])
    assert [(each.witness.name, each.at) for each in found.cosigned] == [("witness.example.com/w1", 1679315147)]
    assert open_checkpoint(COSIGNED, [VKEY]).cosigned == ()


def test_a_cosignature_that_is_there_is_not_added_again() -> None:
    (line,) = COSIGNED.splitlines()[5:]
    assert with_cosignatures(COSIGNED, [line, line]) == COSIGNED


def test_a_witness_alone_is_not_the_log() -> None:
    with pytest.raises(UnknownKey):
        open_checkpoint(COSIGNED, [WITNESS_VKEY])


def test_a_key_of_another_log_does_not_sign_for_this_one() -> None:
    elsewhere = key_of(Chain(tenant="umbrella", cluster_uid="u").origin, SignatureType.ED25519, KEY)
    with pytest.raises(UnknownKey):
        open_checkpoint(NOTE, [elsewhere])
    with pytest.raises(UnknownKey):
        open_checkpoint(NOTE, [key_of(CHAIN.origin, SignatureType.ED25519, OTHER)])


@given(st.integers(0, len(COSIGNED) - 1), st.characters(codec="utf-8"))
def test_no_character_of_a_checkpoint_can_be_changed(place: int, char: str) -> None:
    changed = COSIGNED[:place] + char + COSIGNED[place + 1 :]
    if changed == COSIGNED:
        return
    try:
        found = open_checkpoint(changed, [VKEY, WITNESS_VKEY])
    except (MalformedInput, BadSignature, UnknownKey):
        return
    assert found.checkpoint == CHECKPOINT
    assert found.cosigned == (), "a line of a key that is not known any more is passed over, and nothing else"


def test_the_time_of_a_cosignature_is_signed() -> None:
    (line,) = COSIGNED.splitlines()[5:]
    raw = bytearray(base64.b64decode(line.split()[-1]))
    raw[11] ^= 1
    changed = COSIGNED.replace(line.split()[-1], base64.b64encode(bytes(raw)).decode())
    with pytest.raises(BadSignature):
        open_checkpoint(changed, [VKEY, WITNESS_VKEY])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "a\n1\n",
        "a\n01\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
        "a\n-1\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
        "a\n1\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=\n",
        "a\n1\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "a\n1\nAAEC\n",
        "a\n1\nÄAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
        "a\n9999999999999999999\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
        "\n1\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
        "a\n1\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(MalformedInput):
        parse_checkpoint(text)


def test_extension_lines_are_kept_and_signed() -> None:
    longer = Checkpoint(CHAIN.origin, 7, bytes(32), ("one more line",))
    assert open_checkpoint(sign(longer, KEY), [VKEY]).checkpoint == longer


def test_two_logs_never_have_one_origin() -> None:
    names = [("a/b", "c"), ("a", "b/c"), ("a%2Fb", "c"), ("a b", "c"), ("a+b", "c"), ("a\n", "c")]
    origins = {Chain(tenant=tenant, cluster_uid=uid).origin for tenant, uid in names}
    assert len(origins) == len(names)
    for origin in origins:
        key_of(origin, SignatureType.ED25519, KEY)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u2003b", "a\n"])
def test_a_name_that_no_key_can_have_is_refused(name: str) -> None:
    with pytest.raises(MalformedInput):
        key_of(name, SignatureType.COSIGNATURE, KEY)


def test_two_given_keys_that_look_alike_are_told() -> None:
    twin = VerifierKey(VKEY.name, VKEY.type, VKEY.public)
    assert open_checkpoint(NOTE, [VKEY, twin]).signed_by == (VKEY,)


@pytest.mark.parametrize("at", [-1, 1 << 63])
def test_a_time_that_no_cosignature_can_have_is_refused(at: int) -> None:
    with pytest.raises(MalformedInput):
        cosign(NOTE, "w", WITNESS, at=at)


def test_only_points_of_the_curve_are_keys_as_the_second_program_has_it() -> None:
    sound = 0
    for number in range(200):
        public = hashlib.sha256(b"%d" % number).digest()
        try:
            independent.point(public)
        except independent.Bad:
            assert not is_sound(public)
        else:
            sound += is_sound(public)
            assert is_sound(public) is independent.is_sound(public)
    assert 60 < sound < 140
    assert is_sound(KEY.public_key().public_bytes_raw())
