"""The third verdict in words: what `matching` found. The codes are stable; scripts may test them."""

from __future__ import annotations

from enum import StrEnum

from byteport.audit.apiserver import Place
from byteport.domain.base import Frozen, Instant
from byteport.domain.redaction import sanitised

LONGEST_WORDS = 160


class MatchVerdict(StrEnum):
    MATCHED = "matched"
    """Within the time that the audit log speaks for, each act has its write, and each write its record."""
    PARTLY = "partly"
    """Nothing contradicts, but part of it cannot be told: lines that cannot be read, a gap, an act under way."""
    UNMATCHED = "unmatched"
    """The two logs contradict each other."""
    NOTHING = "nothing"
    """There was nothing to match: no act that the audit log speaks for, or not a word of our account in it."""


class Cause(StrEnum):
    """What is wrong, in one word."""

    UNRECORDED_WRITE = "unrecorded_write"
    """Our account changed something, or may have, and no record has its id."""
    AFTER_THE_RECORDS = "after_the_records"
    """The same, later than the last record."""
    REPEATED_ID = "repeated_id"
    """More than one write with the id of one act."""
    FOREIGN_USER = "foreign_user"
    """The id of an act on a request of somebody else."""
    OTHER_OBJECT = "other_object"
    """The id of an act on a write that is not its call: another verb, object, uid or command."""
    OTHER_CONTENT = "other_content"
    """The id of an act on its very call, with a body that is not what the record says."""
    OTHER_CLIENT = "other_client"
    """Our account, but not the agent: another user agent, or an impersonation."""
    BEFORE_INTENT = "before_intent"
    OUTSIDE_LEASE = "outside_lease"
    AFTER_END = "after_end"
    CLOCK_SKEW = "clock_skew"
    """Every write is off by about the same time."""
    WRITE_MISSING = "write_missing"
    """A record calls an act done, and the API server saw no such write, or refused it."""
    DONE_AFTER_ALL = "done_after_all"
    """A record says that an act was not done, and it was."""
    CONTRADICTING_ENDS = "contradicting_ends"
    """One record calls an act done, another not."""
    ODD_RECORD = "odd_record"
    """The words of a record are not those of its key: it is no act to whoever reads it, or to whoever matches it."""
    UNKNOWN_COMMAND = "unknown_command"
    """An intent's body is there, and its command is none that an act of ours has."""
    REPEATED_INTENT = "repeated_intent"
    END_WITHOUT_INTENT = "end_without_intent"
    NO_END = "no_end"
    """An intent that has been open for longer than any verification takes."""
    ANOTHER_LOG = "another_log"
    """The two have nothing in common."""
    OPEN = "open"
    """An act under way."""
    IN_A_GAP = "in_a_gap"
    """An act is called done in a time of which the audit log is silent."""
    COMMAND_SENT = "command_sent"
    """A command is called not done, and it was sent; whether it ended well the API server does not see."""
    PERHAPS_DONE = "perhaps_done"
    """An act is called not done, and its write failed inside the API server or was never answered."""
    PERHAPS_REPEATED = "perhaps_repeated"
    """More than one write with the id of one act may have taken effect; one at most is known to have."""
    TOO_MANY = "too_many"
    """There are more writes than can be looked at in one go."""
    BAD_JSON = "bad_json"
    TRUNCATED = "truncated"
    OTHER_FORMAT = "other_format"
    BEFORE_THE_LOG = "before_the_log"
    AFTER_THE_LOG = "after_the_log"


NOT_CONTRADICTING = frozenset(
    {
        *(Cause.OPEN, Cause.IN_A_GAP, Cause.BAD_JSON, Cause.TRUNCATED, Cause.OTHER_FORMAT),
        *(Cause.COMMAND_SENT, Cause.PERHAPS_DONE, Cause.PERHAPS_REPEATED, Cause.TOO_MANY),
    }
)
CONTRADICTS = frozenset(Cause) - NOT_CONTRADICTING


class Mismatch(Frozen):
    """One finding: which line of the audit log, or which record, or both."""

    cause: Cause
    seq: int | None = None
    id: str | None = None
    at: Place | None = None
    says: str


class Count(Frozen):
    """How many findings there are of one cause. Of very many only the first are told one by one."""

    cause: Cause
    count: int


class NotCovered(Frozen):
    """An act of a time for which the audit log does not speak."""

    seq: int
    id: str
    because: Cause


class Gap(Frozen):
    """The audit log has nothing, of anybody, between these."""

    after: Instant
    before: Instant


class Remark(StrEnum):
    """What is no finding, and should be known all the same."""

    REFUSED_ATTEMPT = "refused_attempt"
    """Our account tried what the agent never tries, and was refused. A stolen token would show here."""
    FOREIGN_ID = "foreign_id"
    """Somebody else sent the id of an act with what changed nothing: a read, or a request that was refused."""
    ODD_DRY_RUN = "odd_dry_run"
    """A dry run that is none of the agent's."""
    UNKNOWN_WAS_DONE = "unknown_was_done"
    """The record says that the outcome is unknown; the API server says that it took effect."""
    UNKNOWN_WAS_NOT_DONE = "unknown_was_not_done"
    BEFORE_THE_RECORDS = "before_the_records"
    """Writes from before the first record of a part of a log."""


class Notice(Frozen):
    """How often, and the first of them."""

    remark: Remark
    count: int
    at: Place | None = None
    seq: int | None = None
    first: str = ""


class Matching(Frozen):
    """The verdict of one chain against one API server's audit log."""

    verdict: MatchVerdict
    account: str
    since: Instant | None
    until: Instant | None
    """What the audit log speaks for: its first and its last moment."""
    gaps: tuple[Gap, ...]
    """The first of them."""
    gap_count: int
    silence_seconds: float
    """How long the audit log must have nothing for it to be a gap; by its own density."""
    lines: int
    lines_of_account: int
    acts: int
    """Intents in the records, of any time."""
    matched: int
    """Those with the one write that they say, or, where they say that nothing was done, with none."""
    uids_compared: int
    """Pairs in which both sides told the object's uid."""
    contents_compared: int
    """Pairs in which the audit log shows what was written, so that it was compared as well."""
    objects_unknown: int
    """Pairs whose object could not be compared: the record's payload has been destroyed."""
    not_covered: tuple[NotCovered, ...]
    findings: tuple[Mismatch, ...]
    counts: tuple[Count, ...]
    """Of all findings, those that are not told one by one too."""
    notices: tuple[Notice, ...]


def said(text: str) -> str:
    """Words of the audit log, which anybody may have chosen, as they may be shown."""
    return sanitised(text, limit=LONGEST_WORDS) or "nothing"
