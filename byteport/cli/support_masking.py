"""What may stand in a bundle for support: every text redacted, and every secret that this machine knows masked in every encoding.

Known are the values of variables whose names are those of secrets, and the contents of each private file that the settings name; they
are read here to be masked, and kept nowhere. Comes before `support_parts.py` (what is gathered); `support_bundle.py` writes.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from byteport.domain.redaction import REDACTED, redact, sanitised
from byteport.domain.secret_forms import SECRET_NAME, known_pattern

LARGEST_SECRET_FILE = 64 * 1024
NO_SECRETS = frozenset({"policy_file", "allowed_signers", "revoked_keys", "file", "folder", "path", "state_dir"})
"""Settings whose files hold none, whatever their mode: words of theirs would mask half a bundle."""
SHORTEST = 6
"""A shorter line of a private file is a word, and would mask half a bundle."""
MOST_TEXT = 4000


class Masking:
    """Knows the secrets of one machine's settings."""

    def __init__(self, known: Iterable[str]) -> None:
        self._known = sorted({value for value in known if len(value.strip()) >= SHORTEST})
        self._pattern = known_pattern(self._known)

    def value(self, value: Any, name: str = "") -> Any:
        """`value` as JSON takes it, each of its texts redacted; what stands under a secret's name is masked whole."""
        if isinstance(value, BaseModel):
            return self.value(value.model_dump(mode="json"), name)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.value(item, str(key)) for key, item in value.items()}
        if isinstance(value, str):
            return REDACTED if _is_secret(name, value) else self.text(value)
        if isinstance(value, list | tuple | set | frozenset):
            items = sorted(value, key=str) if isinstance(value, set | frozenset) else value
            return [self.value(item, name) for item in items]
        return value if isinstance(value, int | float | bool) or value is None else self.text(str(value))

    def text(self, text: str) -> str:
        """One line of a person's or a machine's words."""
        return sanitised(text, self._known, MOST_TEXT)

    def lines(self, text: str) -> str:
        """Many lines, each by itself, after they were redacted together: a key has several."""
        together = redact(text, self._known)
        return "".join(f"{self.text(line)}\n" for line in together.splitlines())

    def document(self, value: Any) -> bytes:
        """A JSON document of masked values, keys in order."""
        return self.last(json.dumps(self.value(value), indent=1, sort_keys=True, ensure_ascii=True) + "\n")

    def last(self, text: str) -> bytes:
        """The last look over what is written: no known value, in whatever encoding, whoever put it there."""
        if self._pattern is not None:
            text = REDACTED.join(self._pattern.sub(REDACTED, piece) for piece in text.split(REDACTED))
        return text.encode("utf-8", "replace")


def known_secrets(settings: BaseModel, environment: Mapping[str, str]) -> Iterator[str]:
    """Values of variables with a secret's name, and lines of the private files that `settings` name."""
    for name, value in environment.items():
        if SECRET_NAME.search(name) and not value.startswith("/"):
            yield value
    for name, path in paths(settings):
        if name not in NO_SECRETS:
            yield from _private(path, only_named=name == "kubeconfig")


def paths(model: BaseModel) -> Iterator[tuple[str, Path]]:
    """Every path in the settings, by the name of its setting."""
    for name in type(model).model_fields:
        value = getattr(model, name)
        for one in value if isinstance(value, tuple | frozenset | list) else (value,):
            if isinstance(one, BaseModel):
                yield from paths(one)
            elif isinstance(one, Path):
                yield name, one


def _private(path: Path, *, only_named: bool) -> Iterator[str]:
    """A file on a disk that others may read is no secret: a public key, an authority. What a kubelet projects of a Secret lies
    in memory, whatever its mode. Of a file with much besides (`only_named`) are what its own names call secrets."""
    from activities.secrets.tmpfs import on_tmpfs

    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            status = path.stat()
            if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST_SECRET_FILE:
                return
            if status.st_mode & stat.S_IRWXO and not on_tmpfs(status):
                return
            text = file.read(LARGEST_SECRET_FILE)
    except OSError:
        return
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if only_named and not (SECRET_NAME.search(name) or name.rstrip().endswith("-data")):
            continue
        yield line.strip()
        if colon:
            yield value.strip().removeprefix("Bearer ").removeprefix("Basic ")


def _is_secret(name: str, value: str) -> bool:
    """A path is none, whatever its setting is called: it says where a secret lies."""
    return bool(value) and SECRET_NAME.search(name) is not None and not value.startswith("/")
