"""What people and machines may read of a command or a note: secrets become `[REDACTED]`, layer by layer.

The ledger calls `sanitised` on the two texts of a record (the command field, a person's reason); nothing else of ours
carries text from outside. Commands are rendered from typed arguments (`command_line`), so that the layers below should
find nothing; they are there for the day when they do. Each layer masks rather too much than too little.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence

from byteport.domain.secret_forms import KEPT_PREFIX, NAMES, SECRET_NAME, VALUE, WHOLE, known_pattern

REDACTED = "[REDACTED]"
LONGEST = 2000
MOST_PASSES = 8

_ANSI = re.compile(r"\x1b(?:\[[0-9;?]{0,32}[ -/]{0,4}[@-~]|\][^\x07\x1b]{0,512}(?:\x07|\x1b\\)|[@-Z\\-_])")
_SPACES = re.compile(r"[\t\n\x0b\x0c\r\x85\u2028\u2029]+")
_INVISIBLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]|[\ud800-\udfff]"
)
_NAME = re.compile(r"-{0,2}[A-Za-z_][\w.-]{0,79}")


def redact(text: str, known: Iterable[str] = ()) -> str:
    """`text` without secrets: `known` values in every encoding, then whatever looks like one.

    Linear in the text, and `redact(redact(x)) == redact(x)`. A text that does not settle is replaced as a whole.
    """
    values = known_pattern(known)
    for _ in range(MOST_PASSES):
        once = _masked(text, values)
        if once == text:
            return text
        text = once
    return REDACTED


def sanitised(text: str, known: Iterable[str] = (), limit: int = LONGEST) -> str:
    """One printable line of at most `limit` characters, redacted *before* it is cut, so that no half of a secret stays.

    Terminal escapes, control characters, text direction marks and zero-width characters are dropped first: a secret
    with one of them inside would otherwise be no known value any more.
    """
    secrets = list(known)
    plain = _printable(text)
    clean = redact(plain, [*secrets, *(_printable(secret) for secret in secrets)])
    if len(clean) <= limit:
        return clean
    return clean[: max(0, limit - 1)] + "…"


def redact_arguments(arguments: Sequence[str], known: Iterable[str] = ()) -> list[str]:
    """argv with secrets masked: the value after a secret's flag is masked whole, whatever it is."""
    secrets = list(known)
    masked, next_is_secret = [], False
    for argument in arguments:
        name, equals, _ = argument.partition("=")
        named = SECRET_NAME.search(name[:80]) is not None and _NAME.fullmatch(name) is not None
        if next_is_secret:
            masked.append(REDACTED)
        elif named and equals:
            masked.append(f"{redact(name, secrets)}={REDACTED}")
        else:
            masked.append(redact(argument, secrets))
        next_is_secret = not next_is_secret and named and not equals and argument.startswith("-")
    return masked


def command_line(arguments: Sequence[str], known: Iterable[str] = ()) -> str:
    """The line that a person would type, quoted as a shell wants it, with secrets masked."""
    return " ".join(
        REDACTED.join(shlex.quote(piece) if piece else "" for piece in argument.split(REDACTED)) or "''"
        for argument in redact_arguments(arguments, known)
    )


def _printable(text: str) -> str:
    return _INVISIBLE.sub("", _SPACES.sub(" ", _ANSI.sub("", text)))


def _masked(text: str, values: re.Pattern[str] | None) -> str:
    if values is not None:
        # Between markers, never across one: the marker itself is not searched for secrets.
        text = REDACTED.join(values.sub(REDACTED, piece) for piece in text.split(REDACTED))
    for pattern in WHOLE:
        text = pattern.sub(REDACTED, text)
    for pattern in NAMES:
        text = _mask_named(pattern, text)
    for pattern in KEPT_PREFIX:
        text = pattern.sub(_keep_prefix, text)
    return text


def _mask_named(pattern: re.Pattern[str], text: str) -> str:
    done, at = [], 0
    while (match := pattern.search(text, at)) is not None:
        done.append(text[at : match.end()])
        at = match.end()
        value = VALUE.match(text, at) if SECRET_NAME.search(match.group("name")) else None
        if value is not None:
            done.append(REDACTED)
            at = value.end()
    return "".join(done) + text[at:]


def _keep_prefix(match: re.Match[str]) -> str:
    return match.group(1) + REDACTED
