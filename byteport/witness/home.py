"""The folder of a witness: its key, its name, the logs that it knows, and its memory. For `byteport witness`.

The folder of states and the list of logs that were ever signed are made once, with the key. A witness whose memory was taken
away does not begin at nothing: it does not start at all, or signs no log that is on its list. Comes after `witness`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from byteport.audit.notes import SignatureType, key_of
from byteport.errors import ConfigError, MalformedInput
from byteport.trust import durable
from byteport.trust.files import read_private_key
from byteport.trust.private_keys import new_private_key
from byteport.witness.states import SIGNED
from byteport.witness.witness import Logs, Witness

SETTING = "FOLDER"


class WitnessHome:
    """One witness's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()

    @property
    def key(self) -> Path:
        return self.folder / "key"

    @property
    def name(self) -> Path:
        return self.folder / "name"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def states(self) -> Path:
        return self.folder / "states"

    @property
    def signed(self) -> Path:
        return self.folder / SIGNED

    def begin(self, name: str) -> None:
        """What a new witness has beside its key. Raises `ConfigError` where it cannot be written."""
        try:
            self.states.mkdir(mode=0o700)
            self.signed.touch(mode=0o600)
            self.logs.touch()
            self.name.write_text(f"{name}\n")
        except OSError as error:
            raise ConfigError(SETTING, f"{self.folder}: {error.strerror or 'cannot be used'}") from None

    def alone(self) -> AbstractContextManager[None]:
        """While inside no other process serves this folder: two would each believe its own memory."""
        return durable.alone(self.folder / ".lock", SETTING)

    def witness(self, clock: Callable[[], datetime]) -> Witness:
        """The witness of this folder. Raises `ConfigError` where something of it is missing or wrong."""
        private = read_private_key(self.key, SETTING).key
        if not isinstance(private, Ed25519PrivateKey):
            raise ConfigError(SETTING, f"{self.key} is no Ed25519 key")
        for path in (self.states, self.signed):
            if not path.exists():
                raise ConfigError(
                    SETTING,
                    f"{path} is gone, and with it what was signed; restore it, or retire this witness: "
                    "byteport witness init makes a new one",
                )
        name = durable.read(self.name)
        if name is None:
            raise ConfigError(SETTING, f"{self.name} does not exist; it holds the witness's name")
        try:
            return Witness(name.decode().strip(), private, self.states, Logs(self.logs), clock=clock)
        except (MalformedInput, UnicodeDecodeError):
            raise ConfigError(SETTING, f"{self.name} holds no name that a key can have") from None


def check_name(name: str) -> None:
    """Raises `MalformedInput` for a name that no key can have."""
    key = new_private_key().key
    assert isinstance(key, Ed25519PrivateKey)
    key_of(name, SignatureType.COSIGNATURE, key)
