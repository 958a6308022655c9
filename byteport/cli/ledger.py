"""What the commands on the ledger share: the switch, the alarms, the log, and what is kept or erased of it, of this installation, without Temporal and without a cluster."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from byteport.cli.output import note
from byteport.errors import PreconditionFailed

if TYPE_CHECKING:
    from pathlib import Path

    from activities.audit.alarms import Alarms
    from activities.audit.erasures import Erasures
    from activities.audit.halts import Halts
    from activities.audit.holds import Holds
    from byteport.ledger.log import AuditLog
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


def holds_of(settings: Settings) -> Holds:
    """The legal holds; one may be set before there is anything to keep."""
    from activities.audit.holds import Holds
    from byteport.settings import installation

    return Holds(_store(settings), installation(settings))


def erasures_of(settings: Settings) -> Erasures:
    """The requests for erasure."""
    from activities.audit.erasures import Erasures
    from byteport.settings import installation

    ours = installation(settings)
    targets = settings.audit.export.cursors(ours.cluster_uid)
    return Erasures(_store(settings), ours, config=settings.audit, targets=targets)


def must_have_the_time(settings: Settings, *, destroys: bool) -> None:
    """Before a hold or a request is recorded. Raises `PreconditionFailed` where the clocks do not agree.

    Where only the last record is of a time to come, what keeps records (`destroys` is no) is done all the same, and that
    is said: a chain that somebody else's clock has put ahead must not keep anybody from a legal hold. `byteport halt` and
    alarms do not ask: they are refused for nothing.
    """
    from activities.clock import utc_now
    from byteport.audit.heads import Chain
    from byteport.ledger.clocks import look
    from byteport.ledger.opening import open_reader
    from byteport.settings import installation

    ledger, ours = settings.ledger, installation(settings)
    if ledger.url is None and (ledger.path is None or not ledger.path.exists()):
        return
    chain = Chain(tenant=ours.tenant, cluster_uid=ours.cluster_uid)
    with open_reader(ledger, settings.tenant).snapshot() as sql:
        clocks = look(sql, chain, here=utc_now(), served=ledger.url is not None)
    if clocks.differ or (clocks.is_ahead and destroys):
        raise PreconditionFailed(f"nothing was recorded: {clocks.says()}; mend the one that is wrong")
    if clocks.is_ahead:
        note(f"recorded all the same: {clocks.says()}; mend the one that is wrong")


def _store(settings: Settings) -> Store:
    """The ledger; a new one comes with its key, so that a halt before everything else is refused for nothing."""
    from activities.clock import utc_now
    from byteport.ledger.keys import make_body_keys
    from byteport.ledger.opening import open_store

    ledger = settings.ledger
    if ledger.url is None and ledger.path is not None and not ledger.path.exists() and ledger.body_key is not None:
        make_body_keys(ledger.body_key)
    return open_store(settings.ledger, settings.tenant, clock=utc_now, randomness=secrets.token_bytes)


def log_of(settings: Settings, file: Path | None = None) -> AuditLog:
    """The log; of `file` when somebody names one, such as an auditor's copy under the same keys."""
    from byteport.ledger.opening import open_log

    config = settings.ledger if file is None else settings.ledger.model_copy(update={"path": file, "url": None})
    return open_log(config, settings.tenant)
