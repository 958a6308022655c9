"""Whether bytes are a payload in canonical form, told in about a microsecond: yes, or perhaps.

`records.read_payload` says exactly what one is and takes a hundred times as long. Here it is decoded into exact types and
encoded again: the same bytes come out only of what RFC 8785 allows. Whatever is rare (a very large or very small number) is `perhaps`, and is left to
those. A property test holds that yes is never said of what they refuse. Comes before `walk`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
import msgspec
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from byteport.audit.records import Payload

_LARGEST = 10**15
"""Up to here, and down to a thousandth, a number that is written as a decimal fraction has one shortest spelling."""
_SMALLEST = 1e-3


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
