"""Key files on disk: made with mode 0600 and never over another, read only when nobody else can read them.

The one file of this room that opens files; what is inside is parsed by its pure neighbours. Outside the sandbox these
paths are mounts of a secret backend.
"""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass, replace
from pathlib import Path

from byteport.errors import ConfigError, MalformedInput
from byteport.trust.allowed_signers import (
    REVOKED_SETTING,
    SETTING,
    AllowedSigners,
    RevokedKeys,
    parse_allowed_signers,
    parse_revoked_keys,
)
from byteport.trust.attested_issuers import NOBODY, Attesters, attesters, parse_issuers
from byteport.trust.attested_issuers import SETTING as ISSUERS_SETTING
from byteport.trust.private_keys import PrivateKey, new_private_key, parse_private_key
from byteport.trust.public_keys import PublicKey, public_key_from_text

LARGEST = 1 << 20


@dataclass(frozen=True)
class Signers:
    """Who may answer at this moment, and the digest of the files that say so."""

    allowed: AllowedSigners
    revoked: RevokedKeys
    digest: str
    """SHA-256 over the files, the identity providers' keys among them; goes into the record of what was checked against them."""
    attesters: Attesters = NOBODY


class SignersFiles:
    """The files of a mount, read anew at each use, so that a key or a person that was taken out is void at once."""

    def __init__(self, allowed: Path, revoked: Path | None = None, issuers: Path | None = None) -> None:
        """`issuers`: the identity providers whose word is taken; their key files lie beside it."""
        self._allowed = allowed
        self._revoked = revoked
        self._issuers = issuers

    def read(self) -> Signers:
        """Raises `ConfigError` when one of the files is missing or wrong: nobody's answer holds then."""
        allowed = _read(self._allowed, SETTING)
        revoked = _read(self._revoked, REVOKED_SETTING) if self._revoked is not None else b""
        both = hashlib.sha256(len(allowed).to_bytes(8, "big") + allowed + revoked).hexdigest()
        signers = Signers(parse_allowed_signers(allowed), parse_revoked_keys(revoked), both)
        if self._issuers is None:
            return signers
        listed = read_attesters(self._issuers)
        listed.must_name_people_as({name for entry in signers.allowed.entries for name in entry.names})
        digest = hashlib.sha256(f"{both} {listed.digest}".encode()).hexdigest()
        return replace(signers, attesters=listed, digest=digest)


def read_attesters(path: Path) -> Attesters:
    """The issuers' file at `path` with the keys beside it. Raises `ConfigError` when one of the files is missing or wrong."""
    file = _read(path, ISSUERS_SETTING)
    names = {one.keys for one in parse_issuers(file).issuers}
    return attesters(file, {name: _read(path.parent / name, ISSUERS_SETTING) for name in names})


def make_key(path: Path, setting: str, *, comment: str = "byteport") -> PrivateKey:
    """Make an Ed25519 key at `path` (0600) and its public half at `path`.pub. Raises `ConfigError` if it exists.

    The form is OpenSSH's, so that `ssh-keygen -t ed25519 -N ''` makes as good a key.
    """
    key = new_private_key()
    _write_new(path, key.file_bytes(), 0o600, setting)
    _write_new(path.with_name(path.name + ".pub"), f"{key.public_key.line} {comment}\n".encode(), 0o644, setting)
    return key


def read_private_key(path: Path, setting: str, *, passphrase: bytes | None = None) -> PrivateKey:
    """The key at `path`. Raises `ConfigError` naming `setting`, also when others than its owner may read the file."""
    data = _read(path, setting, private=True)
    try:
        return parse_private_key(data, passphrase)
    except MalformedInput as error:
        raise ConfigError(setting, f"{path}: {error.message}") from error


def read_public_key(path: Path, setting: str) -> PublicKey:
    """The key of a `.pub` file. Raises `ConfigError` naming `setting`."""
    words = _read(path, setting).decode("utf-8", "replace").split()
    try:
        if len(words) < 2:
            raise MalformedInput("ssh public key", "is not: key-type base64-key [comment]")
        return public_key_from_text(words[0], words[1])
    except MalformedInput as error:
        raise ConfigError(setting, f"{path}: {error.message}") from error


_HOW = {
    "ledger.grant_key": "; make one: ssh-keygen -q -t ed25519 -N '' -f {path}",
    "cluster.grant_public_key": "; it is the .pub file that lies beside ledger.grant_key",
    "approvals.allowed_signers": '; write a line for each person: NAME namespaces="byteport-approval" PUBLIC-KEY',
    "approvals.issuers": "; it lists the identity providers whose word on an answer is taken, and their key files lie beside it",
}
"""What to do about a file that is not there, by setting."""


def _read(path: Path, setting: str, *, private: bool = False) -> bytes:
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if private and status.st_mode & 0o077:
                mode = stat.S_IMODE(status.st_mode)
                raise ConfigError(setting, f"{path} has mode {mode:04o}, so others may read it; run: chmod 600 {path}")
            data = file.read(LARGEST + 1)
    except FileNotFoundError as error:
        raise ConfigError(setting, f"{path} does not exist" + _HOW.get(setting, "").format(path=path)) from error
    except OSError as error:
        raise ConfigError(setting, f"{path}: {error.strerror or 'cannot be read'}") from error
    if len(data) > LARGEST:
        raise ConfigError(setting, f"{path} is larger than {LARGEST} bytes")
    return data


def _write_new(path: Path, data: bytes, mode: int, setting: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as error:
        raise ConfigError(setting, f"{path} exists already and is not overwritten") from error
    except OSError as error:
        raise ConfigError(setting, f"{path}: {error.strerror or 'cannot be written'}") from error
