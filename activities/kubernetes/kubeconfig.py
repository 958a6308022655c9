"""A kubeconfig, read as what it may be: a file that somebody handed over. Its one context, and nothing run for it.

`credentials.py` comes next and gives the result to the official client. An `exec` or `auth-provider` entry makes a
client start a program or call an address of the file's choosing, so it is refused unless the settings allow it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from byteport.domain.yaml_text import read_bounded
from byteport.errors import ConfigError

JSON = dict[str, Any]

KEY = "cluster.kubeconfig"
LARGEST_FILE = 1 << 20
PLUGINS = ("exec", "auth-provider")
_PATHS = {"cluster": ("certificate-authority",), "user": ("client-certificate", "client-key", "tokenFile")}


def default_paths() -> list[Path]:
    """Where kubectl looks: `$KUBECONFIG`, which may name several files, else `~/.kube/config`."""
    named = os.environ.get("KUBECONFIG", "")
    paths = [Path(part).expanduser() for part in named.split(os.pathsep) if part]
    return [path for path in paths if path.exists()] or paths or [Path.home() / ".kube" / "config"]


def one_context(paths: Sequence[Path], context: str | None, *, allow_exec_plugins: bool) -> JSON:
    """A kubeconfig that holds exactly one context, its cluster and its user; paths in it are absolute.

    Of several files the first that names something wins, as kubectl has it. Raises `ConfigError`.
    """
    documents = [_read(path) for path in paths]
    name = context or next((d["current-context"] for d in documents if d.get("current-context")), None)
    if not isinstance(name, str):
        raise ConfigError("cluster.context", f"{_named(paths)} has no current-context; name one")
    chosen = _entry(documents, paths, "context", name, key="cluster.context")
    cluster = _entry(documents, paths, "cluster", chosen.get("cluster"))
    user = _entry(documents, paths, "user", chosen.get("user")) if chosen.get("user") else {}
    plugin = next((plugin for plugin in PLUGINS if plugin in user), None)
    if plugin and not allow_exec_plugins:
        raise ConfigError(
            KEY,
            f"the user of context {name!r} is authenticated by `{plugin}`, which lets the file choose a program or an "
            "address; use a token or a client certificate, or set cluster.allow_exec_plugins",
        )
    server = cluster.get("server")
    if not isinstance(server, str) or not server.startswith("https://"):
        raise ConfigError(KEY, f"the cluster of context {name!r} needs a `server` that begins with https://")
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "it",
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        "clusters": [{"name": "it", "cluster": cluster}],
        "users": [{"name": "it", "user": user}],
    }


def _read(path: Path) -> JSON:
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ConfigError(KEY, f"{path} is larger than a kubeconfig can be (1 MiB)")
        document = read_bounded(path.read_text())
    except FileNotFoundError:
        raise ConfigError(KEY, f"{path} does not exist") from None
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise ConfigError(KEY, f"{path} cannot be read ({type(error).__name__})") from None
    if not isinstance(document, dict):
        raise ConfigError(KEY, f"{path} is not a kubeconfig")
    return document


def _entry(documents: Sequence[JSON], paths: Sequence[Path], part: str, name: object, key: str = KEY) -> JSON:
    """The named cluster, user or context, with its file paths made absolute."""
    for document, path in zip(documents, paths, strict=True):
        listed = document.get(f"{part}s")
        for item in listed if isinstance(listed, list) else []:
            if isinstance(item, dict) and item.get("name") == name and isinstance(item.get(part), dict):
                return _absolute(dict(item[part]), part, path)
    known = _known(documents, part)
    raise ConfigError(key, f"{_named(paths)} has no {part} {name!r}; it has {known}")


def _absolute(entry: JSON, part: str, path: Path) -> JSON:
    for field in _PATHS.get(part, ()):
        if isinstance(entry.get(field), str):
            entry[field] = str(path.resolve().parent / entry[field])
    return entry


def _known(documents: Sequence[JSON], part: str) -> str:
    names = [
        str(item["name"])
        for document in documents
        for item in (document.get(f"{part}s") or [])
        if isinstance(item, dict) and "name" in item
    ]
    return ", ".join(sorted(set(names))) or "none"


def _named(paths: Sequence[Path]) -> str:
    return ", ".join(map(str, paths))
