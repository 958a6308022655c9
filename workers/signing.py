"""Wires the signer, and those who ask witnesses for it: two processes, of which one has the key and the other the network.

Comes beside `wiring.py`, which asks here; `signing_check.py` asks `looking` whether the log would be signed now.
"""

from __future__ import annotations

from activities.clock import Clock
from activities.signer.acts import SignerActs, WitnessActs
from activities.signer.cosigning import Cosigning, WitnessAt, Witnesses
from activities.signer.keys import KEY_SETTING, read_signing_keys, read_verifier
from activities.signer.looking import Looking
from activities.signer.state import SETTING as STATE_SETTING
from activities.signer.state import StateFile
from byteport.audit.heads import Chain
from byteport.audit.notes import VerifierKey
from byteport.contracts.checkpoints import Following
from byteport.contracts.workflows import Installation
from byteport.errors import ConfigError
from byteport.ledger.opening import open_reader
from byteport.ledger.store import Readable, Store
from byteport.settings import Settings


def is_signed(settings: Settings) -> bool:
    """Whether anybody is set to sign the log. Processes without the key know it by the same setting."""
    return settings.audit.signer.key is not None


def following(settings: Settings) -> Following:
    """What the run is told that has the log signed."""
    audit = settings.audit
    return Following(every_seconds=audit.checkpoint_seconds, witnesses=tuple(one.name for one in audit.witnesses))


def signer_acts(settings: Settings, ours: Installation, store: Store) -> SignerActs:
    """The signer's own acts. Raises `ConfigError` for a key that is not set, or that cannot be used."""
    signer, chain = settings.audit.signer, chain_of(ours)
    if signer.key is None:
        raise ConfigError(KEY_SETTING, "must be set; byteport signer init then makes it")
    keys = read_signing_keys(signer.key, signer.retiring_key, chain)
    witnesses = [one.verifier for one in settings.audit.witnesses]
    return SignerActs(store, chain, keys, _file(settings, chain), witnesses)


def witness_acts(settings: Settings, ours: Installation, clock: Clock) -> WitnessActs:
    """What asks the witnesses of the settings. Raises `ConfigError` for files that cannot be used."""
    audit = settings.audit
    known = {one.name: WitnessAt(one.url, one.verifier) for one in audit.witnesses}
    witnesses = Witnesses(known, ca_file=audit.export.ca_file, proxy=audit.export.proxy, clock=clock)
    return WitnessActs(Cosigning(open_reader(settings.ledger, settings.tenant), chain_of(ours), witnesses))


def looking(settings: Settings, ours: Installation, store: Readable) -> Looking:
    """What the signer would make of the log now. Raises `ConfigError` where the key cannot be read."""
    signer, chain = settings.audit.signer, chain_of(ours)
    if signer.key is None:
        raise ConfigError(KEY_SETTING, "is not set")
    return Looking(store, chain, read_signing_keys(signer.key, signer.retiring_key, chain), _file(settings, chain))


def log_key(settings: Settings, ours: Installation) -> VerifierKey:
    """What others check the log's checkpoints with. Raises `ConfigError` where nobody is set to sign."""
    if settings.audit.signer.key is None:
        raise ConfigError(KEY_SETTING, "is not set: nobody signs this log")
    return read_verifier(settings.audit.signer.key, chain_of(ours))


def chain_of(ours: Installation) -> Chain:
    """The one log that an installation writes."""
    return Chain(tenant=ours.tenant, cluster_uid=ours.cluster_uid)


def _file(settings: Settings, chain: Chain) -> StateFile:
    path = settings.audit.signer.state_file
    if path is None:
        raise ConfigError(STATE_SETTING, "must be set")
    return StateFile(path, chain)
