"""Which receivers of the log there are, and what the settings say of those that keep objects.

The words of `audit.export.target`, of cursors and of the runs that ship. Composed into the settings by
`byteport/settings/audit.py`; `activities/export` holds one file for each kind.
"""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from byteport.contracts.receiver_addresses import ReceiverUrl
from byteport.domain.base import Frozen

BUCKET = "byteport-audit-{cluster_uid}"
"""The bucket where none is named: `helm upgrade --set audit.export.target=s3` is then all that the agent needs."""


class TargetKind(StrEnum):
    """One kind of receiver; there is at most one of each."""

    S3 = "s3"
    GCS = "gcs"
    SYSLOG = "syslog"
    SPLUNK = "splunk"
    WEBHOOK = "webhook"
    FILE = "file"
    API = "api"

    @property
    def hourly(self) -> bool:
        """Whether it takes whole hours, as objects, rather than each record as soon as there is one."""
        return self in (TargetKind.S3, TargetKind.GCS)


def cursor_name(kind: TargetKind, *destination: str | None) -> str:
    """Under which name the ledger keeps how far a receiver is: its kind, and a digest of where it lies.

    Another bucket, server or folder is another receiver, which holds nothing yet. The digest alone stands in the log: a URL may
    hold what only its owner should know.
    """
    told = json.dumps([kind.value, *destination], ensure_ascii=True)
    return f"{kind.value}@{hashlib.sha256(told.encode('ascii')).hexdigest()[:12]}"


PREFIX = "^(?:[A-Za-z0-9!_.*'()=-]+(?:/[A-Za-z0-9!_.*'()=-]+)*)?$"
Prefix = Annotated[str, Field(pattern=PREFIX, max_length=200)]
"""What every key begins with: only characters that no store and no tool quotes, without a slash at either end."""


class S3Config(Frozen):
    """The bucket in Amazon S3, or in a store that speaks S3 and can refuse to replace an object."""

    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")] | None = None
    """Bucket; it must be there already. Default: `byteport-audit-` and the cluster's uid."""
    region: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")] | None = None
    """Region of the bucket. Default: `AWS_REGION`, which EKS sets in every pod with an identity of its own."""
    prefix: Prefix = "byteport"
    """What every key begins with, without slashes around it; empty for none."""
    kms_key: Annotated[str, Field(pattern=r"^[A-Za-z0-9:/_-]{1,300}$")] | None = None
    """Key of AWS KMS (id, ARN or `alias/…`) that objects are encrypted with. Default: as the bucket says."""
    owner: Annotated[str, Field(pattern=r"^[0-9]{12}$")] | None = None
    """AWS account to which the bucket must belong. Default: our own where the bucket's name is the default one, which
    anybody could have taken; else not asked."""
    endpoint: ReceiverUrl | None = None
    """Where S3 is. Default: Amazon's own address of the region."""


class GcsConfig(Frozen):
    """The bucket in Google Cloud Storage."""

    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$")] | None = None
    """Bucket; it must be there already. Default: `byteport-audit-` and the cluster's uid."""
    prefix: Prefix = "byteport"
    """What every object's name begins with, without slashes around it; empty for none."""
    kms_key: Annotated[str, Field(pattern=r"^projects/[A-Za-z0-9:._/-]{1,300}$")] | None = None
    """Key of Cloud KMS (`projects/…/cryptoKeys/…`) that objects are encrypted with. Default: as the bucket says."""
    project_number: Annotated[str, Field(pattern=r"^[0-9]{1,20}$")] | None = None
    """Number of the project to which the bucket must belong. Default: our own where the bucket's name is the default
    one, which anybody could have taken; else not asked."""
    endpoint: ReceiverUrl = "https://storage.googleapis.com"
    """Where the JSON API is. Default: Google's own address."""
