"""How a secret is named in settings: by its path in the backend that they choose, never by what it is.

Comes before the settings that name one (`SecretName`) and `activities/secrets/port.py`, by which it is read. What the names are
that the settings hold, `byteport secrets check` finds by `NamesASecret`.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._@/-]{0,199}(#[A-Za-z0-9][A-Za-z0-9._-]{0,99})?\Z")

_KEY = re.compile(r"[0-9A-Fa-f]{64}\Z")
"""What `openssl rand -hex 32` prints: the secret itself, where its name belongs. As a name it would be in every line that names it."""


class NamesASecret:
    """Marks the annotation of a setting whose value is the name of a secret."""


def secret_name(name: str) -> str:
    """`name`, where it is one of a secret. Raises `ValueError`, which does not repeat it: somebody may write the secret itself."""
    if _KEY.match(name):
        raise ValueError("name a secret, and never write what it is; this has the form of a key, so make a new one")
    if not _NAME.match(name) or any(part in ("", ".", "..") for part in name.partition("#")[0].split("/")):
        raise ValueError("name a secret as path/to/it, or path/to/it#key, without `..`")
    return name


SecretName = Annotated[str, StringConstraints(max_length=300), AfterValidator(secret_name), NamesASecret()]
"""`path#key`: the path as its backend has it, and the key within, where a secret of that backend has several."""
