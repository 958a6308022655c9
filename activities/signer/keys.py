"""The key of checkpoints, and that of its predecessor while it hands over. Comes before `signing`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

from byteport.audit.checkpoint import Checkpoint, sign
from byteport.audit.heads import Chain
from byteport.audit.notes import Signature, SignatureType, VerifierKey, add_lines, key_of
from byteport.errors import ConfigError
from byteport.trust.files import read_private_key, read_public_key
from byteport.trust.private_keys import PrivateKey

KEY_SETTING = "audit.signer.key"
RETIRING_SETTING = "audit.signer.retiring_key"


@dataclass(frozen=True)
class CheckpointKey:
    """A private key that signs the checkpoints of one log, and what others check them with."""

    private: Ed25519PrivateKey = field(repr=False)
    verifier: VerifierKey


@dataclass(frozen=True)
class SigningKeys:
    """What the signer signs with."""

    active: CheckpointKey
    retiring: CheckpointKey | None = None
    """The one before, which signs one checkpoint together with its successor, and then nothing any more."""

    def sign(self, checkpoint: Checkpoint, *, handing_over: bool) -> str:
        """The checkpoint as a note of the active key; when it takes over, the retiring one signs it first."""
        if not handing_over or self.retiring is None:
            return sign(checkpoint, self.active.private)
        text, key = checkpoint.text().encode("utf-8"), self.active
        line = Signature(key.verifier.name, key.verifier.id, key.private.sign(text)).line()
        return add_lines(sign(checkpoint, self.retiring.private), [line])

    @property
    def verifiers(self) -> tuple[VerifierKey, ...]:
        return (self.active.verifier, *((self.retiring.verifier,) if self.retiring is not None else ()))


def checkpoint_key(key: PrivateKey, chain: Chain, setting: str = KEY_SETTING) -> CheckpointKey:
    """Raises `ConfigError` for a key that is not Ed25519."""
    if not isinstance(key.key, Ed25519PrivateKey):
        raise ConfigError(setting, f"must be an Ed25519 key, not {key.public_key.type}")
    return CheckpointKey(key.key, key_of(chain.origin, SignatureType.ED25519, key.key))


def read_signing_keys(active: Path, retiring: Path | None, chain: Chain) -> SigningKeys:
    """Raises `ConfigError` naming the setting for a key that is absent, that others may read, or that is of another kind."""
    before = checkpoint_key(read_private_key(retiring, RETIRING_SETTING), chain, RETIRING_SETTING) if retiring else None
    return SigningKeys(checkpoint_key(read_private_key(active, KEY_SETTING), chain), before)


def read_verifier(key: Path, chain: Chain) -> VerifierKey:
    """What others check the log with, from the public half beside `key`: nobody needs the private one for it."""
    public = key.with_name(f"{key.name}.pub")
    loaded = load_ssh_public_key(read_public_key(public, KEY_SETTING).line.encode("ascii"))
    if not isinstance(loaded, Ed25519PublicKey):
        raise ConfigError(KEY_SETTING, f"{public} must be an Ed25519 key")
    return VerifierKey(chain.origin, SignatureType.ED25519, loaded.public_bytes_raw())
