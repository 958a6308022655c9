"""Whether the log would be signed now: for `byteport doctor`, which says what to run where the signer refuses.

The signer's memory can be looked at only where it is. Elsewhere there is the newest checkpoint of the store, which says nothing
against a backup that was restored, and the alarm that the signer's own refusal has raised. From everywhere it shows when signing or
witnessing has stopped, of which nobody else tells where the run that has the log signed is gone.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from activities.audit.alarms import alarmed_by
from activities.signer.lag import Behind, lag
from byteport.contracts.checkpoints import ALARM, Refused
from byteport.contracts.workflows import Installation
from byteport.domain.ids import checkpoint_id
from byteport.errors import ConfigError
from byteport.ledger import checkpoints
from byteport.ledger.append import moment
from byteport.ledger.opening import open_reader
from byteport.ledger.store import Readable
from byteport.settings import Settings, installation
from workers.preflight import Check, Outcome
from workers.remedies import Amiss, remedy
from workers.signing import chain_of, is_signed, looking

NAME = "checkpoints"
SIGNER_LATE = timedelta(minutes=30)
"""After the pace that is set, which is at most an hour."""
WITNESS_LATE = timedelta(hours=6)
_AMISS = {
    Refused.SHRANK: Amiss.LOG_SHRANK,
    Refused.FORKED: Amiss.LOG_FORKED,
    Refused.REKEYED: Amiss.LOG_REKEYED,
    Refused.UNREADABLE: Amiss.LOG_UNREADABLE,
    Refused.LOST: Amiss.SIGNER_LOST,
}


def check_signing(settings: Settings, *, now: datetime) -> list[Check]:
    """Nothing where nobody is set to sign, or nobody knows yet whose log it would be."""
    if not is_signed(settings):
        return []
    try:
        ours = installation(settings)
    except ConfigError:
        return []
    reader = open_reader(settings.ledger, settings.tenant)
    return [*_standing(reader, ours), _signed(settings, ours, reader), *_late(settings, ours, reader, now)]


def _late(settings: Settings, ours: Installation, reader: Readable, now: datetime) -> list[Check]:
    """Whoever has stopped: the signer, or a witness. Neither could say so."""
    found = lag(reader, chain_of(ours), [one.verifier for one in settings.audit.witnesses], now)
    checks = []
    if found.signer.lasts(now) > SIGNER_LATE + timedelta(seconds=settings.audit.checkpoint_seconds):
        said = f"{found.signer.records} record(s) are not signed, the first since {_at(found.signer)}"
        checks.append(
            Check(NAME, Outcome.FAILED, said, remedy(Amiss.SIGNER_SILENT, workflow=checkpoint_id(ours.cluster_uid)))
        )
    for name, behind in found.witnesses.items():
        if behind.lasts(now) > WITNESS_LATE:
            said = f"witness {name} has not signed the last {behind.records} record(s), the first since {_at(behind)}"
            checks.append(Check("witnesses", Outcome.WARNING, said, remedy(Amiss.WITNESS_SILENT)))
    return checks


def _at(behind: Behind) -> str:
    return f"{behind.since:%Y-%m-%d %H:%M} UTC"


def _signed(settings: Settings, ours: Installation, reader: Readable) -> Check:
    try:
        refusal = looking(settings, ours, reader).look()
    except ConfigError:
        return _from_afar(reader, ours)
    if refusal is not None:
        return Check(NAME, Outcome.FAILED, refusal.says, remedy(_AMISS[refusal.because]))
    return Check(NAME, Outcome.OK, _newest(reader, ours))


def _from_afar(reader: Readable, ours: Installation) -> Check:
    said = f"{_newest(reader, ours)}; the signer's key and memory are not here, so that nobody looked at them"
    return Check(NAME, Outcome.WARNING, said, remedy(Amiss.SIGNER_ELSEWHERE))


def _standing(reader: Readable, ours: Installation) -> list[Check]:
    with reader.snapshot() as sql:
        if not alarmed_by(sql, ours.cluster_uid, ALARM):
            return []
    said = f"the alarm {ALARM} stands: what was signed was not what is there, and nothing is done alone"
    return [Check(NAME, Outcome.FAILED, said, remedy(Amiss.LOG_ALARMED))]


def _newest(reader: Readable, ours: Installation) -> str:
    with reader.snapshot() as sql:
        newest = checkpoints.latest(sql, chain_of(ours))
    if newest is None:
        return "nothing was signed yet"
    return f"{newest.size} record(s) signed, last at {moment(newest.at_ms):%Y-%m-%d %H:%M:%S} UTC"
