"""Kubernetes Secrets, as files that the kubelet projects into this pod: nothing is asked of the API server.

No right on Secrets exists for any account of ours; whoever writes the pod says which Secrets it gets. Each read opens the file
anew, so that what the kubelet has swapped counts at once. Comes after `projected.py`.
"""

from __future__ import annotations

import asyncio
import re

from activities.secrets.backend import LARGEST_SECRET, Fetched, Named, said, value_of
from activities.secrets.projected import Unsafe, read_projected
from byteport.contracts.secret_backends import K8sSecretsConfig
from byteport.errors import MalformedInput, NotPermitted, TargetGone, Unavailable

SETTING = "secret.k8s"
WHAT = "k8s"
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")
"""A Secret's name, or a key of one that is no hidden file."""


class ProjectedSecrets:
    """One folder."""

    what = WHAT

    def __init__(self, config: K8sSecretsConfig) -> None:
        self._folder = config.folder

    async def fetch(self, named: Named) -> Fetched:
        parts = [*named.path.split("/"), *([named.key] if named.key else [])]
        if not all(_PART.fullmatch(part) for part in parts):
            raise MalformedInput(f"secret {named.name}", "k8s: write a name as secret#key")
        try:
            kept = await asyncio.to_thread(read_projected, self._folder, parts, LARGEST_SECRET)
        except FileNotFoundError:
            raise TargetGone(said(WHAT, named, f"there is no such file below {self._folder}")) from None
        except Unsafe as error:
            raise NotPermitted(said(WHAT, named, str(error))) from None
        except (PermissionError, NotADirectoryError, IsADirectoryError) as error:
            raise NotPermitted(said(WHAT, named, f"{error.strerror}; look at {SETTING}.folder")) from None
        except OSError as error:
            raise Unavailable(said(WHAT, named, f"{error.strerror or 'cannot be read'}")) from None
        return Fetched(value_of(WHAT, named, _text(kept)))

    async def close(self) -> None:
        """Nothing is open."""


def _text(kept: bytes) -> str | None:
    try:
        return kept.decode("utf-8")
    except UnicodeDecodeError:
        return None
