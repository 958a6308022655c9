"""Where postmortems are filed: the act that files one, the run that does it, and what the settings say of both places.

Comes after `byteport/domain/postmortems.py` (the facts). Implemented by `activities/postmortem`, called by `workflows/postmortem.py`.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from byteport.contracts.acts import Act, Effect, Queue
from byteport.contracts.ledger import POSTMORTEM_URL, RecordDraft
from byteport.contracts.receiver_addresses import ReceiverUrl
from byteport.contracts.secret_names import SecretName
from byteport.domain.base import Frozen
from byteport.domain.postmortems import Postmortem

POSTMORTEM = "PostmortemWorkflow"

REPOSITORY = r"^[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}$"
LABEL = r"^[^\x00-\x1f\x7f,]{1,50}$"
MOST_LABELS = 10


class PostmortemTarget(StrEnum):
    """Where a postmortem goes."""

    FILE = "file"
    GITHUB = "github"


class GitHubConfig(Frozen):
    """The repository whose issues postmortems are."""

    repository: Annotated[str, Field(pattern=REPOSITORY)] | None = None
    """`owner/name`. Issues must be enabled there."""
    token: SecretName | None = None
    """Secret that holds a token which may read and write issues of that repository and nothing else: a fine-grained personal
    access token, or an installation's."""
    labels: Annotated[tuple[Annotated[str, Field(pattern=LABEL)], ...], Field(max_length=MOST_LABELS)] = ()
    """Labels that each issue gets. GitHub drops them where the token's owner may not label. Default: none."""
    api: ReceiverUrl = "https://api.github.com"
    """Where the REST API is; `https://HOST/api/v3` for GitHub Enterprise Server."""


class Filed(Frozen):
    """Where it lies."""

    url: Annotated[str, Field(pattern=POSTMORTEM_URL)]


FILE_POSTMORTEM = Act(
    "postmortem.file",
    Postmortem,
    Filed,
    queue=Queue.NOTIFY,
    effect=Effect.READ,
    deadline=timedelta(seconds=120),
    schedule_to_close=timedelta(minutes=30),
    summary="File the postmortem",
)


class WritePostmortem(Frozen):
    """Input of the run that files one postmortem and records where it lies. `record` lacks the address alone."""

    told: Postmortem
    record: RecordDraft


class PostmortemClosed(Frozen):
    """How that run ended."""

    url: str
