r"""Reads a syslog message exactly as the grammar of RFC 5424 (section 6) has it; shares nothing with what writes them.

Stricter than the RFC in one thing: no octet of a message is a control character, which the RFC only advises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_HEADER = re.compile(
    rb"<(?P<pri>0|[1-9][0-9]{0,2})>(?P<version>[1-9][0-9]{0,2}) (?P<time>-|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d))"
    rb" (?P<host>[!-~]{1,255}) (?P<app>[!-~]{1,48}) (?P<process>[!-~]{1,128}) (?P<kind>[!-~]{1,32}) "
)
_NAME = rb"[!#-<>-\\^-~]{1,32}"
_ELEMENT = re.compile(rb"\[(" + _NAME + rb")((?: " + _NAME + rb'="(?:[^"\\\]]|\\["\\\]])*")*)\]')
_PARAMETER = re.compile(rb" (" + _NAME + rb')="((?:[^"\\\]]|\\["\\\]])*)"')
BOM = b"\xef\xbb\xbf"


class NotSyslog(Exception):
    """Not a message of RFC 5424."""


@dataclass(frozen=True)
class Message:
    facility: int
    severity: int
    time: str
    host: str
    app: str
    process: str
    kind: str
    elements: dict[str, dict[str, str]]
    text: str
    marked: bool
    """Whether its text begins with a byte order mark."""


def frames(octets: bytes) -> Iterator[bytes]:
    """The messages of a connection, as RFC 5425 counts them."""
    at = 0
    while at < len(octets):
        length = re.compile(rb"([1-9][0-9]*) ").match(octets, at)
        if length is None or length.end() + int(length[1]) > len(octets):
            raise NotSyslog("not counted octets")
        at = length.end() + int(length[1])
        yield octets[length.end() : at]


def parse(message: bytes) -> Message:
    if any(octet < 0x20 or octet == 0x7F for octet in message):
        raise NotSyslog("a control character")
    header = _HEADER.match(message)
    if header is None or int(header["pri"]) > 191 or header["version"] != b"1":
        raise NotSyslog("header")
    elements, at = _elements(message, header.end())
    if message[at : at + 1] not in (b"", b" "):
        raise NotSyslog("what follows the structured data")
    text = message[at + 1 :]
    marked = text.startswith(BOM)
    if not marked and not text.isascii():
        raise NotSyslog("UTF-8 without its mark")
    plain = {name: header[name].decode("ascii") for name in ("time", "host", "app", "process", "kind")}
    priority = int(header["pri"])
    shown = text.removeprefix(BOM).decode("utf-8")
    return Message(priority >> 3, priority & 7, **plain, elements=elements, text=shown, marked=marked)


def _elements(message: bytes, at: int) -> tuple[dict[str, dict[str, str]], int]:
    if message[at : at + 1] == b"-":
        return {}, at + 1
    found: dict[str, dict[str, str]] = {}
    while element := _ELEMENT.match(message, at):
        name, parameters = element[1].decode("ascii"), _PARAMETER.findall(element[2])
        if name in found or len({key for key, _ in parameters}) != len(parameters):
            raise NotSyslog("a name twice")
        found[name] = {key.decode("ascii"): unescaped(value).decode("utf-8") for key, value in parameters}
        at = element.end()
    if not found:
        raise NotSyslog("structured data")
    return found, at


def unescaped(value: bytes) -> bytes:
    return re.sub(rb'\\(["\\\]])', rb"\1", value)
