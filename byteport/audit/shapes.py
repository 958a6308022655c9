"""Whether bytes are a record in canonical form, told in about a microsecond: yes, or perhaps.

`records.read_header` and `read_payload` say exactly what a record is and take a hundred times as long. Here a header is
held against one pattern of its chain, and a payload is decoded into exact types and encoded again: the same bytes
come out only of what RFC 8785 allows. Whatever is rare (a very large or very small number) is `perhaps`, and is left to
those. A property test holds that yes is never said of what they refuse. Comes before `walk`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
import msgspec
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from byteport.audit.flat import text_of
from byteport.audit.heads import Chain
from byteport.audit.records import Header, Payload
from byteport.audit.words import Decision, Event

_LARGEST = 10**15
"""Up to here, and down to a thousandth, a number that is written as a decimal fraction has one shortest spelling."""
_SMALLEST = 1e-3
_EXACT_HASH = "sha256:[0-9a-f]{64}"

HeaderPattern = Callable[[bytes], "re.Match[bytes] | None"]
"""Groups: event, payload, prev_hash, seq. The two hashes may be any 71 bytes: whoever asks compares them."""

is_hash: HeaderPattern = re.compile(_EXACT_HASH.encode()).fullmatch


@lru_cache(maxsize=64)
def header_pattern(chain: Chain) -> HeaderPattern:
    """Matches canonical headers of `chain`, all but those whose action id would be written with an escape."""
    parts = {
        "action_id": r'(?:null|"[ !#-\[\]-~]*")',
        "cluster_uid": re.escape(text_of(chain.cluster_uid).decode()),
        "decision": _one_of(Decision),
        "event": _one_of(Event, "(%s)"),
        "format": '"byteport-record-v1"',
        "id": '"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"',
        "key": '"[0-9a-f]{64}"',
        "payload": '"(.{71})"',
        "prev_hash": '"(.{71})"',
        "seq": "([1-9][0-9]{0,14})",
        "tenant": re.escape(text_of(chain.tenant).decode()),
        "timestamp": r'"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z"',
    }
    fields = ",".join(f'"{name}":{parts[name]}' for name in sorted(Header.model_fields))
    return re.compile((r"\{" + fields + r"\}").encode()).fullmatch


def are_payloads(payloads: Sequence[bytes]) -> bool:
    """Whether each of them surely is a payload in canonical form."""
    try:
        decoded = [_DECODE(payload) for payload in payloads]
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return False
    if [_ENCODE(payload) for payload in decoded] != payloads:
        return False
    for payload in decoded:
        value = payload.signal_value
        if type(value) is not int and not (_SMALLEST <= abs(value) < _LARGEST and value % 1):
            return False
    return True


def _one_of(words: type[StrEnum], group: str = "(?:%s)") -> str:
    return '"' + group % "|".join(word.value for word in words) + '"'


def _struct(model: type[BaseModel]) -> Any:
    """`model` with its fields in the order of RFC 8785. What has a default may be absent; then it stays so."""
    fields: list[tuple[str, Any, Any]] = []
    for name in sorted(model.model_fields):
        info = model.model_fields[name]
        kind = _constrained(info.annotation, info.metadata)
        fields.append(
            (name, kind, msgspec.NODEFAULT) if info.is_required() else (name, kind | msgspec.UnsetType, msgspec.UNSET)
        )
    return msgspec.defstruct(model.__name__, fields, kw_only=True, gc=False)


def _type(kind: Any) -> Any:
    """What msgspec is to take for a type of ours, never more than pydantic takes for it. Raises `TypeError` for a new one."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind in (str, NoneType) or origin is Literal:
        return kind
    if kind is int:
        return Annotated[int, msgspec.Meta(ge=-_LARGEST, le=_LARGEST)]
    if kind is float:
        return Annotated[int, msgspec.Meta(ge=-_LARGEST, le=_LARGEST)] | float
    if kind is datetime:
        return Annotated[datetime, msgspec.Meta(tz=True)]
    if origin is Annotated:
        return _constrained(inner[0], inner[1:])
    if origin in (Union, UnionType):
        return Union[tuple(_type(one) for one in inner)]  # noqa: UP007  made of what is not known before
    if origin is tuple and inner[1:] == (...,):
        return list[_type(inner[0])]  # type: ignore[misc]
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return Literal[tuple(word.value for word in kind)]
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return _struct(kind)
    raise TypeError(f"no fast form of {kind}")


def _constrained(kind: Any, metadata: Sequence[Any]) -> Any:
    meta: dict[str, Any] = {}
    for one in metadata:
        for limit in one.metadata if isinstance(one, FieldInfo) else [one]:
            meta |= _limit(limit)
    found = _type(kind)
    if not meta:
        return found
    if kind is int:
        return Annotated[int, msgspec.Meta(**{"ge": -_LARGEST, "le": _LARGEST} | meta)]
    return Annotated[found, msgspec.Meta(**meta)]


def _limit(limit: Any) -> dict[str, Any]:
    match limit:
        case annotated_types.Ge(ge=least):
            return {"ge": least}
        case annotated_types.MaxLen(max_length=most):
            return {"max_length": most}
        case _ if getattr(limit, "pattern", None) is not None:
            return {"pattern": rf"\A(?:{limit.pattern.removeprefix('^').removesuffix('$')})\Z"}
        case _ if getattr(limit, "func", None) is not None:  # a validator of ours: only that a time has its zone
            return {}
        case _:
            raise TypeError(f"no fast form of {limit}")


_DECODE = msgspec.json.Decoder(_struct(Payload)).decode
_ENCODE = msgspec.json.Encoder().encode
