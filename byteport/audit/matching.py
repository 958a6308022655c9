"""Whether the log matches what the API server itself saw: every write of our account has its one record, and every act
that a record calls done has its one write.

`sorting` has given each request to the act whose id it carries; here each act is judged by what it was given, and when. An
act that no part of the audit log speaks for is `not covered`, never matched; every other that is not matched is a finding, and
an audit log that says nothing of our account matches nothing. Pure; comes last of its room. `verify` has the other two.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import NamedTuple

from byteport.audit.acts import Act, Acts, Body, Stray
from byteport.audit.asking import is_exec
from byteport.audit.matched import (
    CONTRADICTS,
    Cause,
    Count,
    Gap,
    Matching,
    MatchVerdict,
    Mismatch,
    NotCovered,
    Remark,
    said,
)
from byteport.audit.outcomes import Outcome
from byteport.audit.requests import MOST_TOLD, Effect, Request, Requests
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
        self._spans = requests.heard.spans()
        self._begins = [span.first for span in self._spans]
        self._doubted = {one.action_id for one in (*acts.repeated, *acts.contradicting, *acts.odd)}
        self._pairs: list[_Pair] = []
        self._not_covered: list[NotCovered] = []

    def judged(self) -> Matching:
        matched = sum([self._settled(act) for act in self._acts.in_order()])
        self._clocks()
        self._records()
        self._lines()
        self._another_log()
        findings = tuple(sorted(self._found.findings, key=_order))
        gaps = [Gap(after=one.last, before=other.first) for one, other in pairwise(self._spans)]
        pairs = {pair.act.seq: pair for pair in reversed(self._pairs)}.values()
        return Matching(
            verdict=self._verdict(matched),
            account=self._rules.account,
            since=self._spans[0].first if self._spans else None,
            until=self._spans[-1].last if self._spans else None,
            gaps=tuple(gaps[:MOST_TOLD]),
            gap_count=len(gaps),
            silence_seconds=self._requests.heard.silence().total_seconds(),
            lines=self._requests.lines,
            lines_of_account=self._requests.of_account,
            acts=len(self._acts.by_action),
            matched=matched,
            uids_compared=sum(bool(pair.act.uid and pair.write.event.uids) for pair in pairs),
            contents_compared=sum(pair.act.action_id in self._sorting.shown for pair in pairs),
            objects_unknown=sum(pair.act.call is None for pair in pairs),
            not_covered=tuple(self._not_covered),
            findings=findings,
            counts=tuple(Count(cause=cause, count=self._found.counts[cause]) for cause in sorted(self._found.counts)),
            notices=tuple(self._found.notices.values()),
        )

    # -- every act --------------------------------------------------------------------------------------------------

    def _settled(self, act: Act) -> bool:
        """Whether the API server's log bears out what the records say of an act.

        Where it does not, that is found, or the act is said not to be covered.
        """
        given = self._sorting.carrying.get(act.action_id, [])
        done = [one for one in given if one.effect is Effect.DONE]
        perhaps = [one for one in given if one.effect is Effect.UNKNOWN]
        self._pairs += [_Pair(act, one) for one in [*done, *perhaps]]
        right = self._once(act, done, perhaps) and act.action_id not in self._sorting.told
        if act.body is Body.STRANGE:
            self._found.find(Cause.UNKNOWN_COMMAND, "is an intent, and its command is none of an act of ours", act=act)
            right = False
        if act.outcome is None:
            self._open(act)
            return False
        as_said = self._as_said(act, act.outcome, done, perhaps, right=right)
        return as_said and act.action_id not in self._doubted

    def _as_said(
        self, act: Act, outcome: Outcome, done: Sequence[Request], perhaps: Sequence[Request], *, right: bool
    ) -> bool:
        """Whether the API server says of an act what its records call it. `right` when nothing else is wrong with it."""
        if not done and not perhaps:
            if outcome is Outcome.DONE and right:
                self._missing(act)
            elif outcome is not Outcome.DONE and right and not self._is_not_covered(act):
                if outcome is Outcome.UNKNOWN:
                    self._found.note(Remark.UNKNOWN_WAS_NOT_DONE, None, act)
                return True
            return False
        if outcome is Outcome.UNKNOWN and done:  # what nobody knew when it was recorded, the API server tells
            self._found.note(Remark.UNKNOWN_WAS_DONE, done[0], act)
        if outcome is not Outcome.NOT_DONE:
            return right
        if not done:
            says = "failed inside the API server, or was not answered; the record says that it was not done"
            self._found.find(Cause.PERHAPS_DONE, says, act=act, request=perhaps[0])
        elif is_exec(done[0].event):  # a command that was not found has been sent; so has one that was
            says = "was sent; the record says that it was not done, and its exit code is not in this log"
            self._found.find(Cause.COMMAND_SENT, says, act=act, request=done[0])
        else:
            says = "took effect; the record says that it was not done"
            self._found.find(Cause.DONE_AFTER_ALL, says, act=act, request=done[0])
        return False

    def _once(self, act: Act, done: Sequence[Request], perhaps: Sequence[Request]) -> bool:
        """At most one effect, and by the agent itself: of whatever took effect, and of whatever may have."""
        effects, more = sum(one.times for one in done), sum(one.times for one in perhaps)
        if effects > 1:
            says = f"is one of {effects} writes with the id of one act"
            self._found.find(Cause.REPEATED_ID, says, act=act, request=done[-1])
        elif effects + more > 1:
            says = f"is one of {effects + more} writes with the id of one act that may have taken effect"
            self._found.find(Cause.PERHAPS_REPEATED, says, act=act, request=perhaps[-1])
        others = [one for one in [*done, *perhaps] if not self._sorting.is_agents(act, one)]
        for one in others:
            says = f"was not sent by the agent as it sends acts: its user agent is {said(one.event.agent)}"
            self._found.find(Cause.OTHER_CLIENT, says, act=act, request=one)
        return effects + more <= 1 and not others

    def _missing(self, act: Act) -> None:
        """There is no write of an act that is called done."""
        silent = self._silent(act)
        if silent is None:
            says = f"is called done, and the API server saw no {act.call or 'request with its id'} that took effect"
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
        at = bisect_right(self._begins, first) - 1
        if at >= 0 and last <= self._spans[at].last:
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
        acts = self._acts
        for stray in acts.repeated:
            self._stray(Cause.REPEATED_INTENT, stray, "is a second intent of one act")
        for stray in acts.ends_only:
            if acts.first_seq <= 1 or stray.action_id in acts.by_action:  # else it may stand in the part before
                self._stray(Cause.END_WITHOUT_INTENT, stray, "ends an act that has no intent before it")
        for stray in acts.contradicting:
            self._stray(Cause.CONTRADICTING_ENDS, stray, stray.says)
        for stray in acts.odd:
            self._stray(Cause.ODD_RECORD, stray, stray.says)

    def _stray(self, cause: Cause, stray: Stray, says: str) -> None:
        self._found.add(Mismatch(cause=cause, seq=stray.seq, id=stray.id, says=says))

    def _lines(self) -> None:
        """Lines that tell nothing, and those that are too many."""
        found, requests = self._found, self._requests
        for bad in requests.bad:
            found.add(Mismatch(cause=Cause(bad.flaw.value), at=bad.at, says=bad.says))
        for flaw, count in requests.bad_lines.items():
            found.counts[Cause(flaw.value)] = count
        if requests.beyond:
            says = f"{requests.beyond} more lines of writes of our account were not looked at; give the files in parts"
            found.find(Cause.TOO_MANY, says)

    def _another_log(self) -> None:
        """Acts on the one side, writes on the other, and nothing in common."""
        causes = self._found.counts.keys()
        if {Cause.WRITE_MISSING, Cause.UNRECORDED_WRITE} <= causes and not self._sorting.common:
            says = "no act has its write here, and no write its record: the log of another cluster or account"
            self._found.find(Cause.ANOTHER_LOG, says)

    def _verdict(self, matched: int) -> MatchVerdict:
        causes = self._found.counts.keys()
        if causes & CONTRADICTS:
            return MatchVerdict.UNMATCHED
        if causes or matched + len(self._not_covered) < len(self._acts.by_action):
            return MatchVerdict.PARTLY
        return MatchVerdict.MATCHED if matched and self._requests.of_account else MatchVerdict.NOTHING


def _seconds(time: timedelta) -> str:
    return f"{time.total_seconds():.1f} s"


def _order(finding: Mismatch) -> tuple[bool, str, int, int]:
    at = finding.at
    return (at is None, at.file if at else "", at.line if at else 0, finding.seq or 0)
