"""The codes that only the ledger's face refuses by, and what it tells beside them: the head that is kept.

Comes after `byteport/serving/problems` (the codes and the form of every face).
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from byteport.serving import problems
from byteport.serving.problems import Code, CodeEnum, Problem


class LedgerCode(CodeEnum):
    """Beside those of every face."""

    CREDENTIALS_DISAGREE = (401, "Token and certificate belong to different identities.")
    NOT_ENROLLED = (403, "The credential holds, but nobody enrolled it.")
    ROLE_REFUSED = (403, "The identity's role does not allow this.")
    FORK = (409, "What was sent contradicts what is kept here.")
    GAP = (409, "What was sent does not follow on what is kept here.")
    CHECKPOINT_FORK = (409, "The checkpoint is of another history than the one that is kept here.")
    CHECKPOINT_AHEAD = (409, "The checkpoint covers records that are not kept here yet.")
    LINE_TOO_LARGE = (413, "A line is larger than is taken.")
    TOO_MANY_LINES = (413, "There are more lines than are taken in one request.")
    LINE_REFUSED = (422, "A line is not a record or checkpoint of the published form.")
    FOREIGN_CHAIN = (422, "A line belongs to another chain than the credential.")
    CHECKPOINT_REFUSED = (422, "The checkpoint is not signed by the key that was enrolled.")
    STORE_UNAVAILABLE = (503, "The log's store does not answer.")
    ENROLMENT_UNREADABLE = (503, "The list of who may come in cannot be read.")


class Held(BaseModel):
    """The last record of a chain that is kept here: from where an agent goes on, or what it contradicts."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    seq: Annotated[int, Field(ge=0)]
    """0 where nothing is kept yet."""
    hash: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]


class ProblemDocument(problems.ProblemDocument):
    """The body of every refusal."""

    code: Annotated[str, Field(json_schema_extra={"enum": sorted(code.word for code in (*Code, *LedgerCode))})]
    """Stable across releases: what a program tests."""
    head: Held | None = None
    """What is kept here of the chain in question."""


class Contradiction(Problem):
    """What was sent does not go on from what is kept; says what is."""

    def __init__(
        self, code: LedgerCode, detail: str, *, head: Held, line: int | None = None, field: str | None = None
    ) -> None:
        super().__init__(code, detail, line=line, field=field)
        self.head = head

    def document(self) -> dict[str, Any]:
        """With the head."""
        return super().document() | {"head": self.head.model_dump(mode="json")}
