"""SSH signatures taken apart: every kind of key, and every way to be malformed or to be somebody else's."""

import base64

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, padding, rsa
from hypothesis import given
from hypothesis import strategies as st

from byteport.errors import MalformedInput
from byteport.trust import sshsig
from byteport.trust.private_keys import Encrypted, new_private_key, parse_private_key, private_key
from byteport.trust.public_keys import SK_ECDSA, SK_ED25519, BadSignature, PublicKey, public_key_from_blob
from byteport.trust.wire import Reader, mpint, string
from tests.unit.trust.security_key import SecurityKey

RSA = rsa.generate_private_key(65537, 2048)
ED = new_private_key()
SIGNERS: dict[str, sshsig.Signer] = {
    "ed25519": ED,
    "ecdsa-256": private_key(ec.generate_private_key(ec.SECP256R1())),
    "ecdsa-384": private_key(ec.generate_private_key(ec.SECP384R1())),
    "ecdsa-521": private_key(ec.generate_private_key(ec.SECP521R1())),
    "rsa": private_key(RSA),
    "sk-ed25519": SecurityKey(SK_ED25519),
    "sk-ecdsa": SecurityKey(SK_ECDSA),
}
TEXT = b"yes to exactly this plan"
NAMESPACE = "byteport-approval"
ARMOURED = sshsig.sign(TEXT, ED, namespace=NAMESPACE)


def check(armoured: str, message: bytes = TEXT, namespace: str = NAMESPACE) -> PublicKey:
    return sshsig.check(sshsig.parse(armoured), message, namespace=namespace)


def armour(raw: bytes) -> str:
    body = base64.b64encode(raw).decode()
    return f"-----BEGIN SSH SIGNATURE-----\n{body}\n-----END SSH SIGNATURE-----\n"


def raw_of(armoured: str) -> bytes:
    return base64.b64decode("".join(armoured.splitlines()[1:-1]))


@pytest.mark.parametrize("kind", SIGNERS)
def test_a_signature_is_its_keys_over_its_text(kind: str) -> None:
    assert check(sshsig.sign(TEXT, SIGNERS[kind], namespace=NAMESPACE)) == SIGNERS[kind].public_key


@pytest.mark.parametrize("kind", SIGNERS)
def test_a_signature_over_another_text_is_refused(kind: str) -> None:
    with pytest.raises(BadSignature):
        check(sshsig.sign(TEXT, SIGNERS[kind], namespace=NAMESPACE), message=TEXT + b".")


@pytest.mark.parametrize("kind", SIGNERS)
def test_a_signature_in_another_namespace_is_refused(kind: str) -> None:
    with pytest.raises(BadSignature, match="for 'git'"):
        check(sshsig.sign(TEXT, SIGNERS[kind], namespace="git"))


@pytest.mark.parametrize("other", [kind for kind in SIGNERS if kind != "ed25519"])
def test_a_signature_put_under_another_key_is_refused(other: str) -> None:
    signature = sshsig.parse(ARMOURED)
    moved = sshsig.Signature(SIGNERS[other].public_key, NAMESPACE, "sha512", signature.blob)
    with pytest.raises((BadSignature, MalformedInput)):
        check(moved.armoured())


def test_a_signature_hashed_with_sha256_holds() -> None:
    blob = ED.sign(sshsig.signed_data(TEXT, namespace=NAMESPACE, algorithm="sha256"))
    assert check(sshsig.Signature(ED.public_key, NAMESPACE, "sha256", blob).armoured()) == ED.public_key


@pytest.mark.parametrize("algorithm", ["sha1", "md5", "SHA512", "sha384", ""])
def test_no_other_hash_is_taken(algorithm: str) -> None:
    with pytest.raises(MalformedInput, match="only sha512 and sha256"):
        check(sshsig.Signature(ED.public_key, NAMESPACE, algorithm, b"").armoured())


def test_an_rsa_signature_by_sha1_is_refused() -> None:
    data = sshsig.signed_data(TEXT, namespace=NAMESPACE, algorithm="sha512")
    blob = string(b"ssh-rsa") + string(RSA.sign(data, padding.PKCS1v15(), hashes.SHA1()))
    with pytest.raises(BadSignature, match="not ssh-rsa"):
        check(sshsig.Signature(SIGNERS["rsa"].public_key, NAMESPACE, "sha512", blob).armoured())


def test_an_rsa_signature_by_sha256_holds() -> None:
    data = sshsig.signed_data(TEXT, namespace=NAMESPACE, algorithm="sha512")
    blob = string(b"rsa-sha2-256") + string(RSA.sign(data, padding.PKCS1v15(), hashes.SHA256()))
    check(sshsig.Signature(SIGNERS["rsa"].public_key, NAMESPACE, "sha512", blob).armoured())


@pytest.mark.parametrize("kind", [SK_ED25519, SK_ECDSA])
def test_a_security_key_that_was_not_touched_says_nothing(kind: str) -> None:
    untouched = SecurityKey(kind, touched=False)
    with pytest.raises(BadSignature, match="not touched"):
        check(sshsig.sign(TEXT, untouched, namespace=NAMESPACE))


def test_an_rsa_key_below_2048_bits_is_refused() -> None:
    small = string(b"ssh-rsa") + mpint(65537) + mpint((1 << 1024) - 1)
    with pytest.raises(MalformedInput, match="2048 to 16384 bits"):
        public_key_from_blob(small)


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"\x00",
        b"\xff\xff\xff\xff",
        string(b"ssh-ed25519"),
        string(b"ssh-ed25519") + string(bytes(31)),
        string(b"ssh-ed25519") + string(bytes(32)) + b"x",
        string(b"ecdsa-sha2-nistp256") + string(b"nistp384") + string(b"\x04" + bytes(64)),
        string(b"ecdsa-sha2-nistp256") + string(b"nistp256") + string(b"\x04" + bytes(64)),
        string(b"ssh-rsa") + string(b"\x00\x01") + string(b"\x80" + bytes(255)),
        string(b"ssh-ed25519-cert-v01@openssh.com") + string(bytes(32)),
        string(b"ssh-\xc3\xa9") + string(bytes(32)),
    ],
)
def test_a_key_that_is_no_key_is_malformed(blob: bytes) -> None:
    with pytest.raises(MalformedInput):
        public_key_from_blob(blob)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yes",
        ARMOURED.replace("BEGIN", "START"),
        "From: ada\n" + ARMOURED,
        ARMOURED + "P.S.",
        ARMOURED + ARMOURED,
        ARMOURED.replace("U1NI", "U1N!", 1),
        ARMOURED.replace("U1NI", "U1N=", 1),
    ],
    ids=["nothing", "a word", "another head", "words before", "words after", "twice", "a strange letter", "a hole"],
)
def test_nothing_but_the_armour_is_taken(text: str) -> None:
    with pytest.raises(MalformedInput):
        sshsig.parse(text)


def test_line_ends_of_windows_are_taken() -> None:
    assert check(ARMOURED.replace("\n", "\r\n")) == ED.public_key


def test_another_version_is_refused() -> None:
    raw = raw_of(ARMOURED)
    with pytest.raises(MalformedInput, match="version 2"):
        sshsig.parse(armour(raw[:9] + b"\x02" + raw[10:]))


def test_the_reserved_field_must_be_empty() -> None:
    key, namespace = string(ED.public_key.blob), string(NAMESPACE.encode())
    raw = b"SSHSIG\0\0\0\1" + key + namespace + string(b"x") + string(b"sha512") + string(b"")
    with pytest.raises(MalformedInput, match="reserved"):
        sshsig.parse(armour(raw))


@given(st.integers(0, len(raw_of(ARMOURED)) - 1), st.integers(1, 255))
def test_any_changed_byte_of_a_signature_is_refused(place: int, change: int) -> None:
    raw = bytearray(raw_of(ARMOURED))
    raw[place] ^= change
    with pytest.raises((BadSignature, MalformedInput)):
        check(armour(bytes(raw)))


@given(st.binary(max_size=400))
def test_whatever_is_read_either_fits_or_is_malformed(raw: bytes) -> None:
    with pytest.raises((BadSignature, MalformedInput)):
        check(armour(b"SSHSIG\0\0\0\1" + raw))


@given(st.integers(0, 1 << 600))
def test_an_integer_comes_back_from_the_wire_as_it_was(value: int) -> None:
    reader = Reader(mpint(value), "test")
    assert reader.mpint() == value
    reader.end()


def test_a_private_key_is_read_back_from_its_own_file_form() -> None:
    assert parse_private_key(ED.file_bytes()).public_key == ED.public_key


def test_the_secret_is_not_in_the_repr() -> None:
    assert "object at" not in repr(ED)
    assert repr(ED).startswith("PrivateKey(public_key=")


@pytest.mark.parametrize("form", [serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL])
def test_keys_in_pem_form_are_read_too(form: serialization.PrivateFormat) -> None:
    pem = RSA.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    assert parse_private_key(pem).public_key == SIGNERS["rsa"].public_key


def test_a_key_with_a_passphrase_asks_for_the_agent_or_the_passphrase() -> None:
    locked = serialization.BestAvailableEncryption(b"open sesame")
    pem = RSA.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)
    with pytest.raises(Encrypted, match="ssh-agent"):
        parse_private_key(pem)
    assert parse_private_key(pem, b"open sesame").public_key == SIGNERS["rsa"].public_key


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a key",
        b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
        ed448.Ed448PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
        ec.generate_private_key(ec.SECP256K1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
        rsa.generate_private_key(65537, 1024).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
        ED.public_key.line.encode(),
    ],
    ids=["empty", "text", "cut short", "ed448", "secp256k1", "rsa of 1024 bits", "public key"],
)
def test_what_is_no_usable_private_key_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedInput):
        parse_private_key(data)
