"""What the commands on the ledger share: the switch, the alarms and the log of this installation, without Temporal and without a cluster."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from byteport.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from activities.audit.alarms import Alarms
    from activities.audit.halts import Halts
    from byteport.ledger.store import Store
    from byteport.settings import Settings


def halts_of(settings: Settings) -> Halts:
    """The kill switch. It makes the ledger when there is none yet: a halt comes before the first act, too."""
    from activities.audit.halts import Halts
    from byteport.settings import installation

    return Halts(_store(settings), installation(settings))


def alarms_of(settings: Settings) -> Alarms:
    """The alarms; as with the switch, the first one may come before the first act."""
    from activities.audit.alarms import Alarms
    from byteport.settings import installation

    return Alarms(_store(settings), installation(settings))


def _store(settings: Settings) -> Store:
    from activities.clock import utc_now
    from byteport.ledger.store import Store

    return Store(ledger_path(settings), clock=utc_now, randomness=secrets.token_bytes)


def ledger_path(settings: Settings) -> Path:
    if settings.ledger.path is None:
        raise ConfigError("ledger.path", "is not set")
    return settings.ledger.path
