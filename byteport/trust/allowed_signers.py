"""Who may sign: the `allowed_signers` file of `ssh-keygen`, as git uses it, and the list of revoked keys.

Read stricter than ssh-keygen reads it, because here a quorum *counts people*: a line names one person (more names on it
are aliases), patterns and certificate authorities are refused, and a time needs its `Z`. Comes after `public_keys`.
"""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from byteport.errors import ConfigError, MalformedInput
from byteport.trust.public_keys import PublicKey, public_key_from_text

SETTING = "approvals.allowed_signers"
REVOKED_SETTING = "approvals.revoked_keys"
KRL_MAGIC = b"SSHKRL\n\0"

_OPTION = re.compile(r'(?i)(cert-authority|namespaces|valid-after|valid-before)(?:="([^"]*)")?(?:,|(?=\s)|$)')
_TIMES = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}


@dataclass(frozen=True)
class Entry:
    """One line: a person's key, for some namespaces, for some time."""

    names: tuple[str, ...]
    """The first is the principal that is recorded and counted; the others are aliases of the same person."""
    key: PublicKey
    namespaces: str | None
    """A comma-separated pattern list; None allows every namespace."""
    valid_after: datetime | None
    valid_before: datetime | None

    def covers(self, namespace: str) -> bool:
        return self.namespaces is None or _in_pattern_list(namespace, self.namespaces)

    def valid_at(self, now: datetime) -> bool:
        return (self.valid_after is None or self.valid_after <= now) and not self.ended(now)

    def ended(self, now: datetime) -> bool:
        return self.valid_before is not None and now >= self.valid_before


@dataclass(frozen=True)
class AllowedSigners:
    """The whole file. Built by `parse_allowed_signers`, which has seen to it that a key belongs to one person."""

    entries: tuple[Entry, ...]

    def of_key(self, key: PublicKey) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries if entry.key == key)

    def person(self, name: str) -> str:
        """The principal behind `name`, which may be an alias; `name` itself when nobody here has it."""
        return next((entry.names[0] for entry in self.entries if name in entry.names), name)

    def people(self) -> frozenset[str]:
        return frozenset(entry.names[0] for entry in self.entries)


@dataclass(frozen=True)
class RevokedKeys:
    """Keys that are void at once, however early they signed."""

    keys: frozenset[PublicKey] = frozenset()

    def holds(self, key: PublicKey) -> bool:
        return key in self.keys


def parse_allowed_signers(text: bytes) -> AllowedSigners:
    """Read the file. Raises `ConfigError` naming the line; an empty file is valid and allows nobody."""
    entries = tuple(_entry(line, number) for number, line in _lines(text, SETTING))
    owner: dict[PublicKey, str] = {}
    person: dict[str, str] = {}
    for entry in entries:
        principal = entry.names[0]
        if owner.setdefault(entry.key, principal) != principal:
            raise ConfigError(
                SETTING, f"the key {entry.key.fingerprint} is given to {owner[entry.key]} and to {principal}"
            )
        for name in entry.names:
            if person.setdefault(name, principal) != principal:
                raise ConfigError(
                    SETTING,
                    f"{name!r} names both {person[name]!r} and {principal!r}; put the same name first on each line",
                )
    return AllowedSigners(entries)


def parse_revoked_keys(text: bytes) -> RevokedKeys:
    """Public keys, one a line, as in `.pub` files. Raises `ConfigError`; binary KRLs are not read."""
    if text.startswith(KRL_MAGIC):
        raise ConfigError(REVOKED_SETTING, "is a binary KRL; list the revoked public keys instead, one a line")
    return RevokedKeys(
        frozenset(_key(line.split(), number, REVOKED_SETTING) for number, line in _lines(text, REVOKED_SETTING))
    )


def allowed_signers_line(principal: str, key: PublicKey, namespace: str) -> str:
    """A line that allows `key` to sign as `principal` in `namespace` only."""
    return f'{principal} namespaces="{namespace}" {key.line}'


def _lines(text: bytes, setting: str) -> list[tuple[int, str]]:
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(setting, "is not UTF-8 text") from error
    numbered = enumerate((line.strip() for line in decoded.split("\n")), 1)
    return [(number, line) for number, line in numbered if line and not line.startswith("#")]


def _entry(line: str, number: int) -> Entry:
    names, rest = _names(line, number)
    options: dict[str, str] = {}
    if _OPTION.match(rest):
        options, rest = _options(rest, number)
    return Entry(
        names=names,
        key=_key(rest.split(), number, SETTING),
        namespaces=options.get("namespaces"),
        valid_after=_time(options, "valid-after", number),
        valid_before=_time(options, "valid-before", number),
    )


def _names(line: str, number: int) -> tuple[tuple[str, ...], str]:
    quoted = re.match(r'"([^"]+)"\s+(.*)', line) or re.match(r"([^\s\"]+)\s+(.*)", line)
    if quoted is None:
        raise ConfigError(SETTING, f"line {number} must be: principal [options] key-type base64-key")
    names = tuple(name.strip() for name in quoted.group(1).split(","))
    if not all(names) or any(set(name) & set("*?!") or not name.isprintable() for name in names):
        raise ConfigError(SETTING, f"line {number}: a principal is one person's name; patterns cannot be counted")
    return names, quoted.group(2)


def _options(rest: str, number: int) -> tuple[dict[str, str], str]:
    options: dict[str, str] = {}
    while found := _OPTION.match(rest):
        name, value = found.group(1).lower(), found.group(2)
        if name == "cert-authority":
            raise ConfigError(
                SETTING, f"line {number}: certificate authorities are not supported; list the keys themselves"
            )
        if value is None or name in options:
            raise ConfigError(SETTING, f'line {number}: write {name}="…" once')
        options[name] = value
        rest = rest[found.end() :]
        if not found.group().endswith(","):
            break
    return options, rest


def _key(words: list[str], number: int, setting: str) -> PublicKey:
    if len(words) < 2:
        raise ConfigError(setting, f"line {number} holds no public key")
    if '="' in words[0] or "," in words[0] or words[0].lower() == "cert-authority":
        raise ConfigError(setting, f"line {number}: unknown option in {words[0][:40]!r}")
    try:
        return public_key_from_text(words[0], words[1])
    except MalformedInput as error:
        raise ConfigError(setting, f"line {number}: {error.message}") from error


def _time(options: dict[str, str], name: str, number: int) -> datetime | None:
    if (text := options.get(name)) is None:
        return None
    digits = text.removesuffix("Z")
    if not text.endswith("Z") or not digits.isascii() or not digits.isdigit() or len(digits) not in _TIMES:
        raise ConfigError(SETTING, f"line {number}: write {name} as YYYYMMDDZ or YYYYMMDDHHMM[SS]Z, in UTC")
    try:
        return datetime.strptime(digits, _TIMES[len(digits)]).replace(tzinfo=UTC)
    except ValueError as error:
        raise ConfigError(SETTING, f"line {number}: {name} is no date") from error


def _in_pattern_list(name: str, patterns: str) -> bool:
    """OpenSSH's match_pattern_list: any pattern matches, and no negated one does. `*` and `?` only."""
    matched = False
    for pattern in (part.strip() for part in patterns.split(",")):
        negated = pattern.startswith("!")
        if fnmatch.fnmatchcase(name, pattern.removeprefix("!").replace("[", "[[]")):
            if negated:
                return False
            matched = True
    return matched
