"""The fields of a record cut out of its canonical bytes, each as the bytes that it is: not one of them is read and written again.

So a line of an export says what was hashed, to the last digit. Comes before `bundle`.
"""

from __future__ import annotations

import json
import re
from operator import attrgetter, itemgetter
from typing import Any

import msgspec

from byteport.audit.records import Header, Payload, Record

IN_HEADER = tuple(name for name in Header.model_fields if name in Record.model_fields)
IN_PAYLOAD = tuple(name for name in Payload.model_fields if name in Record.model_fields)
_NULL = msgspec.Raw(b"null")
_EMPTY = msgspec.Raw(b"[]")
_STRING = json.JSONEncoder(ensure_ascii=False).encode
_SEQ = re.compile(rb"[1-9][0-9]{0,15}")


def _cutter(name: str, fields: tuple[str, ...]) -> msgspec.json.Decoder[Any]:
    """A field that a payload does not have was not known when it was written; then it is what it is by default."""
    absent = {field: _EMPTY if field == "answers" else _NULL for field in fields}
    return msgspec.json.Decoder(msgspec.defstruct(name, [(field, msgspec.Raw, absent[field]) for field in fields]))


_HEADER, _PAYLOAD = _cutter("_Header", IN_HEADER), _cutter("_Payload", IN_PAYLOAD)
_TAKE_HEADER, _TAKE_PAYLOAD = attrgetter(*IN_HEADER), attrgetter(*IN_PAYLOAD)
_NO_HEADER, _NO_PAYLOAD = (_NULL,) * len(IN_HEADER), (_NULL,) * len(IN_PAYLOAD)

_GIVEN = (*IN_HEADER, *IN_PAYLOAD, "hash", "sealed", "removed")
_LINE = sorted(_GIVEN)
_LINE_WITHOUT = [name for name in _LINE if name != "removed"]
_ORDER, _ORDER_WITHOUT = ([_GIVEN.index(name) for name in names] for names in (_LINE, _LINE_WITHOUT))
_IN_ORDER, _IN_ORDER_WITHOUT = itemgetter(*_ORDER), itemgetter(*_ORDER_WITHOUT)
_TEMPLATE, _TEMPLATE_WITHOUT = (
    ("{" + ",".join(f'"{name}":%b' for name in names) + "}\n").encode() for names in (_LINE, _LINE_WITHOUT)
)


def line_with(header: bytes, payload: bytes | None, salt: bytes | None, record_hash: str, removed: str | None) -> bytes:
    """The line of a record in an export, keys in the order of RFC 8785. What cannot be read is null in it."""
    sealed = b'{"header":%b,"payload":%b,"salt":%b}' % (
        text_of(header.decode("utf-8", "replace")),
        b"null" if payload is None else text_of(payload.decode("utf-8", "replace")),
        b"null" if salt is None else text_of(salt.hex()),
    )
    head = _fields(header, _HEADER, _TAKE_HEADER, _NO_HEADER)
    body = _NO_PAYLOAD if payload is None else _fields(payload, _PAYLOAD, _TAKE_PAYLOAD, _NO_PAYLOAD)
    given = (*head, *body, text_of(record_hash), sealed)
    line: bytes
    if removed is None:
        line = _TEMPLATE_WITHOUT % _IN_ORDER_WITHOUT(given)
    else:
        line = _TEMPLATE % _IN_ORDER((*given, text_of(removed)))
    return line


def seq_of(header: bytes) -> int:
    """Which record a header says that it is; 0 where it does not say."""
    found = bytes(_fields(header, _HEADER, _TAKE_HEADER, _NO_HEADER)[IN_HEADER.index("seq")])
    return int(found) if _SEQ.fullmatch(found) else 0


def text_of(text: str) -> bytes:
    """A JSON string as RFC 8785 writes it: Python's own escapes are the same."""
    return _STRING(text).encode("utf-8")


def _fields(data: bytes, cutter: msgspec.json.Decoder[Any], take: attrgetter[Any], nothing: tuple[Any, ...]) -> Any:
    """Nothing of what could not stand in one line as it is."""
    try:
        if b"\n" in data or b"\r" in data:
            return nothing
        data.decode("utf-8")
        return take(cutter.decode(data))
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return nothing
