"""Whose agent this is, for commands that do not reach the cluster: its uid is set, or remembered from a worker's start."""

from __future__ import annotations

from pathlib import Path

from byteport.contracts.workflows import Installation
from byteport.errors import ConfigError
from byteport.settings.model import Settings

REMEMBERED = "cluster-uid"
HOW = "kubectl get ns kube-system -o jsonpath={.metadata.uid}"


def installation(settings: Settings, uid: str | None = None) -> Installation:
    """With `uid` when the caller has read it from the cluster. Raises `ConfigError` when nobody knows it."""
    known = uid or settings.cluster.uid or _remembered(settings.state_dir)
    if known is None:
        raise ConfigError(
            "cluster.uid", f"must be set until a worker has started here once; it is what this prints: {HOW}"
        )
    return Installation(tenant=settings.tenant, cluster_uid=known, cluster_name=settings.cluster.name)


def remember(settings: Settings, uid: str) -> None:
    """Keep the uid that a worker has read, so that `byteport halt` works with the cluster down.

    Where the settings name it nothing is kept: the folder may be one that this process can only read.
    """
    path = settings.state_dir / REMEMBERED
    if settings.cluster.uid is None and _remembered(settings.state_dir) != uid:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_text(uid + "\n")


def _remembered(state_dir: Path) -> str | None:
    try:
        return (state_dir / REMEMBERED).read_text().strip() or None
    except (OSError, UnicodeDecodeError):
        return None
