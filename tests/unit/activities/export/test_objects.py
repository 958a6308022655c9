"""Which object a batch becomes, and when the one that lies there already is that batch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from activities.export.objects import ObjectTarget, Thing, checkpoint_object, held, records_object
from activities.export.same import Occupied
from activities.export.target import Batch, Shipped
from byteport.audit import bundle
from byteport.audit.records import Entry
from byteport.audit.verify import Chain
from byteport.audit.words import Removal
from tests.builders.exported import entries

CHAIN = Chain(tenant="acme", cluster_uid="0f3c")
HOUR = datetime(2026, 3, 10, 9, tzinfo=UTC)
NOTE = "byteport.io/log/acme/0f3c\n9\nroot\n\n— signature\n"


MADE, OTHERS = entries(12), entries(12, texts={"note": "another log"})


def line(seq: int, made: Sequence[Entry] = MADE) -> bytes:
    return bundle.line_of(made[seq - 1]).removesuffix(b"\n")


def erased(seq: int) -> bytes:
    gone = MADE[seq - 1]._replace(payload=None, salt=None)
    return bundle.line_of(gone, Removal.ERASED).removesuffix(b"\n")


def forged(seq: int, **changes: Any) -> bytes:
    plain = json.loads(line(seq))
    sealed = {**plain["sealed"], **changes.pop("sealed", {})}
    return json.dumps({**plain, **changes, "sealed": sealed}).encode()


def batch(first: int, last: int, *, checkpoint: str | None = None, hour: datetime | None = HOUR) -> Batch:
    return Batch(CHAIN, first, last, tuple(line(seq) for seq in range(first, last + 1)), checkpoint, hour)


def there(*lines: bytes) -> bytes:
    return b"".join(one + b"\n" for one in lines)


class Folder:
    """A store in memory, in which nothing is replaced."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.made: list[str] = []

    async def make(self, thing: Thing) -> bool:
        if thing.key in self.kept:
            return False
        self.kept[thing.key] = thing.body
        self.made.append(thing.key.rsplit("/", 1)[1])
        return True

    async def read(self, key: str) -> bytes:
        return self.kept[key]

    async def close(self) -> None:
        self.kept.clear()


def test_an_object_is_named_by_chain_hour_and_first_record() -> None:
    thing = records_object("byteport", batch(7, 9))
    assert thing.key == "byteport/tenant=acme/cluster=0f3c/date=2026-03-10/hour=09/000000000007.ndjson"
    assert thing.body == there(line(7), line(8), line(9))


def test_the_hour_is_that_of_utc_and_a_prefix_may_be_none() -> None:
    elsewhere = HOUR.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert records_object("", batch(7, 9, hour=elsewhere)).key == records_object("x", batch(7, 9)).key[2:]


def test_a_batch_without_an_hour_becomes_no_object() -> None:
    with pytest.raises(ValueError, match="one hour"):
        records_object("", batch(7, 9, hour=None))


def test_another_signature_over_the_same_tree_is_another_object() -> None:
    one, two = checkpoint_object("p", CHAIN, NOTE), checkpoint_object("p", CHAIN, NOTE + "— witness\n")
    assert one.key.startswith("p/tenant=acme/cluster=0f3c/checkpoints/000000000009-")
    assert one.key != two.key


@pytest.mark.parametrize(
    ("object_there", "last"),
    [
        (there(line(7), line(8), line(9)), 9),
        (there(line(7), line(8)), 8),
        (there(line(7), line(8), line(9), line(10)), 9),
        (there(line(7), forged(8), line(9)), 9),
        (there(line(8), line(9)), None),
        (there(line(7), line(8, OTHERS), line(9)), None),
        (there(line(7), erased(8), line(9)), None),
        (there(line(7), forged(8, command="harmless", decision="skipped"), line(9)), None),
        (there(line(7), forged(8, hash="sha256:" + "0" * 64), line(9)), None),
        (there(line(7), forged(8, sealed={"payload": "{}"}), line(9)), None),
        (there(line(7), forged(8, sealed={"payload": None, "salt": None}), line(9)), None),
        (there(line(7), forged(8, removed="pruned"), line(9)), None),
        (there(line(7), line(8))[:-1], None),
        (b"", None),
        (b"\n", None),
        (b"not ours\n", None),
        (there(line(7), b"[]"), None),
        (there(line(7), b'{"sealed": {"header": 8}}'), None),
        (b"[" * 100_000 + b"\n", None),
    ],
    ids=[
        *("the same", "a record came late", "a shorter batch", "written otherwise", "begins elsewhere"),
        *("another record", "a body that ours has", "false fields", "a false hash", "another body", "no body"),
        *("a removal that was none", "cut", "empty", "an empty line", "no JSON", "no object", "no header", "deep"),
    ],
)
def test_what_lies_there_is_compared_record_by_record(object_there: bytes, last: int | None) -> None:
    assert held(object_there, batch(7, 9)) == last


@pytest.mark.parametrize(
    ("object_there", "last"),
    [(line(8), 9), (forged(8, sealed={"payload": "{}"}), None), (forged(8, command="harmless"), None), (erased(8), 9)],
    ids=["whole", "another body", "false fields", "the same"],
)
def test_of_a_record_whose_body_is_gone_the_whole_one_may_lie_there(object_there: bytes, last: int | None) -> None:
    ours = Batch(CHAIN, 7, 9, (line(7), erased(8), line(9)), None, HOUR)
    assert held(there(line(7), object_there, line(9)), ours) == last


def test_a_body_that_is_gone_without_a_word_is_not_taken_for_one_that_was_removed() -> None:
    gone = bundle.line_of(MADE[7]._replace(payload=None, salt=None)).removesuffix(b"\n")
    assert held(there(line(8)), Batch(CHAIN, 8, 8, (gone,), None, HOUR)) is None


async def test_the_checker_comes_first_and_once_then_the_records_then_the_checkpoint() -> None:
    folder = Folder()
    target = ObjectTarget("s3", folder, prefix="p")
    assert await target.ship(batch(7, 9, checkpoint=NOTE)) == Shipped(last=9, checkpoint=True)
    assert await target.ship(batch(10, 11)) == Shipped(last=11)
    assert await target.ship(Batch(CHAIN, 12, 11, (), NOTE + "— witness\n")) == Shipped(last=11, checkpoint=True)
    made = ["checkpoint" if "-" in name else name for name in folder.made]
    assert made == [
        *("verify_byteport_log.py", "000000000007.ndjson", "checkpoint", "000000000010.ndjson", "checkpoint")
    ]


async def test_fault_23_the_same_batch_again_makes_no_second_object() -> None:
    folder = Folder()
    for _ in range(2):  # by two processes
        assert await ObjectTarget("s3", folder, prefix="p").ship(batch(7, 9, checkpoint=NOTE)) == Shipped(9, True)
    assert len(folder.made) == 3


async def test_a_record_that_comes_late_for_a_shipped_hour_begins_a_new_object() -> None:
    folder = Folder()
    target = ObjectTarget("s3", folder, prefix="p")
    await target.ship(batch(7, 9))  # whose answer was lost
    assert await target.ship(batch(7, 10, checkpoint=NOTE)) == Shipped(last=9)
    assert await target.ship(batch(10, 10)) == Shipped(last=10)
    assert folder.kept[records_object("p", batch(10, 10)).key] == there(line(10))


@pytest.mark.parametrize("kind", ["records", "checkpoint", "checker"])
@pytest.mark.claim("C-155")
async def test_something_that_we_have_not_written_is_named_and_never_replaced(kind: str) -> None:
    folder = Folder()
    await ObjectTarget("s3", folder, prefix="p").ship(batch(7, 9, checkpoint=NOTE))
    part = {"records": "/hour=", "checkpoint": "/checkpoints/", "checker": ".py"}[kind]
    (key,) = [key for key in folder.kept if part in key]
    folder.kept[key] = b"somebody else's\n"
    with pytest.raises(Occupied) as refused:
        await ObjectTarget("s3", folder, prefix="p").ship(batch(7, 9, checkpoint=NOTE))
    assert refused.value.key == key
    assert folder.kept[key] == b"somebody else's\n"
