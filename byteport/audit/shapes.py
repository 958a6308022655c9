"""Whether bytes are a payload in canonical form, told in about a microsecond: yes, or perhaps.

`records.read_payload` says exactly what one is and takes a hundred times as long. Here it is decoded into exact types and
encoded again: the same bytes come out only of what RFC 8785 allows. Whatever is rare (a very large or very small number, a
model that has a validator of its own) is `perhaps`, and is left to those. A property test, which makes its payloads of the
models themselves, holds that yes is never said of what they refuse. Comes before `bundle` and `walk`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from types import GenericAlias, NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
import msgspec
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from byteport.audit.records import Header, Payload, is_minute
from byteport.domain.base import Instant

_LARGEST = 10**15
"""Up to here, and down to a thousandth, a number that is written as a decimal fraction has one shortest spelling."""
_SMALLEST = 1e-3
_TIME = re.compile(r"[0-9-]{10}T[0-9]{2}:[0-9]{2}:[0-5][0-9](\.(?!000000)[0-9]{6})?Z")


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


def is_header(header: bytes) -> bool:
    """Whether it surely is JSON in canonical form with the fields of a header, whatever these say."""
    try:
        return _ENCODE(_DECODE_HEADER(header)) == header
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return False


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
        return _Moment
    if origin is Annotated:
        return _constrained(inner[0], inner[1:])
    if origin in (Union, UnionType):
        return Union[tuple(_type(one) for one in inner)]  # noqa: UP007  made of what is not known before
    if origin is tuple and inner[1:] == (...,):
        if isinstance(inner[0], type) and issubclass(inner[0], BaseModel) and _has_rules(inner[0]):
            return Annotated[list[Any], msgspec.Meta(max_length=0)]
        return GenericAlias(list, (_type(inner[0]),))
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return Literal[tuple(word.value for word in kind)]
    if isinstance(kind, type) and issubclass(kind, BaseModel) and not _has_rules(kind):
        return _struct(kind)
    raise TypeError(f"no fast form of {kind}")


class _Moment:
    """A time as it is written: in UTC, with no fraction or with one of six digits."""

    def __init__(self, text: str) -> None:
        self.text = text


def _moment(kind: type, value: Any) -> Any:
    if kind is not _Moment or not isinstance(value, str) or not _TIME.fullmatch(value) or not is_minute(value[:16]):
        raise ValueError("is no time")
    return _Moment(value)


def _written(value: _Moment) -> str:
    return value.text


def _plain(kind: Any) -> Any:
    """A whole number for a number, a text for whatever is written as one."""
    if kind is int:
        return Annotated[int, msgspec.Meta(ge=0, le=_LARGEST)]
    return str | None if NoneType in get_args(kind) else str


def _has_rules(model: type[BaseModel]) -> bool:
    """Whether it refuses more than the types of its fields do: nothing of it is known here."""
    rules = model.__pydantic_decorators__
    return bool(rules.model_validators or rules.field_validators or rules.root_validators or rules.validators)


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
        case annotated_types.Le(le=int(most)):
            return {"le": min(most, _LARGEST)}
        case annotated_types.MaxLen(max_length=most):
            return {"max_length": most}
        case _ if getattr(limit, "pattern", None) is not None:
            return {"pattern": rf"\A(?:{limit.pattern.removeprefix('^').removesuffix('$')})\Z"}
        case _ if limit in _KNOWN:
            return {}
        case _:
            raise TypeError(f"no fast form of {limit}")


_KNOWN = get_args(Instant)[1:]
"""Validators of single values that are known here too: that a time has its zone."""
_DECODE = msgspec.json.Decoder(_struct(Payload), dec_hook=_moment).decode
_ENCODE = msgspec.json.Encoder(enc_hook=_written).encode
_DECODE_HEADER = msgspec.json.Decoder(
    msgspec.defstruct(
        "Header",
        [(name, _plain(Header.model_fields[name].annotation)) for name in sorted(Header.model_fields)],
        forbid_unknown_fields=True,
    )
).decode
