"""The first look at an object: the few fields that tell whether a second one is worth its time. It does not judge.

A cluster has a hundred thousand healthy pods, and decoding one whole costs twenty times as much as reading these fields.
What is *calm* is looked at no further; of anything else `whole()` gives the object for `symptoms.py` and
`node_symptoms.py`, which judge. Calm is decided on the safe side: a field of another form than the API's is not calm.
Made by `activities/kubernetes` of the bytes of pages and events, and by `port.py` of whole objects.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec

from byteport.errors import Unavailable
from byteport.kubernetes import fields
from byteport.kubernetes.glimpse_forms import SHAPES, UNKNOWN, Labelled, Named

JSON = dict[str, Any]


class Glimpse:
    """One object at first sight. Names and uid are as the server gave them."""

    __slots__ = ("_whole", "calm", "name", "namespace", "uid", "version")

    def __init__(self, meta: Labelled | Named, calm: bool, whole: Callable[[], JSON]) -> None:  # noqa: FBT001  thousands a second
        self.namespace = meta.namespace
        self.name = meta.name
        self.uid = meta.uid
        self.version = meta.resourceVersion
        self.calm = calm
        self._whole = whole

    def whole(self) -> JSON:
        """All of the object, decoded only now. Raises `Unavailable` when the server sent none."""
        try:
            return self._whole()
        except ValueError:
            raise Unavailable("the API server sent something that is no JSON object") from None


class Looks:
    """The first looks at one resource's objects."""

    def __init__(self, group: str, plural: str) -> None:
        shape = SHAPES.get((group, plural), UNKNOWN)
        form: Any = shape.form
        self._form, self._is_calm = form, shape.is_calm
        page = msgspec.defstruct("Page", [("metadata", _ListMeta), ("items", list[form] | None, None)], gc=False)
        event = msgspec.defstruct("Event", [("type", str), ("object", form)], gc=False)
        self._page: msgspec.json.Decoder[Any] = msgspec.json.Decoder(page)
        self._event: msgspec.json.Decoder[Any] = msgspec.json.Decoder(event)

    def page(self, body: bytes) -> tuple[list[Glimpse], str, str]:
        """A list's objects, its resourceVersion and its continue token. Raises `ValueError` for what is no list."""
        try:
            page = self._page.decode(body)
        except (msgspec.ValidationError, RecursionError):
            return self._odd_page(body)
        parts = _Parts(body)
        found = [Glimpse(item.metadata, self._is_calm(item), parts.nth(at)) for at, item in enumerate(page.items or ())]
        return found, page.metadata.resourceVersion, page.metadata.continue_ or ""

    def event(self, line: bytes) -> tuple[str, Glimpse]:
        """An event's type and object. Raises `ValueError` for what is no event of an object."""
        try:
            event = self._event.decode(line)
        except (msgspec.ValidationError, RecursionError):
            told = _object(line)
            return str(told.get("type")), self.of(told.get("object"))
        return event.type, Glimpse(event.object.metadata, self._is_calm(event.object), lambda: _object(line)["object"])

    def of(self, item: object) -> Glimpse:
        """The first look at an object that is decoded already."""
        if not isinstance(item, dict):
            raise ValueError("no JSON object")
        try:
            seen = msgspec.convert(item, self._form)
        except msgspec.ValidationError:
            return Glimpse(_meta(item), False, lambda: item)
        return Glimpse(seen.metadata, self._is_calm(seen), lambda: item)

    def _odd_page(self, body: bytes) -> tuple[list[Glimpse], str, str]:
        """A page with something in it of another form than the API's: each object is looked at by itself."""
        page = _object(body)
        items, about = page.get("items"), fields.mapping(page.get("metadata"))
        if items is not None and not isinstance(items, list):
            raise ValueError("no list")
        token = about.get("continue")
        found = [self.of(item) for item in items or () if isinstance(item, dict)]
        return found, fields.version(about.get("resourceVersion")), token if isinstance(token, str) else ""


@cache
def looks_at(group: str, plural: str) -> Looks:
    """The first looks at objects of this resource, made once for each."""
    return Looks(group, plural)


class _ListMeta(msgspec.Struct, gc=False):
    resourceVersion: str = ""  # noqa: N815
    continue_: str | None = msgspec.field(default=None, name="continue")


class _Items(msgspec.Struct, gc=False):
    items: list[msgspec.Raw]


_ITEMS = msgspec.json.Decoder(_Items)


class _Parts:
    """The objects of a page as they were sent, told apart only when the first of them is wanted whole."""

    __slots__ = ("_body", "_items")

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._items: list[msgspec.Raw] | None = None

    def nth(self, at: int) -> Callable[[], JSON]:
        return lambda: self._decoded(at)

    def _decoded(self, at: int) -> JSON:
        if self._items is None:
            self._items = _ITEMS.decode(self._body).items
        return _object(self._items[at])


def _object(text: bytes | msgspec.Raw) -> JSON:
    try:
        value = msgspec.json.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("no JSON object")
    return value


def _meta(item: JSON) -> Named:
    """Of an object whose fields are not all of the API's form."""
    meta = fields.metadata(item)
    texts = (meta.get(key) for key in ("namespace", "name", "uid", "resourceVersion"))
    return Named(*(text if isinstance(text, str) else "" for text in texts))
