"""Whether the log matches what the API server itself saw: every write of our account has its one record, and every act
that a record calls done has its one write.

`sorting` has given each request to the act whose id it carries; here each act is judged by what it was given, and when. An
act that no part of the audit log speaks for is `not covered`, never matched; an audit log that says nothing of our account
matches nothing. Pure; comes last of its room. `verify` has the other two verdicts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import NamedTuple

from byteport.audit.acts import Act, Acts
from byteport.audit.asking import is_exec
from byteport.audit.matched import CONTRADICTS, Cause, Gap, Matching, MatchVerdict, Mismatch, NotCovered, Remark, said
from byteport.audit.outcomes import Outcome
from byteport.audit.requests import Effect, Request, Requests
from byteport.audit.sorting import Found, Rules, Sorting
from byteport.domain.warrants import LONGEST_LEASE

LONGEST_VERIFICATION = timedelta(days=1)
"""An intent without an end for longer has been left open."""


def match(acts: Acts, requests: Requests, rules: Rules) -> Matching:
    """Hold the acts of one chain against the API server's log of the same cluster."""
    found = Found()
    sorting = Sorting(acts, rules, found)
    for request in requests.all():
        sorting.take(request)
    judge = _Judge(acts, requests, rules, sorting, found)
    return judge.judged()


class _Pair(NamedTuple):
    act: Act
    write: Request


class _Judge:
    def __init__(self, acts: Acts, requests: Requests, rules: Rules, sorting: Sorting, found: Found) -> None:
        self._acts = acts
        self._requests = requests
        self._rules = rules
        self._sorting = sorting
        self._found = found
        self._spans = requests.spans()
        self._pairs: list[_Pair] = []
        self._not_covered: list[NotCovered] = []

    def judged(self) -> Matching:
        matched = sum([self._settled(act) for act in self._acts.in_order()])
        self._clocks()
        self._records()
        for bad in self._requests.bad:
            self._found.findings.append(Mismatch(cause=Cause(bad.flaw.value), at=bad.at, says=bad.says))
        self._another_log()
        findings = tuple(sorted(self._found.findings, key=_order))
        return Matching(
            verdict=self._verdict(matched, {finding.cause for finding in findings}),
            account=self._rules.account,
            since=self._spans[0].first if self._spans else None,
            until=self._spans[-1].last if self._spans else None,
            gaps=tuple(Gap(after=one.last, before=other.first) for one, other in pairwise(self._spans)),
            lines=self._requests.lines,
            lines_of_account=self._requests.of_account,
            acts=len(self._acts.by_action),
            matched=matched,
            uids_compared=sum(bool(pair.act.uid and pair.write.event.uids) for pair in self._pairs),
            objects_unknown=sum(pair.act.call is None for pair in self._pairs),
            not_covered=tuple(self._not_covered),
            findings=findings,
            notices=tuple(self._found.notices.values()),
        )

    # -- every act --------------------------------------------------------------------------------------------------

    def _settled(self, act: Act) -> bool:
        """Whether the API server's log bears out what the records say of an act. What is wrong is found."""
        given = self._sorting.carrying.get(act.action_id)
        done = [one for one in given or () if one.effect is Effect.DONE]
        perhaps = [one for one in given or () if one.effect is Effect.UNKNOWN]
        write = next(iter([*done, *perhaps]), None)
        if write is not None:
            self._pairs.append(_Pair(act, write))
        once = self._once(act, done)
        match act.outcome:
            case None:
                self._open(act)
                return False
            case Outcome.DONE if write is not None:
                return once
            case Outcome.DONE:
                if given is None:  # else its id was found on something else, which is told already
                    self._missing(act)
                return False
            case Outcome.NOT_DONE if done and not is_exec(done[0].event):  # a command that was not found has been sent
                says = "took effect; the record says that it was not done"
                self._found.find(Cause.DONE_AFTER_ALL, says, act=act, request=done[0])
                return False
            case Outcome.NOT_DONE | Outcome.UNKNOWN if write is None and self._is_not_covered(act):
                return False
            case Outcome.UNKNOWN if not perhaps or done:
                # what nobody knew when it was recorded, the API server tells
                self._found.note(Remark.UNKNOWN_WAS_DONE if done else Remark.UNKNOWN_WAS_NOT_DONE, write, act)
        return once

    def _once(self, act: Act, done: Sequence[Request]) -> bool:
        """At most one effect, and by the agent itself."""
        effects = sum(one.times for one in done)
        if effects > 1:
            says = f"is one of {effects} writes with the id of one act"
            self._found.find(Cause.REPEATED_ID, says, act=act, request=done[-1])
        others = [one for one in done if not self._sorting.is_agents(act, one)]
        for one in others:
            says = f"was not sent by the agent as it sends acts: its user agent is {said(one.event.agent)}"
            self._found.find(Cause.OTHER_CLIENT, says, act=act, request=one)
        return effects <= 1 and not others

    def _missing(self, act: Act) -> None:
        """There is no write of an act that is called done."""
        silent = self._silent(act)
        if silent is None:
            says = f"is called done, and the API server saw no {act.call or 'request with its id'}"
            self._found.find(Cause.WRITE_MISSING, says, act=act)
        elif silent is Cause.IN_A_GAP:
            says = "is called done, and of that time the API server's log has nothing at all"
            self._found.find(Cause.IN_A_GAP, says, act=act)
        else:
            self._not_covered.append(NotCovered(seq=act.seq, id=act.id, because=silent))

    def _is_not_covered(self, act: Act) -> bool:
        silent = self._silent(act)
        if silent is not None:
            self._not_covered.append(NotCovered(seq=act.seq, id=act.id, because=silent))
        return silent is not None

    def _open(self, act: Act) -> None:
        times = [self._acts.last_at, *(span.last for span in self._spans)]
        old = any(at is not None and at - act.at > LONGEST_VERIFICATION for at in times)
        self._found.find(Cause.NO_END if old else Cause.OPEN, "has an intent, and no record of its end", act=act)

    # -- time -------------------------------------------------------------------------------------------------------

    def _silent(self, act: Act) -> Cause | None:
        """Why the log does not speak for the whole time in which the act's write may have been; None when it does."""
        first, last = act.at, act.at + LONGEST_LEASE
        if act.ended is not None:
            last = min(last, act.ended)
        if any(span.first <= first and last <= span.last for span in self._spans):
            return None
        if not self._spans or last > self._spans[-1].last:
            return Cause.AFTER_THE_LOG
        return Cause.BEFORE_THE_LOG if first < self._spans[0].first else Cause.IN_A_GAP

    def _clocks(self) -> None:
        """Each write within its act's lease; all of them off by the same are a matter of the clocks."""
        off = [(pair, wrong) for pair in self._pairs if (wrong := self._out_of_time(pair)) is not None]
        lags = sorted(pair.write.event.received - pair.act.at for pair in self._pairs)
        if len(off) == len(lags) > 1 and lags[-1] - lags[0] <= LONGEST_LEASE:
            first = off[0][0]
            says = (
                f"and every other write stands {_seconds(lags[len(lags) // 2])} from its intent: the clocks are apart"
            )
            self._found.find(Cause.CLOCK_SKEW, says, act=first.act, request=first.write)
            return
        for pair, (cause, says) in off:
            self._found.find(cause, says, act=pair.act, request=pair.write)

    def _out_of_time(self, pair: _Pair) -> tuple[Cause, str] | None:
        act, at, apart = pair.act, pair.write.event.received, self._rules.apart
        if at < act.at - apart:
            return Cause.BEFORE_INTENT, f"came {_seconds(act.at - at)} before its intent was recorded"
        if act.ended is not None and at > act.ended + apart:
            return Cause.AFTER_END, f"came {_seconds(at - act.ended)} after its end was recorded"
        if at > act.at + LONGEST_LEASE + apart:
            return Cause.OUTSIDE_LEASE, f"came {_seconds(at - act.at)} after its intent; no grant lasts as long"
        return None

    # -- the whole --------------------------------------------------------------------------------------------------

    def _records(self) -> None:
        """Records that stand for no act of their own."""
        add = self._found.findings.append
        for stray in self._acts.repeated:
            says = "is a second intent of one act"
            add(Mismatch(cause=Cause.REPEATED_INTENT, seq=stray.seq, id=stray.id, says=says))
        for stray in self._acts.ends_only if self._acts.first_seq <= 1 else ():  # else it may stand in the part before
            says = "ends an act that has no intent"
            add(Mismatch(cause=Cause.END_WITHOUT_INTENT, seq=stray.seq, id=stray.id, says=says))

    def _another_log(self) -> None:
        """Acts on the one side, writes on the other, and nothing in common."""
        causes = {finding.cause for finding in self._found.findings}
        if {Cause.WRITE_MISSING, Cause.UNRECORDED_WRITE} <= causes and not self._sorting.carrying:
            says = "no act has its write here, and no write its record: the log of another cluster or account"
            self._found.find(Cause.ANOTHER_LOG, says)

    def _verdict(self, matched: int, causes: set[Cause]) -> MatchVerdict:
        if causes & CONTRADICTS:
            return MatchVerdict.UNMATCHED
        if causes:
            return MatchVerdict.PARTLY
        return MatchVerdict.MATCHED if matched and self._requests.of_account else MatchVerdict.NOTHING


def _seconds(time: timedelta) -> str:
    return f"{time.total_seconds():.1f} s"


def _order(finding: Mismatch) -> tuple[bool, str, int, int]:
    at = finding.at
    return (at is None, at.file if at else "", at.line if at else 0, finding.seq or 0)
