"""The bodies of answers, field by field: what `writing` and `reading` return and the OpenAPI document describes.

Comes after `problems` (refusals) and `byteport/audit` (a record's fields, which are not written a second time here).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from byteport.api.problems import Held
from byteport.audit.records import Hash, Record
from byteport.domain.base import Frozen

Count = Annotated[int, Field(ge=0)]


class _Answer(Frozen):
    model_config = ConfigDict(use_attribute_docstrings=True)


class Taken(_Answer):
    """What became of a request that hands in. All of it is on disk."""

    new: Count
    """Records that were not here before."""
    duplicate: Count
    """Records that were here already, bit for bit."""
    checkpoints: Count
    """Checkpoints that were not here before."""
    head: Held
    """The last record of the chain that is kept here now."""


class Page(_Answer):
    """A part of the records that were asked for."""

    records: list[Record]
    next: str | None
    """What `cursor` takes for the next part; null at the end."""


class ChainHead(_Answer):
    """How far a chain is kept here."""

    tenant: str
    cluster_uid: str
    head: Held


class ChainList(_Answer):
    chains: list[ChainHead]


class KeptCheckpoint(_Answer):
    """A checkpoint that was handed in, and what it says."""

    size: Annotated[int, Field(ge=1)]
    root: Hash
    note: str
    """The signed note, as it came."""


class CheckpointList(_Answer):
    checkpoints: list[KeptCheckpoint]
    """By size."""


class Health(_Answer):
    """`ok`, or the parts that are missing."""

    status: Annotated[str, Field(pattern=r"^(ok|not_ready)$")]
    missing: list[str] = []
