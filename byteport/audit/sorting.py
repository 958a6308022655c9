"""Every request of our account, sorted: to the act whose id it carries, to what is by design, or to the findings.

`Audit-ID` and the user agent are the client's own words: they propose, and what the API server itself says of the request
decides: user, verb, object (its uid where both sides tell one), command, and what is written where the log shows it. Comes
after `acts`, `requests` and `asking`; `matching` then judges the acts.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import NamedTuple

from byteport.audit.acts import Act, Acts, Body, is_some_call
from byteport.audit.apiserver import Event
from byteport.audit.asking import Design, argv_of, changes, container_of, form_of, idle_form, is_dry_run, is_exec
from byteport.audit.matched import Cause, Mismatch, Notice, Remark, said
from byteport.audit.requests import MOST_TOLD, Effect, Request, is_read

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

    def idle(self, event: Event) -> bool:
        """Whether a request changes nothing, however it is answered, and is one that ours sends by design."""
        return idle_form(event, self.design) is not None


class Found:
    """What was found so far: the first of each cause, and how many there are."""

    def __init__(self) -> None:
        self.findings: list[Mismatch] = []
        self.counts: Counter[Cause] = Counter()
        self.notices: dict[Remark, Notice] = {}

    def find(self, cause: Cause, says: str, *, act: Act | None = None, request: Request | None = None) -> None:
        """One finding, of a record, of a line, or of both."""
        seq, id_ = (act.seq, act.id) if act is not None else (None, None)
        at = request.event.at if request is not None else None
        self.add(Mismatch(cause=cause, seq=seq, id=id_, at=at, says=says))

    def add(self, finding: Mismatch) -> None:
        """One finding as it is."""
        self.counts[finding.cause] += 1
        if self.counts[finding.cause] <= MOST_TOLD:
            self.findings.append(finding)

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
        """By action id: what carries the act's id, is its call, and may have taken effect."""
        self.told: set[str] = set()
        """By action id: acts whose id is on a write that is not theirs, which is a finding of its own."""
        self.common = False
        """Whether any write at all carries the id of an act."""
        self.shown: set[str] = set()
        """By action id: acts of which the log shows what was written."""

    def take(self, request: Request) -> None:
        """One request; every one is taken once."""
        event, act = request.event, self._by_audit_id.get(request.event.audit_id)
        if self._rules.account not in (event.user, event.through):
            if act is not None:
                self._somebody_elses(request, act)
        elif event.through == self._rules.account:
            self._in_anothers_name(request)
        elif is_read(event):
            return
        elif act is not None and changes(event):
            self._with_its_id(request, act)
        elif form_of(request, self._rules.design) is None:
            self._of_nobody(request)

    def _somebody_elses(self, request: Request, act: Act) -> None:
        """The id of an act under another account. Anybody can send any id: only what may have changed something counts."""
        if request.effect is Effect.REFUSED or not changes(request.event):
            self._found.note(Remark.FOREIGN_ID, request, act)
            return
        says = f"carries the id of an act, sent by {said(request.event.user)}"
        self._found.find(Cause.FOREIGN_USER, says, act=act, request=request)

    def _in_anothers_name(self, request: Request) -> None:
        """Our account, which has no right to, acts as somebody else."""
        if request.effect is Effect.REFUSED:
            self._found.note(Remark.REFUSED_ATTEMPT, request)
            return
        says = f"was sent by our account in the name of {said(request.event.user)}"
        self._found.find(Cause.OTHER_CLIENT, says, request=request)

    def _with_its_id(self, request: Request, act: Act) -> None:
        wrong = self._other_than(request, act)
        if request.effect is Effect.REFUSED:
            if wrong is not None or not self.is_agents(act, request):
                self._found.note(Remark.REFUSED_ATTEMPT, request)
            return
        self.common = True
        if wrong is None:
            self.carrying.setdefault(act.action_id, []).append(request)
            return
        self.told.add(act.action_id)
        wanted = f"{act.call or 'no command of ours'}" + (f" of uid {act.uid}" if act.uid else "")
        if wrong is Cause.OTHER_CONTENT:
            wanted = "only what its command says"
        self._found.find(wrong, f"is {what(request)}; the record says {wanted}", act=act, request=request)

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

    def _other_than(self, request: Request, act: Act) -> Cause | None:
        """What keeps a request from being the act's call; None when it is that."""
        event, call = request.event, act.call
        about = (event.group, event.resource, event.subresource)
        right_container = not is_exec(event) or container_of(event) == self._rules.design.container
        if event.through or not right_container:
            return Cause.OTHER_OBJECT
        if call is None:
            gone = act.body is Body.GONE and is_some_call(event.verb, about, argv_of(event))
            return None if gone else Cause.OTHER_OBJECT
        if event.verb not in call.verbs or about != call[1:4] or not call.is_of(event.namespace, event.name):
            return Cause.OTHER_OBJECT
        if act.uid and event.uids and event.uids != {act.uid}:
            return Cause.OTHER_OBJECT
        if is_exec(event):
            return None if argv_of(event) == call.argv else Cause.OTHER_OBJECT
        if event.asked is None:
            return None
        self.shown.add(act.action_id)
        carries_out = self._rules.design.carries_out(event, act.action_id, call.floor)
        return None if carries_out else Cause.OTHER_CONTENT

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
