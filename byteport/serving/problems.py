"""What a refused request is told: RFC 9457 problem documents with a code that stays, and what to do about it.

Comes before everything of this room that can refuse, and before each face, which may have codes of its own beside these.
Nothing of a database, of a library or of a traceback is ever in one, and of what was sent only the place at fault.
"""

from __future__ import annotations

from enum import Enum
from http import HTTPStatus
from typing import Annotated, Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

MEDIA_TYPE = "application/problem+json"


class AnyCode(Protocol):
    """A code of any face: stable across releases, with one sentence that is the same in every answer."""

    @property
    def word(self) -> str:
        """As it stands in `code` and in `type`."""

    @property
    def status(self) -> HTTPStatus: ...

    @property
    def title(self) -> str: ...


class CodeEnum(Enum):
    """Of which a face makes its own codes: `NAME = (status, title)`."""

    def __init__(self, status: int, title: str) -> None:
        self._status = HTTPStatus(status)
        self._title = title

    @property
    def status(self) -> HTTPStatus:
        return self._status

    @property
    def title(self) -> str:
        """One sentence, the same in every answer."""
        return self._title

    @property
    def word(self) -> str:
        """As it stands in `code` and in `type`."""
        return self.name.lower()


class Code(CodeEnum):
    """What every face may refuse."""

    MALFORMED_REQUEST = (400, "The request is not HTTP/1.1 as it can be read here.")
    BAD_ENCODING = (400, "The body is not what its Content-Encoding says.")
    CREDENTIAL_MISSING = (401, "A credential is needed.")
    CREDENTIAL_INVALID = (401, "The credential does not hold.")
    NOT_FOUND = (404, "There is nothing of that name for this identity.")
    METHOD_NOT_ALLOWED = (405, "The resource does not know this method.")
    TOO_SLOW = (408, "The body did not arrive in time.")
    BODY_TOO_LARGE = (413, "The body is larger than is taken.")
    MEDIA_TYPE_REFUSED = (415, "The body is of a kind that is not taken.")
    PARAMETER_REFUSED = (422, "A parameter is not what it has to be.")
    RATE_LIMITED = (429, "The caller's allowance is used up.")
    HEADERS_TOO_LARGE = (431, "The header is larger than is taken.")
    INTERNAL = (500, "A mistake of ours.")
    BUSY = (503, "More requests are being answered than is allowed at once.")
    KEYS_UNAVAILABLE = (503, "The issuer's keys cannot be had, so that no token can be checked.")


class ProblemDocument(BaseModel):
    """The body of every refusal."""

    model_config = ConfigDict(frozen=True, extra="forbid", title="Problem", use_attribute_docstrings=True)

    type: Annotated[str, Field(pattern=r"^urn:byteport:problem:[a-z_]+$")]
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str
    """What is wrong here, and what to do about it."""
    code: str
    """Stable across releases: what a program tests."""
    line: Annotated[int, Field(ge=1)] | None = None
    """Line of the body, from 1; in a JSON array the element."""
    field: str | None = None
    """The field or parameter at fault, as a dotted path."""
    retry_after: Annotated[int, Field(ge=1)] | None = None
    """Seconds; the header `Retry-After` says the same."""


class Problem(Exception):
    """A request that is refused. Raised anywhere in a face, told once, in `answering`."""

    def __init__(
        self,
        code: AnyCode,
        detail: str,
        *,
        line: int | None = None,
        field: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(f"{code.word}: {detail}")
        self.code = code
        self.detail = detail
        self.line = line
        self.field = field
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
            retry_after=self.retry_after,
        ).model_dump(mode="json", exclude_none=True)

    def headers(self) -> dict[str, str]:
        """What the status demands beside the body."""
        found: dict[str, str] = {}
        if self.retry_after is not None:
            found["Retry-After"] = str(self.retry_after)
        if self.code.status is HTTPStatus.UNAUTHORIZED:
            found["WWW-Authenticate"] = 'Bearer realm="byteport"'
        return found
