"""SSH public keys: read from a line or a blob, named by fingerprint, and asked whether a signature is theirs.

Comes after `wire` and before `sshsig`. The key types are those that `ssh-keygen -Y sign` makes and that are still
sound: Ed25519, ECDSA on the NIST curves, RSA of at least 2048 bits with SHA-2, and both kinds of FIDO key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

from byteport.errors import MalformedInput
from byteport.trust.wire import Reader

WHERE = "ssh public key"
SMALLEST_RSA = 2048
LARGEST_RSA = 16384
USER_PRESENT = 0x01
"""Flag of a FIDO signature: the key was touched. A signature without it says that a program asked, not a person."""

_CURVES: dict[str, tuple[str, ec.EllipticCurve, hashes.HashAlgorithm]] = {
    "ecdsa-sha2-nistp256": ("nistp256", ec.SECP256R1(), hashes.SHA256()),
    "ecdsa-sha2-nistp384": ("nistp384", ec.SECP384R1(), hashes.SHA384()),
    "ecdsa-sha2-nistp521": ("nistp521", ec.SECP521R1(), hashes.SHA512()),
}
_RSA_HASHES: dict[str, hashes.HashAlgorithm] = {"rsa-sha2-512": hashes.SHA512(), "rsa-sha2-256": hashes.SHA256()}
"""`ssh-rsa` as a signature algorithm is SHA-1 and is not here."""
SK_ED25519 = "sk-ssh-ed25519@openssh.com"
SK_ECDSA = "sk-ecdsa-sha2-nistp256@openssh.com"

_Key = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey


class BadSignature(Exception):
    """The signature is not one of this key over these bytes."""


@dataclass(frozen=True)
class PublicKey:
    """One public key. Two are equal when their wire blobs are."""

    blob: bytes

    @property
    def type(self) -> str:
        return Reader(self.blob, WHERE).text()

    @property
    def fingerprint(self) -> str:
        """`SHA256:…` as `ssh-keygen -l` prints it."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")

    @property
    def line(self) -> str:
        """Type and base64, as they stand in a `.pub` file or an `allowed_signers` file."""
        return f"{self.type} {base64.b64encode(self.blob).decode()}"

    def check(self, signature: bytes, data: bytes) -> None:
        """Raises `BadSignature` unless `signature` (an SSH signature blob) is this key's over `data`."""
        reader = Reader(signature, "ssh signature")
        algorithm = reader.text()
        raw = reader.string()
        try:
            if self.type in (SK_ED25519, SK_ECDSA):
                flags, counter = reader.byte(), reader.take(4)
                reader.end()
                self._check_sk(algorithm, raw, flags, counter, data)
            else:
                reader.end()
                self._check_plain(algorithm, raw, data)
        except (InvalidSignature, ValueError) as error:
            raise BadSignature("the signature does not fit the key and the text") from error

    def _check_plain(self, algorithm: str, raw: bytes, data: bytes) -> None:
        key, _ = _load(self.blob)
        match key:
            case rsa.RSAPublicKey():
                if algorithm not in _RSA_HASHES:
                    raise BadSignature(f"an RSA signature must be rsa-sha2-512 or rsa-sha2-256, not {algorithm}")
                key.verify(raw, data, padding.PKCS1v15(), _RSA_HASHES[algorithm])
            case ed25519.Ed25519PublicKey():
                self._same(algorithm)
                key.verify(raw, data)
            case ec.EllipticCurvePublicKey():
                self._same(algorithm)
                key.verify(_der(raw), data, ec.ECDSA(_CURVES[self.type][2]))

    def _check_sk(self, algorithm: str, raw: bytes, flags: int, counter: bytes, data: bytes) -> None:
        """FIDO keys sign the application, the flags, a counter and the digest of the data (PROTOCOL.u2f)."""
        self._same(algorithm)
        if not flags & USER_PRESENT:
            raise BadSignature("the security key was not touched")
        key, application = _load(self.blob)
        signed = hashlib.sha256(application).digest() + bytes([flags]) + counter + hashlib.sha256(data).digest()
        match key:
            case ed25519.Ed25519PublicKey():
                key.verify(raw, signed)
            case ec.EllipticCurvePublicKey():
                key.verify(_der(raw), signed, ec.ECDSA(hashes.SHA256()))
            case rsa.RSAPublicKey():
                raise BadSignature("no FIDO key is RSA")

    def _same(self, algorithm: str) -> None:
        if algorithm != self.type:
            raise BadSignature(f"a {self.type} key signs as {self.type}, not {algorithm}")


def public_key_from_blob(blob: bytes) -> PublicKey:
    """A supported key from its wire form. Raises `MalformedInput` for any other, certificates included."""
    _load(blob)
    return PublicKey(blob)


def public_key_from_text(kind: str, encoded: str) -> PublicKey:
    """A supported key from the two words of a `.pub` line. Raises `MalformedInput`."""
    try:
        blob = base64.b64decode(encoded.encode("ascii"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedInput(WHERE, "is not base64") from error
    key = public_key_from_blob(blob)
    if key.type != kind:
        raise MalformedInput(WHERE, f"says {kind!r} but holds {key.type!r}")
    return key


def _load(blob: bytes) -> tuple[_Key, bytes]:
    """The key, and the application of a FIDO key (empty for any other)."""
    reader = Reader(blob, WHERE)
    kind = reader.text()
    application = b""
    try:
        key: _Key
        if kind in ("ssh-ed25519", SK_ED25519):
            key = ed25519.Ed25519PublicKey.from_public_bytes(reader.string())
        elif kind in _CURVES or kind == SK_ECDSA:
            name, curve, _ = _CURVES["ecdsa-sha2-nistp256" if kind == SK_ECDSA else kind]
            if reader.text() != name:
                raise MalformedInput(WHERE, "names another curve than its type")
            key = ec.EllipticCurvePublicKey.from_encoded_point(curve, reader.string())
        elif kind == "ssh-rsa":
            exponent, modulus = reader.mpint(), reader.mpint()
            if not SMALLEST_RSA <= modulus.bit_length() <= LARGEST_RSA:
                raise MalformedInput(WHERE, f"an RSA key must have {SMALLEST_RSA} to {LARGEST_RSA} bits")
            key = rsa.RSAPublicNumbers(exponent, modulus).public_key()
        else:
            raise MalformedInput(WHERE, f"type {kind!r} is not supported; use ed25519, ecdsa, rsa or a FIDO key")
        if kind in (SK_ED25519, SK_ECDSA):
            application = reader.string()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise MalformedInput(WHERE, f"the {kind} key is not valid") from error
    reader.end()
    return key, application


def _der(raw: bytes) -> bytes:
    """SSH writes an ECDSA signature as two mpints, `cryptography` wants DER."""
    reader = Reader(raw, "ssh signature")
    r, s = reader.mpint(), reader.mpint()
    reader.end()
    return utils.encode_dss_signature(r, s)
