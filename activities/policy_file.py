"""Changes the policy file as `byteport policy` asks: read, changed, checked whole, and put in place at once.

The workers read the file at every act (`activities/kubernetes/policy_source.py`); they see the old one or the new one,
never half of it. What is not changed is kept to the letter, comments included, as far as the file is plain YAML with
one setting after the other; of other files the meaning is kept.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from activities.kubernetes.policy_source import SETTING, parse_policy
from byteport.domain.policy import PolicyConfig
from byteport.errors import ConfigError, MalformedInput

NOTES = ("changed_by", "changed_at", "change_reason", "changed_to")
SETTINGS = tuple(name for name in PolicyConfig.model_fields if name not in NOTES)
_KEY = re.compile(r"^(['\"]?)([A-Za-z_][A-Za-z0-9_]*)\1\s*:")

Plain = dict[str, Any]
Change = Callable[[Plain], None]
"""Changes the plain content of a policy file in place."""


class Changed(NamedTuple):
    """The policy before (None where there was no file) and after."""

    before: PolicyConfig | None
    after: PolicyConfig

    @property
    def same(self) -> bool:
        return self.before is not None and self.before.version == self.after.version


def change_policy(path: Path, change: Change, *, by: str, reason: str, now: datetime) -> Changed:
    """Apply `change` and write the file with a note of who did it; nothing is written when nothing changes.

    Raises `ConfigError` naming the key at fault when the result is no policy, or the file when it cannot be written.
    """
    try:
        real = path.resolve()
        with _alone(real.parent):
            text = real.read_text() if real.exists() else ""
            before = parse_policy(text.encode(), str(path)) if text else None
            plain = _plain(text)
            changed = yaml.safe_load(yaml.safe_dump(plain))
            change(changed)
            after = _checked(changed, path)
            if before is not None and before.version == after.version:
                return Changed(before, after)
            by, reason = (words.encode("utf-8", "replace").decode() for words in (by, reason))
            notes = {"changed_by": by, "changed_at": f"{now:%Y-%m-%dT%H:%M:%S.%fZ}", "change_reason": reason}
            noted = {key: value for key, value in changed.items() if key not in NOTES} | notes
            noted["changed_to"] = after.version
            after = _checked(noted, path)
            _put(real, rewritten(text, plain, noted))
            return Changed(before, after)
    except (OSError, RuntimeError, UnicodeDecodeError) as error:  # RuntimeError: links that lead back to themselves
        raise ConfigError(
            SETTING, f"{path}: {getattr(error, 'strerror', None) or 'cannot be read or written'}"
        ) from None


def setting(key: str, value: Any) -> Change:
    """Set `key` (dotted: `mode`, `mode_by_namespace.shop`, `approvals.RUNBOOK.quorum`)."""
    parents, name = _path(key)

    def change(plain: Plain) -> None:
        _inside(plain, parents)[name] = value

    return change


def unsetting(key: str) -> Change:
    """Take `key` out, so that its default counts; what is empty without it goes too."""
    parents, name = _path(key)

    def change(plain: Plain) -> None:
        _taken_out(plain, [*parents, name])

    return change


def adding(key: str, value: str) -> Change:
    """Put `value` into the list `key`, once."""
    return _listing(key, lambda values: [*values, *([] if value in values else [value])])


def removing(key: str, value: str) -> Change:
    """Take `value` out of the list `key`. Raises `MalformedInput` when it is not in it."""

    def without(values: list[Any]) -> list[Any]:
        if value not in values:
            raise MalformedInput(key, f"does not hold {value}")
        return [one for one in values if one != value]

    return _listing(key, without)


def _taken_out(plain: Plain, path: list[str]) -> None:
    first, *rest = path
    inner = plain.get(first)
    if not rest:
        plain.pop(first, None)
    elif isinstance(inner, dict):
        _taken_out(inner, rest)
        if not inner:
            del plain[first]


def _listing(key: str, change_list: Callable[[list[Any]], list[Any]]) -> Change:
    parents, name = _path(key)
    if not (name == "approvers" or (not parents and _is_list(name))):
        raise MalformedInput(key, "is no list; use `byteport policy set`")

    def change(plain: Plain) -> None:
        inside = _inside(plain, parents)
        values = inside.get(name) or []
        if not isinstance(values, list):
            raise ConfigError(key, "is no list in the file")
        inside[name] = change_list(values)

    return change


def _is_list(name: str) -> bool:
    return isinstance(PolicyConfig.model_fields[name].default, frozenset)


def _path(key: str) -> tuple[list[str], str]:
    *parents, name = key.split(".")
    top = parents[0] if parents else name
    if top not in SETTINGS:
        raise MalformedInput(key, f"no such setting; there are {', '.join(SETTINGS)}")
    if not name or any(not parent for parent in parents):
        raise MalformedInput(key, "write it as in mode_by_namespace.shop")
    return parents, name


def _inside(plain: Plain, parents: list[str]) -> Plain:
    for parent in parents:
        inner = plain.setdefault(parent, {})
        if not isinstance(inner, dict):
            raise ConfigError(parent, "has no settings inside it")
        plain = inner
    return plain


def _plain(text: str) -> Plain:
    """The content that `parse_policy` has taken as a mapping already."""
    loaded = yaml.safe_load(text) if text else None
    return loaded if isinstance(loaded, dict) else {}


def _checked(plain: Mapping[str, Any], path: Path) -> PolicyConfig:
    return parse_policy(yaml.safe_dump(dict(plain)).encode() if plain else b"", str(path))


def rewritten(text: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """`text`, which says `before`, changed to say `after` with as little of it touched as can be."""
    kept = _edited(text, before, after)
    with contextlib.suppress(yaml.YAMLError, ConfigError):
        if yaml.safe_load(kept) == yaml.safe_load(yaml.safe_dump(dict(after))):
            parse_policy(kept.encode(), SETTING)  # a key that is written in a rare way would now be there twice
            return kept
    return yaml.safe_dump(dict(after), sort_keys=False)


def _edited(text: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Block by block: a setting with its lines, and the comments and blank lines that follow it."""
    pieces, done = [], set()
    for key, lines in _blocks(text):
        if key is None or (key in after and key in before and after[key] == before[key]):
            pieces.append("".join(lines))
        else:
            tail = len(lines)
            while tail > 1 and (not lines[tail - 1].strip() or lines[tail - 1].startswith("#")):
                tail -= 1
            dumped = yaml.safe_dump({key: after[key]}, sort_keys=False) if key in after else ""
            pieces.append(dumped + "".join(lines[tail:]))
        done.add(key)
    if pieces and pieces[-1] and not pieces[-1].endswith("\n"):
        pieces.append("\n")
    pieces += [yaml.safe_dump({key: after[key]}, sort_keys=False) for key in after if key not in done]
    return "".join(pieces)


def _blocks(text: str) -> Iterator[tuple[str | None, list[str]]]:
    key: str | None = None
    lines: list[str] = []
    for line in text.splitlines(keepends=True):
        found = _KEY.match(line)
        if found:
            if lines:
                yield key, lines
            key, lines = found[2], [line]
        else:
            lines.append(line)
    if lines:
        yield key, lines


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One change at a time: two people who change it at once must not undo each other."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _put(path: Path, text: str) -> None:
    """In place at once, with the mode and the owner that it had: whoever could read it still can.

    Raises `OSError`, and leaves the old file, when its owner cannot be kept and not everybody may read it.
    """
    had = path.stat() if path.exists() else None
    mode = had.st_mode & 0o777 if had is not None else 0o644
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            if had is not None:
                _own(file.fileno(), had)
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _own(descriptor: int, had: os.stat_result) -> None:
    """Give the new file the old one's owner and group, where they differ."""
    now = os.fstat(descriptor)
    if (now.st_uid, now.st_gid) == (had.st_uid, had.st_gid):
        return
    try:
        os.fchown(descriptor, had.st_uid, had.st_gid)
    except PermissionError:
        if not had.st_mode & stat.S_IROTH:
            raise
