"""What a check of the log may say: three verdicts, each with its faults. The codes are stable; scripts may test them.

Comes before `walk` (which finds what is not intact), `completeness` and `verify`.
"""

from __future__ import annotations

from enum import StrEnum

from byteport.audit.heads import Chain as Chain
from byteport.audit.heads import Head as Head
from byteport.audit.matched import Matching, MatchVerdict
from byteport.audit.records import Removed
from byteport.audit.removals import RemovalNotice
from byteport.domain.base import Frozen

MOST_FINDINGS = 1_000
"""How many a verdict lists; of a log that is all wrong the rest is only counted, by code."""


class Fault(StrEnum):
    """What is wrong, in one word."""

    EMPTY = "empty"
    """There is nothing to verify; that is never a valid log."""
    EDITED = "edited"
    """The record's own hash does not fit its header, or a line says something else than what was hashed."""
    PAYLOAD_MISMATCH = "payload_mismatch"
    """The payload or its salt is not what the header commits to."""
    PAYLOAD_MISSING = "payload_missing"
    """The payload is not there, and no later record says that it was pruned or erased."""
    BAD_JSON = "bad_json"
    """Hashes fit, but the bytes are not a record in canonical form."""
    UNKNOWN_FORMAT = "unknown_format"
    """A record of a format that this verifier does not know, an older one included."""
    MISSING = "missing"
    """Records that must have been there are not."""
    REORDERED = "reordered"
    """The record does not stand where it says that it was appended."""
    DUPLICATE = "duplicate"
    """There is another record of this number before it."""
    UNLINKED = "unlinked"
    """Not the record that the next one was appended to: replaced after the fact, its hash included."""
    EXTRA = "extra"
    """Records after the last one that the store says it appended."""
    BACKDATED = "backdated"
    """The record's time is before that of the record before it."""
    FALSE_REMOVAL = "false_removal"
    """A record of pruned bodies calls some of them erased, or the other way round."""
    FOREIGN_TENANT = "foreign_tenant"
    FOREIGN_CLUSTER = "foreign_cluster"

    # Lines of a file that are none of ours.
    TRUNCATED = "truncated"
    TOO_LONG = "too_long"
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    TOO_DEEP = "too_deep"
    DUPLICATE_KEY = "duplicate_key"
    NOT_A_NUMBER = "not_a_number"
    LONE_SURROGATE = "lone_surrogate"
    NOT_OURS = "not_ours"

    # Against what was signed.
    CUT_TAIL = "cut_tail"
    """A checkpoint is of a longer log: records at the end are gone."""
    ROOT_MISMATCH = "root_mismatch"
    """The records are not those that were signed."""
    FORK = "fork"
    """Two checkpoints, both signed, are of two logs."""
    UNKNOWN_KEY = "unknown_key"
    """A checkpoint that no given key of this log has signed."""
    BAD_SIGNATURE = "bad_signature"
    FOREIGN_ORIGIN = "foreign_origin"
    """A checkpoint of another log."""
    BAD_CHECKPOINT = "bad_checkpoint"
    """A checkpoint that cannot be read."""
    TOO_FEW_WITNESSES = "too_few_witnesses"


class Finding(Frozen):
    """One fault. `seq` is where the store has the record, 0 where it is none; `count` is more than one only for runs of
    records, from `seq` on."""

    fault: Fault
    seq: int
    id: str | None = None
    count: int = 1
    says: str
    file: str | None = None
    line: int | None = None
    """Where the record, or the line that is none, stands in a file."""


class Verdict(StrEnum):
    """Whether anything was edited."""

    INTACT = "intact"
    BROKEN = "broken"
    EMPTY = "empty"


class NotChecked(Frozen):
    """A verdict that is not given, and what it would need."""

    needs: str


COMPLETE = NotChecked(needs="the log's public key and a checkpoint, which were kept outside this store")
MATCHED = NotChecked(needs="the API server's own audit log (--against)")


class Coverage(StrEnum):
    """Whether anything is missing."""

    COMPLETE = "complete"
    """Every record that is there was signed, and every one that was signed is there."""
    PARTLY = "partly"
    """The same up to the newest checkpoint; it does not cover the records after it, so that nothing is shown of those."""
    INCOMPLETE = "incomplete"


class Completeness(Frozen):
    """What signed checkpoints say of a log."""

    verdict: Coverage
    checkpoints: int
    """Those that a given key of this log has signed."""
    covered: int
    """So many records the newest of them covers that has enough witnesses."""
    not_covered: int
    """So many came after it. Whether one of those is missing or made up nobody can tell."""
    young: bool = False
    """Those are so new that they need not have been signed yet."""
    as_of: str | None = None
    """The time of the last record that is covered, by its own word."""
    kept: int = 0
    """So many records the newest checkpoint covers that was given from elsewhere; 0 where all came out of what is checked.
    A log that was cut back to a checkpoint after these would look the same."""
    witnesses: tuple[str, ...]
    """Who cosigned it, of those that were given."""
    cosigned_at: int | None
    """When the last of them did (seconds since 1970)."""
    findings: tuple[Finding, ...]
    not_listed: int = 0
    codes: dict[Fault, int] = {}
    """How often each, those that are not listed included."""


class Report(Frozen):
    """What was found in one chain."""

    chain: Chain
    intact: Verdict
    complete: Completeness | NotChecked = COMPLETE
    matched: Matching | NotChecked = MATCHED
    records: int
    """How many were read."""
    removed: int = 0
    """So many bodies are not there, as a later record says that they were pruned or erased."""
    gone: tuple[Removed, ...] = ()
    """Which, and why by that record's word; at most as many ranges as findings are listed."""
    gone_not_listed: int = 0
    notices: tuple[RemovalNotice, ...] = ()
    """What breaks nothing and should be asked about."""
    repeated: int = 0
    """So many lines were there before, byte for byte, and were passed over as was asked for."""
    not_opened: int = 0
    """So many bodies are there and could not be opened, or are not there and the record that may say why could not be.
    Nothing is verified of them."""
    still_there: int = 0
    """So many bodies are there although a record says that they were destroyed. In an export that was made before, that is
    as it must be."""
    head: Head | None
    """The last one read, as its own bytes say; keep it elsewhere to notice a cut tail."""
    findings: tuple[Finding, ...]
    """What is not intact."""
    not_listed: int = 0
    """So many findings there are besides."""
    codes: dict[Fault, int] = {}
    """How often each, those that are not listed included."""

    @property
    def is_good_so_far(self) -> bool:
        """Intact to the last body, matched where that was checked, and complete but for records that nothing covers."""
        complete = isinstance(self.complete, NotChecked) or self.complete.verdict is not Coverage.INCOMPLETE
        matched = isinstance(self.matched, NotChecked) or self.matched.verdict is MatchVerdict.MATCHED
        return self.intact is Verdict.INTACT and not self.not_opened and complete and matched

    @property
    def is_good(self) -> bool:
        """Intact to the last body, and complete to the last record and matched where that was checked."""
        partly = isinstance(self.complete, Completeness) and self.complete.verdict is Coverage.PARTLY
        return self.is_good_so_far and not partly
