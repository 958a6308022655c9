"""The page of the log: its three verdicts on top, then the records, the newest first, some at a time.

Comes after `face` and `verdicts`; the log is only read.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from byteport.audit.findings import Coverage, NotChecked, Report, Verdict
from byteport.audit.matched import MatchVerdict
from byteport.audit.records import Record
from byteport.console.face import Face, for_people
from byteport.console.pages import page
from byteport.console.sessions import Session
from byteport.errors import MalformedInput
from byteport.ledger.log import Filter

A_PAGE = 25
_AFTER = re.compile(r"([A-Za-z0-9-]{1,64}):([0-9]{1,15})")


class Told(NamedTuple):
    """One of the three verdicts."""

    what: str
    answer: str
    well: bool | None
    """None where it was not checked."""
    says: str


@for_people
async def log(request: Request, face: Face, session: Session) -> Response:
    after = _after(request.query_params.get("after"))
    wanted = Filter(tenant=face.installation.tenant, newest_first=True, limit=A_PAGE + 1, after=after)
    found, unreadable = await asyncio.to_thread(lambda: readable(face.log.iter_records(wanted)))
    verified = await face.verdicts.current()
    return page(
        "log.html",
        session,
        face.now(),
        chains=[(report, verdicts(report)) for report in verified.reports] if verified is not None else [],
        at=verified.at if verified is not None else None,
        records=found[:A_PAGE],
        first=after is None,
        more=_next(found),
        unreadable=unreadable,
    )


def readable(records: Iterator[Record]) -> tuple[list[Record], bool]:
    """The records up to one whose bytes are none any more, and whether there is such a one: the verdicts tell of it."""
    found: list[Record] = []
    try:
        for record in records:
            found.append(record)  # noqa: PERF402  what came before a broken one is kept
    except MalformedInput:
        return found, True
    return found, False


def verdicts(report: Report) -> tuple[Told, Told, Told]:
    """Intact, complete, matched: as `byteport verify-log` gives them."""
    return _intact(report), _complete(report), _matched(report)


def _intact(report: Report) -> Told:
    well = report.intact is Verdict.INTACT and not report.not_opened
    faults = ", ".join(f"{count} {fault.value}" for fault, count in sorted(report.codes.items()))
    says = f"{report.records} records" + (f"; {report.removed} bodies destroyed as recorded" if report.removed else "")
    says += f"; {report.not_opened} bodies not opened" if report.not_opened else ""
    return Told("Intact", "yes" if well else "NO", well, says + (f"; {faults}" if faults else ""))


def _complete(report: Report) -> Told:
    complete = report.complete
    if isinstance(complete, NotChecked):
        return Told("Complete", "not checked", None, f"needs {complete.needs}")
    says = f"{complete.checkpoints} signed checkpoints, {complete.covered} records covered"
    says += f", {complete.not_covered} newer" if complete.not_covered else ""
    answer = {Coverage.COMPLETE: "yes", Coverage.PARTLY: "partly", Coverage.INCOMPLETE: "NO"}[complete.verdict]
    return Told("Complete", answer, complete.verdict is not Coverage.INCOMPLETE, says)


def _matched(report: Report) -> Told:
    if isinstance(report.matched, NotChecked):
        return Told("Matched", "not checked", None, f"needs {report.matched.needs}")
    well = report.matched.verdict is MatchVerdict.MATCHED
    return Told("Matched", "yes" if well else "NO", well, "against the API server's own audit log")


def _after(text: str | None) -> tuple[str, int] | None:
    if text is None:
        return None
    found = _AFTER.fullmatch(text)
    if found is None:
        raise MalformedInput("after", "is what the link to older records says")
    return found.group(1), int(found.group(2))


def _next(found: list[Record]) -> str:
    """For the link to older records; empty where there are none."""
    return f"{found[A_PAGE - 1].cluster_uid}:{found[A_PAGE - 1].seq}" if len(found) > A_PAGE else ""
