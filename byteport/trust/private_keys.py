"""Private keys in OpenSSH's own file form: they sign answers (a person's) and grants (the ledger's).

Pure over the bytes of a key file; `files` reads and makes those. A FIDO key or an encrypted one signs through `agent`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

from byteport.errors import MalformedInput
from byteport.trust.public_keys import PublicKey, public_key_from_text
from byteport.trust.wire import mpint, string

WHERE = "ssh private key"
LARGEST = 16 * 1024
"""The longest RSA key has fewer bytes; the library that reads a file looks for its end again from every beginning."""
_HASH_OF_CURVE: dict[str, hashes.HashAlgorithm] = {
    "secp256r1": hashes.SHA256(),
    "secp384r1": hashes.SHA384(),
    "secp521r1": hashes.SHA512(),
}

_Private = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class PrivateKey:
    """A private key in memory. A `sshsig.Signer`."""

    key: _Private = field(repr=False)
    public_key: PublicKey

    def sign(self, data: bytes) -> bytes:
        """An SSH signature blob; RSA keys sign with SHA-512."""
        match self.key:
            case ed25519.Ed25519PrivateKey():
                return string(b"ssh-ed25519") + string(self.key.sign(data))
            case ec.EllipticCurvePrivateKey():
                raw = self.key.sign(data, ec.ECDSA(_HASH_OF_CURVE[self.key.curve.name]))
                r, s = utils.decode_dss_signature(raw)
                return string(self.public_key.type.encode("ascii")) + string(mpint(r) + mpint(s))
            case rsa.RSAPrivateKey():
                return string(b"rsa-sha2-512") + string(self.key.sign(data, padding.PKCS1v15(), hashes.SHA512()))

    def file_bytes(self) -> bytes:
        """The unencrypted OpenSSH file form."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        )


class Encrypted(MalformedInput):
    """The key file is protected by a passphrase, and none was given or it could not be used."""


def parse_private_key(data: bytes, passphrase: bytes | None = None) -> PrivateKey:
    """A private key from an OpenSSH or PEM file's bytes. Raises `Encrypted`, or `MalformedInput` for any other fault."""
    if len(data) > LARGEST:
        raise MalformedInput(WHERE, f"is larger than {LARGEST} bytes")
    try:
        if b"OPENSSH PRIVATE KEY" in data:
            key = serialization.load_ssh_private_key(data, passphrase)
        else:
            key = _checked(serialization.load_pem_private_key(data, passphrase))
    except TypeError as error:
        raise Encrypted(WHERE, "has a passphrase; add it to ssh-agent (ssh-add) and sign through that") from error
    except UnsupportedAlgorithm as error:
        if b"OPENSSH PRIVATE KEY" in data and passphrase is not None:
            raise Encrypted(WHERE, "its encryption cannot be opened here; add it to ssh-agent (ssh-add)") from error
        raise MalformedInput(WHERE, "is of a kind that cannot be read; use ed25519, ecdsa or rsa") from error
    except ValueError as error:
        raise MalformedInput(WHERE, "cannot be read; is it the private half, in OpenSSH or PEM form?") from error
    return private_key(_checked(key))


def private_key(key: _Private) -> PrivateKey:
    """`key` with its public half. Raises `MalformedInput` for an RSA key that is too small, or a curve SSH lacks."""
    try:
        line = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise MalformedInput(WHERE, "is on a curve that SSH does not know") from error
    kind, encoded = line.decode("ascii").split()[:2]
    return PrivateKey(key, public_key_from_text(kind, encoded))


def new_private_key() -> PrivateKey:
    """A fresh Ed25519 key, from the operating system's own randomness (inside `cryptography`)."""
    return private_key(ed25519.Ed25519PrivateKey.generate())


def _checked(key: object) -> _Private:
    if isinstance(key, ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        return key
    raise MalformedInput(WHERE, f"is a {type(key).__name__}; use ed25519, ecdsa or rsa")
