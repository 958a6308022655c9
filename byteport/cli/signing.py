"""The key by which a person's answer is signed: from a file, or from the ssh-agent, which keeps it where it is."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import typer

from byteport.errors import ConfigError
from byteport.trust.agent import agent_keys
from byteport.trust.files import SignersFiles, read_private_key
from byteport.trust.private_keys import Encrypted
from byteport.trust.sshsig import Signer

SETTING = "approvals.signing_key"


def find_signer(key_file: Path | None, allowed_signers: Path | None) -> Signer:
    """The key of `key_file`, else the one key of the agent that `allowed_signers` names, else the agent's only one.

    Raises `ConfigError` when there is none, or when several could be meant.
    """
    if key_file is not None:
        return _from_file(key_file)
    socket_path = os.environ.get("SSH_AUTH_SOCK")
    if not socket_path:
        raise ConfigError(SETTING, "names no key and no ssh-agent runs; give --key FILE or start an agent")
    keys = agent_keys(Path(socket_path))
    if not keys:
        raise ConfigError(SETTING, "names no key and the ssh-agent holds none; give --key FILE or run ssh-add")
    if len(keys) > 1:
        keys = [key for key in keys if key.public_key in _allowed(allowed_signers)]
    if len(keys) != 1:
        raise ConfigError(
            SETTING, "several keys of the ssh-agent could sign; give --key FILE (a .pub file chooses one)"
        )
    return keys[0]


def _from_file(path: Path) -> Signer:
    if path.suffix == ".pub":
        return _from_agent_by_public_key(path)
    try:
        return read_private_key(path, SETTING)
    except ConfigError as error:
        if not isinstance(error.__cause__, Encrypted):
            raise
    passphrase: str = typer.prompt(f"Passphrase of {path}", hide_input=True, err=True)
    return read_private_key(path, SETTING, passphrase=passphrase.encode())


def _from_agent_by_public_key(path: Path) -> Signer:
    from byteport.trust.files import read_public_key

    wanted = read_public_key(path, SETTING)
    socket_path = os.environ.get("SSH_AUTH_SOCK")
    for key in agent_keys(Path(socket_path)) if socket_path else []:
        if key.public_key == wanted:
            return key
    raise ConfigError(SETTING, f"the ssh-agent does not hold {path}; run ssh-add with its private half")


def _allowed(path: Path | None) -> frozenset[object]:
    if path is None:
        return frozenset()
    with suppress(ConfigError):
        return frozenset(entry.key for entry in SignersFiles(path).read().allowed.entries)
    return frozenset()
