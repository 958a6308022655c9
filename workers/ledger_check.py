"""Whether the ledger's PostgreSQL answers, has our tables, and lets this login do what it should and no more.

Asked by `byteport doctor`, and before a process that writes the ledger starts: one that may change the log is none.
"""

from __future__ import annotations

from byteport.settings import Settings
from workers.preflight import Check, Outcome
from workers.remedies import Amiss, remedy


def check_ledger(settings: Settings) -> list[Check]:
    """One check for each thing amiss, failed; nothing where the ledger is a file. Raises `Unavailable`, `ConfigError`."""
    ledger = settings.ledger
    if ledger.url is None:
        return []
    from byteport.ledger.address import for_people
    from byteport.ledger.rights import look  # loads the driver

    found = look(ledger.url, ledger.password_file)
    if not found:
        return [Check("ledger", Outcome.OK, f"{for_people(ledger.url)}, with the rights of the ledger and no more")]
    database = for_people(ledger.url).rpartition("/")[2]
    return [
        Check(
            "ledger",
            Outcome.FAILED,
            one.says,
            remedy(Amiss.LEDGER_RIGHTS, database=database, statement=one.remedy),
        )
        for one in found
    ]
