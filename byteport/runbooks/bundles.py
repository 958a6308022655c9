"""Saved objects as a `World`: a bundle of our own form, or what `kubectl get -o yaml` prints.

`byteport/cli/explain.py` turns files into documents, this module documents into a world, `explain.py` a world into an
answer. What is wrong with the *shape* of a document is said in one line that names it; what is odd *inside* an object
is not: half an object is still evidence, and the readings are made for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from byteport.errors import MalformedInput
from byteport.kubernetes import fields
from byteport.kubernetes.world import JSON, LogKey, World

MOST_OBJECTS = 200_000
_OUR_KEYS = ("objects", "alert", "log_tail")


class Bundle(NamedTuple):
    """One saved moment of a cluster."""

    name: str
    world: World
    cluster_uid: str
    alert: Mapping[str, Any] | None


def bundle_of(
    name: str,
    documents: Sequence[object],
    *,
    now: datetime,
    at: datetime | None = None,
    logs: Mapping[LogKey, str] | None = None,
) -> Bundle:
    """The documents of one file as one world. `now` is the real clock, `at` what a person said instead of it.

    A bundle of our own form brings its clock along. Raises `MalformedInput` naming the document and the field.
    """
    if not documents:
        raise MalformedInput(name, "there is no document in it")
    objects: list[JSON] = []
    tails: list[str] = []
    alert: Mapping[str, Any] | None = None
    clock: datetime | None = None
    for index, document in enumerate(documents):
        where = name if len(documents) == 1 else f"{name}: document {index + 1}"
        if not isinstance(document, Mapping):
            raise MalformedInput(where, "a mapping is wanted: a bundle, a Kubernetes object or a List")
        if "kind" not in document and any(key in document for key in _OUR_KEYS):
            objects += _objects(document.get("objects", []), f"{where}: objects")
            tails += _tail(document.get("log_tail", []), f"{where}: log_tail")
            alert = _alert(document.get("alert"), f"{where}: alert") or alert
            clock = _clock(document.get("now"), f"{where}: now") or clock
        elif _looks_like_alert(document):
            alert = document
        else:
            objects += _expanded(document, where)
    if len(objects) > MOST_OBJECTS:
        raise MalformedInput(name, f"more than {MOST_OBJECTS} objects")
    world = World(
        now=at or clock or now, objects=tuple(objects), logs=logs or {}, log_tail="\n".join(tails), complete=False
    )
    system = world.named("Namespace", "", "kube-system")
    return Bundle(name, world, fields.uid(fields.metadata(system).get("uid")) or "unknown", alert)


def _objects(value: object, where: str) -> Iterator[JSON]:
    if not isinstance(value, list):
        raise MalformedInput(where, "a list of Kubernetes objects is wanted")
    for index, item in enumerate(value):
        place = f"{where}[{index}]"
        if not isinstance(item, Mapping):
            raise MalformedInput(place, "a Kubernetes object is wanted")
        yield from _expanded(item, place)


def _expanded(item: Mapping[str, Any], where: str) -> Iterator[JSON]:
    """The object itself, or the items of a List; items without a kind take it from their list's."""
    kind = item.get("kind")
    if not isinstance(kind, str) or not kind:
        raise MalformedInput(f"{where}: kind", "the name of a kind is wanted, as `Pod`")
    if kind.endswith("List") and "items" in item:
        members = item["items"]
        if not isinstance(members, list):
            raise MalformedInput(f"{where}: items", "a list of Kubernetes objects is wanted")
        for index, member in enumerate(members):
            place = f"{where}: items[{index}]"
            if not isinstance(member, Mapping):
                raise MalformedInput(place, "a Kubernetes object is wanted")
            single = kind.removesuffix("List")
            yield from _expanded(member if "kind" in member or not single else {"kind": single, **member}, place)
        return
    if not isinstance(item.get("metadata"), Mapping):
        raise MalformedInput(f"{where}: metadata", f"a {kind} without metadata has no name")
    yield dict(item)


def _tail(value: object, where: str) -> list[str]:
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list) or not all(isinstance(line, str) for line in value):
        raise MalformedInput(where, "a list of lines is wanted")
    return list(value)


def _alert(value: object, where: str) -> Mapping[str, Any] | None:
    if value is not None and not isinstance(value, Mapping):
        raise MalformedInput(where, "the body that was posted is wanted, as a mapping")
    return value


def _clock(value: object, where: str) -> datetime | None:
    if value is None:
        return None
    read = fields.instant(value)
    if read is None:
        raise MalformedInput(where, "a time with its zone is wanted, as 2026-03-10T09:00:00Z")
    return read


def _looks_like_alert(document: Mapping[str, Any]) -> bool:
    return "kind" not in document and any(key in document for key in ("alerts", "Message", "detail-type", "schemaId"))
