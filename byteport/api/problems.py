"""What a refused request is told: RFC 9457 problem documents with a code that stays, and what to do about it.

Comes before everything of this room that can refuse. Nothing of a database, of a library or of a traceback is ever in
one, and of what was sent only its line number and the name of the field.
"""

from __future__ import annotations

from enum import Enum
from http import HTTPStatus
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

MEDIA_TYPE = "application/problem+json"


class Code(Enum):
    """Stable across releases. Its status, and one sentence that is the same in every answer."""

    MALFORMED_REQUEST = (400, "The request is not HTTP/1.1 as it can be read here.")
    BAD_ENCODING = (400, "The body is not what its Content-Encoding says.")
    CREDENTIAL_MISSING = (401, "A workload token or a client certificate is needed.")
    CREDENTIAL_INVALID = (401, "The credential does not hold.")
    CREDENTIALS_DISAGREE = (401, "Token and certificate belong to different identities.")
    NOT_ENROLLED = (403, "The credential holds, but nobody enrolled it.")
    ROLE_REFUSED = (403, "The identity's role does not allow this.")
    NOT_FOUND = (404, "There is nothing of that name for this identity.")
    METHOD_NOT_ALLOWED = (405, "The resource does not know this method.")
    TOO_SLOW = (408, "The body did not arrive in time.")
    FORK = (409, "What was sent contradicts what is kept here.")
    GAP = (409, "What was sent does not follow on what is kept here.")
    CHECKPOINT_FORK = (409, "The checkpoint is of another history than the one that is kept here.")
    CHECKPOINT_AHEAD = (409, "The checkpoint covers records that are not kept here yet.")
    BODY_TOO_LARGE = (413, "The body is larger than is taken.")
    LINE_TOO_LARGE = (413, "A line is larger than is taken.")
    TOO_MANY_LINES = (413, "There are more lines than are taken in one request.")
    MEDIA_TYPE_REFUSED = (415, "The body is of a kind that is not taken.")
    LINE_REFUSED = (422, "A line is not a record or checkpoint of the published form.")
    FOREIGN_CHAIN = (422, "A line belongs to another chain than the credential.")
    CHECKPOINT_REFUSED = (422, "The checkpoint is not signed by the key that was enrolled.")
    PARAMETER_REFUSED = (422, "A parameter is not what it has to be.")
    RATE_LIMITED = (429, "The tenant's allowance is used up.")
    HEADERS_TOO_LARGE = (431, "The header is larger than is taken.")
    INTERNAL = (500, "A mistake of ours.")
    BUSY = (503, "More requests are being answered than is allowed at once.")
    KEYS_UNAVAILABLE = (503, "The issuer's keys cannot be had, so that no token can be checked.")
    STORE_UNAVAILABLE = (503, "The log's store does not answer.")
    ENROLMENT_UNREADABLE = (503, "The list of who may come in cannot be read.")

    def __init__(self, status: int, title: str) -> None:
        self.status = HTTPStatus(status)
        self.title = title

    @property
    def word(self) -> str:
        """As it stands in `code` and in `type`."""
        return self.name.lower()


class Held(BaseModel):
    """The last record of a chain that is kept here: from where an agent goes on, or what it contradicts."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    seq: Annotated[int, Field(ge=0)]
    """0 where nothing is kept yet."""
    hash: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]


class ProblemDocument(BaseModel):
    """The body of every refusal."""

    model_config = ConfigDict(frozen=True, extra="forbid", title="Problem", use_attribute_docstrings=True)

    type: Annotated[str, Field(pattern=r"^urn:byteport:problem:[a-z_]+$")]
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str
    """What is wrong here, and what to do about it."""
    code: Annotated[str, Field(json_schema_extra={"enum": [code.word for code in Code]})]
    """Stable across releases: what a program tests."""
    line: Annotated[int, Field(ge=1)] | None = None
    """Line of the body, from 1; in a JSON array the element."""
    field: str | None = None
    """The field or parameter at fault, as a dotted path."""
    head: Held | None = None
    """What is kept here of the chain in question."""
    retry_after: Annotated[int, Field(ge=1)] | None = None
    """Seconds; the header `Retry-After` says the same."""


class Problem(Exception):
    """A request that is refused. Raised anywhere in this room, told once, in `app`."""

    def __init__(
        self,
        code: Code,
        detail: str,
        *,
        line: int | None = None,
        field: str | None = None,
        head: Held | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(f"{code.word}: {detail}")
        self.code = code
        self.detail = detail
        self.line = line
        self.field = field
        self.head = head
        self.retry_after = retry_after

    def document(self) -> dict[str, Any]:
        """What is sent; members that say nothing are left out."""
        return ProblemDocument(
            type=f"urn:byteport:problem:{self.code.word}",
            title=self.code.title,
            status=self.code.status.value,
            detail=self.detail,
            code=self.code.word,
            line=self.line,
            field=self.field,
            head=self.head,
            retry_after=self.retry_after,
        ).model_dump(mode="json", exclude_none=True)

    def headers(self) -> dict[str, str]:
        """What the status demands beside the body."""
        found: dict[str, str] = {}
        if self.retry_after is not None:
            found["Retry-After"] = str(self.retry_after)
        if self.code.status is HTTPStatus.UNAUTHORIZED:
            found["WWW-Authenticate"] = 'Bearer realm="byteport-ledger"'
        return found
