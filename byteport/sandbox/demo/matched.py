"""The third verdict, where there is an API server to ask: its own audit log against the log.

Comes after the boundary has been looked at, which leaves one refused attempt with the agent's own token: what a stolen one
would leave. `byteport verify-log --all --against` says the same of any cluster.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from byteport.audit.acts import acts_of
from byteport.audit.apiserver import read
from byteport.audit.heads import Chain
from byteport.audit.matched import Matching, MatchVerdict
from byteport.audit.matching import match
from byteport.audit.requests import Requests
from byteport.boundary.by_design import rules
from byteport.ledger.log import AuditLog

Say = Callable[[str], None]


def match_log(log: AuditLog, chain: Chain, audit_log: Path, say: Say) -> MatchVerdict:
    """Hold one chain against the API server's audit log, and tell it."""
    ours = rules()
    acts = acts_of(log.entries(chain))
    requests = Requests(ours.account, {act.audit_id for act in acts.in_order()}, ours.idle)
    with audit_log.open("rb") as lines:
        requests.take(read(lines, audit_log.name))
    found = match(acts, requests, ours)
    _tell(found, say)
    return found.verdict


def _tell(found: Matching, say: Say) -> None:
    say(
        f"against {found.lines} lines of the API server's own audit log: {found.verdict.value}; "
        f"{found.matched} of {found.acts} acts have the one write that they say"
    )
    for notice in found.notices:
        say(f"besides: {notice.first} ({notice.remark.value}, {notice.count} in all)")
    for finding in found.findings:
        say(f"{finding.at or f'record {finding.seq}'} {finding.says} [{finding.cause.value}]")
