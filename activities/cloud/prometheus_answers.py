"""What Prometheus answers, taken as numbers and as labels of a known form: its words end here.

Comes after `prometheus.py`, which has the body. A machine is found by its address in `kube_node_info`; where two claim one
address, it is nobody's.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
from pydantic import ValidationError

from byteport.contracts.symptoms import Subject
from byteport.errors import Unavailable

LONGEST_LABEL = 300
Labels = Mapping[str, str]


class Row(msgspec.Struct):
    """One series."""

    metric: dict[str, str]
    values: list[tuple[float, str]] = []
    value: tuple[float, str] | None = None


class _Data(msgspec.Struct):
    result: list[Row]


class _Body(msgspec.Struct):
    status: str
    data: _Data | None = None
    error_type: str = msgspec.field(default="", name="errorType")
    warnings: list[str] = []


class Answered(NamedTuple):
    """The series, and whether Prometheus says that something is missing from them."""

    rows: Sequence[Row]
    partial: bool


def rows_of(body: bytes) -> Answered:
    """Raises `Unavailable` for what is no answer of Prometheus's API."""
    try:
        found = msgspec.json.decode(body, type=_Body)
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError):
        raise Unavailable("prometheus: an answer that cannot be read; look at clouds.prometheus.url") from None
    if found.status != "success" or found.data is None:
        raise Unavailable("prometheus: an answer that is not one; look at clouds.prometheus.url")
    return Answered(found.data.result, bool(found.warnings))


def error_type(body: bytes) -> str:
    """The class of an error, where it is one of Prometheus's own list; else empty."""
    try:
        named = msgspec.json.decode(body, type=_Body).error_type
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError):
        return ""
    return named if named in KNOWN_ERRORS else ""


KNOWN_ERRORS = frozenset(
    {"timeout", "canceled", "execution", "bad_data", "internal", "unavailable", "not_found", "not_acceptable"}
)


class Machines:
    """Which address is which machine's, by its cloud's id."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._by_address: dict[str, str] = {}
        claimed: set[str] = set()
        for row in rows:
            address, provider_id = _address(row.metric.get("internal_ip", "")), row.metric.get("provider_id", "")
            if address is None or not 0 < len(provider_id) <= LONGEST_LABEL or not provider_id.isprintable():
                continue
            if self._by_address.setdefault(address, provider_id) != provider_id:
                claimed.add(address)
        for address in claimed:
            del self._by_address[address]
        self.doubtful = bool(claimed)
        """Whether machines are left out, because several claim to be at one address."""

    def subject(self, labels: Labels) -> Subject | None:
        """The Node of a series, by the address at which its exporter answers; None where that is no machine's."""
        address = _address(labels.get("instance", ""))
        provider_id = None if address is None else self._by_address.get(address)
        return None if provider_id is None else Subject(kind="Node", provider_id=provider_id)


def pod_of(labels: Labels) -> Subject | None:
    try:
        return Subject(kind="Pod", namespace=labels.get("namespace"), name=labels.get("pod"))
    except ValidationError:
        return None


def points_of(row: Row) -> Iterator[tuple[datetime, float]]:
    """Times and values; what is no time is left out, what is no number stays NaN."""
    for at, text in row.values:
        try:
            yield datetime.fromtimestamp(at, UTC), float(text[:40])
        except (ValueError, OverflowError, OSError):
            continue


def _address(instance: str) -> str | None:
    """The address in `10.0.0.7:9100`, `[fd00::7]:9100` or alone; None for a name."""
    if len(instance) > LONGEST_LABEL:
        return None
    host = instance[1:].partition("]")[0] if instance.startswith("[") else instance
    for text in (host, host.rpartition(":")[0]):
        try:
            return str(ipaddress.ip_address(text))
        except ValueError:
            continue
    return None
