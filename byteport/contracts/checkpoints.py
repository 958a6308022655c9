"""The acts on checkpoints of the log: sign one, have a witness cosign it, keep what witnesses said.

A refusal is an answer, not an error: a log that is shorter than what was signed stays so however often one asks. Comes
before `workflows/checkpoint.py` (when) and `activities/signer/signing.py` and `cosigning.py` (how).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from byteport.contracts.acts import Act, Effect, Queue
from byteport.contracts.workflows import Installation
from byteport.domain.base import Frozen, Instant

CHECKPOINT = "CheckpointWorkflow"
FOLLOW = "follow"
ALARM = "log-checkpoint"
"""Name of the ledger's alarm that stands for a refusal."""
SLOWEST_SECONDS = 3600
"""No pace is slower, whoever sets it: what happens between two looks is not noticed."""
LONGEST_NOTE = 16_384
"""Of a signed note: a checkpoint of ours with some dozens of signatures."""
MOST_NODES = 63
"""Of a frontier: one for each bit of a size."""


class Refused(StrEnum):
    """Why a log is not signed."""

    SHRANK = "shrank"
    """It has fewer records than were signed: its end was cut off, or an old backup of it was restored."""
    FORKED = "forked"
    """It is another log than the one that was signed: its records do not follow from the last one that was."""
    REKEYED = "rekeyed"
    """It was signed by another key, and that key has not signed its successor."""
    UNREADABLE = "unreadable"
    """What the store holds after the last signed record is no sequence of records."""
    LOST = "lost"
    """What was signed last is not known any more, but there are checkpoints."""


WHAT_TO_RUN: Mapping[Refused, str] = {
    Refused.SHRANK: "byteport verify-log --all, on the newest copy of the database that there is, and put that one back: it is "
    "signed again at the next look",
    Refused.FORKED: "byteport verify-log --all names records that do not fit each other; put the newest database back that "
    "holds what was signed",
    Refused.REKEYED: "byteport log-key shows the key that is set; put the one back that signed before, or name it in "
    "audit.signer.retiring_key",
    Refused.UNREADABLE: "byteport verify-log --all names every record at fault",
    Refused.LOST: "byteport signer adopt, with --checkpoint for each one that was carried away, if the memory cannot be restored",
}
"""By the person who hears of a refusal."""


class Size(Frozen):
    """How far a log is known: so many records, and the nodes (hex) from which its tree goes on, the largest first."""

    size: Annotated[int, Field(ge=0)]
    nodes: Annotated[tuple[Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")], ...], Field(max_length=MOST_NODES)]


NOTHING = Size(size=0, nodes=())


class SignCheckpoint(Frozen):
    """Sign the log of the cluster as it is now, if it has grown."""

    cluster_uid: str


class Signed(Frozen):
    """What is signed of the log."""

    kind: Literal["signed"] = "signed"
    upto: Size
    note: str
    """The signed note; empty while there is no record to sign."""
    grew: bool
    more: bool
    """Whether there are further records, to be signed by a further call."""


class Refusal(Frozen):
    """Nothing was signed, and nothing will be until a person has looked."""

    kind: Literal["refused"] = "refused"
    because: Refused
    signed_size: int
    found_size: int
    says: str
    """What was found, on one line."""


class Answered(Frozen):
    answer: Annotated[Signed | Refusal, Field(discriminator="kind")]


SIGN_CHECKPOINT = Act(
    "audit.sign_checkpoint",
    SignCheckpoint,
    Answered,
    queue=Queue.SIGNER,
    effect=Effect.READ,
    deadline=timedelta(minutes=2),
    schedule_to_close=timedelta(minutes=10),
    summary="Sign a checkpoint of the log",
)


class Cosign(Frozen):
    """Ask one witness, by its name in the settings, for its signature under a checkpoint."""

    cluster_uid: str
    witness: str
    upto: Size
    note: Annotated[str, Field(max_length=LONGEST_NOTE)]
    since: Size = NOTHING
    """What that witness cosigned last, as far as the caller knows; it says so itself when it was something else."""


class Cosigned(Frozen):
    kind: Literal["cosigned"] = "cosigned"
    lines: str
    """The witness's signature lines, each verified with its key."""


class Objection(Frozen):
    """The witness knows another log by this name. It is the witness's word alone, and a person's to judge."""

    kind: Literal["refused"] = "refused"
    because: Refused
    witnessed_size: int
    says: str


class WitnessAnswered(Frozen):
    answer: Annotated[Cosigned | Objection, Field(discriminator="kind")]


COSIGN = Act(
    "audit.cosign",
    Cosign,
    WitnessAnswered,
    queue=Queue.EXPORT,
    effect=Effect.READ,
    deadline=timedelta(seconds=25),
    schedule_to_close=timedelta(seconds=40),
    summary="Ask a witness for its signature",
)


class KeepCosignatures(Frozen):
    """Add a witness's signature lines to the checkpoint that the store holds."""

    cluster_uid: str
    note: Annotated[str, Field(max_length=LONGEST_NOTE)]
    lines: Annotated[str, Field(max_length=LONGEST_NOTE)]


class Kept(Frozen):
    signatures: int
    """How many signatures the stored checkpoint has now."""


KEEP_COSIGNATURES = Act(
    "audit.keep_cosignatures",
    KeepCosignatures,
    Kept,
    queue=Queue.SIGNER,
    effect=Effect.READ,
    deadline=timedelta(seconds=10),
    schedule_to_close=timedelta(seconds=20),
    summary="Keep a witness's signature",
)


class Following(Frozen):
    """How often, and who is asked besides: told by every start of a worker, so that a change of settings arrives."""

    every_seconds: Annotated[int, Field(ge=1, le=SLOWEST_SECONDS)]
    witnesses: tuple[str, ...] = ()


class Witnessed(Frozen):
    """What a witness is known to have cosigned."""

    witness: str
    upto: Size


class Standing(Frozen):
    """An objection to the log as it is: the signer's or a witness's, until the same one signs."""

    by: str
    """`byteport signer`, or `witness NAME`."""
    because: Refused
    says: str


class Told(Frozen):
    """A page, and when it was sent last."""

    key: str
    at: Instant


class Behind(Frozen):
    """A witness that has not signed what it was asked for, and since when."""

    witness: str
    since: Instant


class FollowLog(Frozen):
    """Input of the run that signs the log of one cluster, without end; the rest is what continue-as-new carries."""

    installation: Installation
    following: Following
    witnessed: tuple[Witnessed, ...] = ()
    standing: tuple[Standing, ...] = ()
    told: tuple[Told, ...] = ()
    alarmed: bool = False
    """Whether the alarm was raised since the log was last signed without an objection."""
    behind: tuple[Behind, ...] = ()
    notices: int = 0
    unsigned_since: Instant | None = None
    """Since when the signer has not answered."""
