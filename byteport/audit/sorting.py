"""Every request of our account, sorted: to the act whose id it carries, to what is by design, or to the findings.

`Audit-ID` and the user agent are the client's own words: they propose, and what the API server itself says of the request
decides: user, verb, object (its uid where both sides tell one), command. Comes after `acts`, `requests` and `asking`;
`matching` then judges the acts.
"""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from byteport.audit.acts import Act, Acts
from byteport.audit.asking import Design, argv_of, changes, container_of, form_of, is_dry_run, is_exec
from byteport.audit.matched import Cause, Mismatch, Notice, Remark, said
from byteport.audit.requests import Effect, Request, is_read

APART = timedelta(seconds=5)
"""How far the ledger's clock and the API server's may be apart unless it is said otherwise."""
_LETTERS = 12
"""Of the action id, in the user agent."""


class Rules(NamedTuple):
    """What is taken for ours."""

    account: str
    """As the API server calls it."""
    design: Design
    apart: timedelta = APART


class Found:
    """What was found so far."""

    def __init__(self) -> None:
        self.findings: list[Mismatch] = []
        self.notices: dict[Remark, Notice] = {}

    def find(self, cause: Cause, says: str, *, act: Act | None = None, request: Request | None = None) -> None:
        """One finding, of a record, of a line, or of both."""
        seq, id_ = (act.seq, act.id) if act is not None else (None, None)
        at = request.event.at if request is not None else None
        self.findings.append(Mismatch(cause=cause, seq=seq, id=id_, at=at, says=says))

    def note(self, remark: Remark, request: Request | None = None, act: Act | None = None) -> None:
        """One more of a kind; the first is kept."""
        known = self.notices.get(remark)
        if known is not None:
            self.notices[remark] = known.model_copy(update={"count": known.count + 1})
            return
        at, first = (request.event.at, what(request)) if request is not None else (None, "")
        self.notices[remark] = Notice(remark=remark, count=1, at=at, seq=act.seq if act else None, first=first)


class Sorting:
    """Requests of one log, held against the acts of one chain."""

    def __init__(self, acts: Acts, rules: Rules, found: Found) -> None:
        self._acts = acts
        self._rules = rules
        self._found = found
        self._by_audit_id = {act.audit_id: act for act in acts.in_order()}
        self.carrying: dict[str, list[Request]] = {}
        """By action id: what carries the act's id and is its call. There, but empty: its id was on something else."""

    def take(self, request: Request) -> None:
        """One request; every one is taken once."""
        event, act = request.event, self._by_audit_id.get(request.event.audit_id)
        if self._rules.account not in (event.user, event.through):
            if act is not None:
                says = f"carries the id of an act, sent by {said(event.user)}"
                self._found.find(Cause.FOREIGN_USER, says, act=act, request=request)
        elif event.through == self._rules.account:
            self._in_anothers_name(request)
        elif is_read(event):
            return
        elif act is not None and changes(event):
            self._with_its_id(request, act)
        elif form_of(request, self._rules.design) is None:
            self._of_nobody(request)

    def _in_anothers_name(self, request: Request) -> None:
        """Our account, which has no right to, acts as somebody else."""
        if request.effect is Effect.REFUSED:
            self._found.note(Remark.REFUSED_ATTEMPT, request)
            return
        says = f"was sent by our account in the name of {said(request.event.user)}"
        self._found.find(Cause.OTHER_CLIENT, says, request=request)

    def _with_its_id(self, request: Request, act: Act) -> None:
        its_call = self._is_its_call(request, act)
        if request.effect is Effect.REFUSED and not (its_call and self.is_agents(act, request)):
            self._found.note(Remark.REFUSED_ATTEMPT, request)
            return
        carrying = self.carrying.setdefault(act.action_id, [])
        if its_call:
            carrying.append(request)
            return
        wanted = f"{act.call}" + (f" of uid {act.uid}" if act.uid else "")
        self._found.find(Cause.OTHER_OBJECT, f"is {what(request)}; the record says {wanted}", act=act, request=request)

    def _of_nobody(self, request: Request) -> None:
        """Neither an act's nor by design."""
        acts, event = self._acts, request.event
        if is_dry_run(event):
            self._found.note(Remark.ODD_DRY_RUN, request)
        elif request.effect is Effect.REFUSED:
            self._found.note(Remark.REFUSED_ATTEMPT, request)
        elif acts.first_seq > 1 and acts.first_at is not None and event.received < acts.first_at:
            self._found.note(Remark.BEFORE_THE_RECORDS, request)
        else:
            self._unrecorded(request)

    def _unrecorded(self, request: Request) -> None:
        event, last = request.event, self._acts.last_at
        by = f", by {said(event.through)} in our account's name" if event.through else ""
        perhaps = "" if request.effect is Effect.DONE else "; its answer does not tell whether it took effect"
        cause, why = Cause.UNRECORDED_WRITE, "and has no record"
        if last is None or event.received > last + self._rules.apart:
            cause, why = Cause.AFTER_THE_RECORDS, "later than the last record: take a newer log, or nobody recorded it"
        self._found.find(cause, f"is {what(request)}{by}, {why}{perhaps}", request=request)

    def _is_its_call(self, request: Request, act: Act) -> bool:
        event, call = request.event, act.call
        if event.through:
            return False
        if call is None:
            return True
        asked = (event.group, event.resource, event.subresource, event.namespace, event.name)
        if event.verb not in call.verbs or asked != call[1:6]:
            return False
        if act.uid and event.uids and event.uids != {act.uid}:
            return False
        if not is_exec(event):
            return True
        return argv_of(event) == call.argv and container_of(event) == self._rules.design.container

    def is_agents(self, act: Act, request: Request) -> bool:
        """The agent names itself and the act in its user agent, and itself as who manages the fields that it patches.

        Whoever does not is somebody else with the act's id.
        """
        event, agent = request.event, request.event.agent
        if event.verb == "patch" and [v for k, v in event.query if k == "fieldManager"] != [self._rules.design.manager]:
            return False
        return agent.startswith(self._rules.design.agent) and agent.endswith(f" ({act.action_id[:_LETTERS]})")


def what(request: Request) -> str:
    """A request in a few words, whatever they are."""
    event = request.event
    kind = "/".join(filter(None, (event.resource, event.subresource)))
    where = "/".join(filter(None, (event.namespace, event.name)))
    code = "".join(f" ({code})" for code in sorted(request.codes)[-1:])
    return said(f"{event.verb} {kind} {where}".strip()) + code
