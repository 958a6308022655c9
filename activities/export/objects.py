"""A receiver that keeps objects: which object a batch becomes, and whether the one that lies there already is that batch.

Comes after `target.py`; `s3.py` and `gcs.py` are the stores behind it. A key follows from the records alone, and an object
is only ever made, never replaced. So an answer that was lost is found again: the second try to make the object is
refused, and the one that lies there is read and compared.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC
from importlib.resources import files
from typing import Protocol

from activities.export.same import Occupied, is_held
from activities.export.target import Batch, Shipped
from byteport.audit import bundle
from byteport.audit.heads import Chain

VERIFIER = "verify_byteport_log.py"
LINES = "application/x-ndjson"
LARGEST_OBJECT = 32 << 20
"""So much of an object that lies where we write is read to compare it; ours are smaller by far."""


@dataclass(frozen=True)
class Thing:
    """One object to be: its key, its bytes, and what they are."""

    key: str
    body: bytes
    content_type: str

    @property
    def sha256(self) -> bytes:
        return hashlib.sha256(self.body).digest()


class Objects(Protocol):
    """A store of objects, in which one that exists is never replaced."""

    async def make(self, thing: Thing) -> bool:
        """Make the object, and return once it is kept; False where one of that key is there already."""

    async def read(self, key: str) -> bytes:
        """The object that is there, up to `LARGEST_OBJECT`."""

    async def close(self) -> None:
        """Give connections back."""


class ObjectTarget:
    """The receiver over one store."""

    def __init__(self, name: str, objects: Objects, *, prefix: str) -> None:
        self.name = name
        self._objects = objects
        self._prefix = prefix
        self._verifier_kept = False

    async def ship(self, batch: Batch) -> Shipped:
        """Raises `Occupied` where somebody else has written, besides what every receiver raises."""
        if not self._verifier_kept:
            await self._keep(verifier_object(self._prefix, batch.chain))
            self._verifier_kept = True
        last = await self._keep_records(batch) if batch.lines else batch.last
        if batch.checkpoint is None or last < batch.last:
            return Shipped(last=last)
        await self._keep(checkpoint_object(self._prefix, batch.chain, batch.checkpoint))
        return Shipped(last=last, checkpoint=True)

    async def close(self) -> None:
        await self._objects.close()

    async def _keep_records(self, batch: Batch) -> int:
        thing = records_object(self._prefix, batch)
        if await self._objects.make(thing):
            return batch.last
        last = held(await self._objects.read(thing.key), batch)
        if last is None:
            raise Occupied(thing.key)
        return last

    async def _keep(self, thing: Thing) -> None:
        """What its key names by its content is either the same or not ours."""
        if not await self._objects.make(thing) and await self._objects.read(thing.key) != thing.body:
            raise Occupied(thing.key)


def records_object(prefix: str, batch: Batch) -> Thing:
    """The records of one hour, or of a part of it: named by chain, hour and first record, a line each."""
    if batch.hour is None or not batch.lines:
        raise ValueError("an object holds records of one hour")
    hour = batch.hour.astimezone(UTC)
    key = f"{_folder(prefix, batch.chain)}/date={hour:%Y-%m-%d}/hour={hour:%H}/{batch.first:012d}.ndjson"
    return Thing(key, b"".join(line + b"\n" for line in batch.lines), LINES)


def checkpoint_object(prefix: str, chain: Chain, note: str) -> Thing:
    """The line of a signed note, named by its size and digest: more signatures over the same tree are another object."""
    body = bundle.checkpoint_line(note)
    size = int(note.split("\n", 2)[1])
    name = f"{size:012d}-{hashlib.sha256(body).hexdigest()[:16]}.ndjson"
    return Thing(f"{_folder(prefix, chain)}/checkpoints/{name}", body, LINES)


def verifier_object(prefix: str, chain: Chain) -> Thing:
    """The program by which a stranger checks all this, named by its digest so that a later version lies beside it."""
    body = (files("byteport.audit") / "independent.py").read_bytes()
    folder = f"{_folder(prefix, chain)}/verify/{hashlib.sha256(body).hexdigest()[:16]}"
    return Thing(f"{folder}/{VERIFIER}", body, "text/x-python; charset=utf-8")


def held(there: bytes, batch: Batch) -> int | None:
    """The last record of `batch` that the object there holds; None where it is another's.

    The object may end before the batch does (a record came late for an hour that was shipped already) or after it. A
    record whose body was erased since is the same record, where the one that lies there is whole.
    """
    lines = there.split(b"\n")
    if lines.pop() != b"" or not lines:
        return None
    both = min(len(lines), len(batch.lines))
    if not all(map(is_held, lines[:both], batch.lines[:both])):
        return None
    return batch.first + both - 1


def _folder(prefix: str, chain: Chain) -> str:
    inside = f"tenant={chain.tenant}/cluster={chain.cluster_uid}"
    return f"{prefix}/{inside}" if prefix else inside
