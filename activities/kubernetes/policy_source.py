"""The policy as the cluster worker's own mount has it now: read at every evidence reading and at every act.

`workers/preflight.py` calls `load_policy` first and refuses to start on a mistake; `evidence.py` and `admit.py` ask
`PolicySource` afterwards. While the worker runs, a broken file fails closed: the last good policy is not used, since
nobody can tell whether the edit that broke it was the one that forbade something.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Protocol

import yaml
from pydantic import ValidationError

from byteport.domain.policy import PROTECTED_NAMESPACES, PolicyConfig
from byteport.domain.yaml_text import read_strict
from byteport.errors import ConfigError, Unavailable
from byteport.runbooks.catalogue import RUNBOOKS

SETTING = "policy_file"
LARGEST_FILE = 1 << 20
_NAMESPACE = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_ALLOWED = rf"{_NAMESPACE}/(\*|[a-z0-9]([-a-z0-9.]{{0,251}}[a-z0-9])?)"


class PolicySource(Protocol):
    """Where the policy comes from."""

    def read(self) -> PolicyConfig:
        """The policy in force now. Raises `Unavailable`, naming the key at fault, when it cannot be read."""


class FilePolicySource:
    """A YAML file that the administrator mounts; parsed again when its inode, time or size has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._policy: PolicyConfig | None = None

    def read(self) -> PolicyConfig:
        try:
            return self._fresh()
        except ConfigError as error:
            self._policy = None
            raise Unavailable(f"the policy cannot be read: {error.message}") from error

    def _fresh(self) -> PolicyConfig:
        try:
            with self._path.open("rb") as file:
                status = os.fstat(file.fileno())
                identity = (status.st_ino, status.st_mtime_ns, status.st_size)
                if self._policy is None or identity != self._seen:
                    self._policy = parse_policy(file.read(LARGEST_FILE + 1), str(self._path))
                    self._seen = identity
        except OSError as error:
            raise _unreadable(self._path, error) from error
        return self._policy


def load_policy(path: Path) -> PolicyConfig:
    """Read the file once. Raises `ConfigError` naming the key at fault and what to write instead."""
    try:
        with path.open("rb") as file:
            return parse_policy(file.read(LARGEST_FILE + 1), str(path))
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> ConfigError:
    if isinstance(error, FileNotFoundError):
        return ConfigError(SETTING, f"{path} does not exist; write one, `mode: dry_run` is enough")
    return ConfigError(SETTING, f"{path}: {error.strerror or 'cannot be read'}")


def parse_policy(text: bytes, where: str) -> PolicyConfig:
    """A `PolicyConfig` from YAML. The fixed protected namespaces are always in it, whatever the file says.

    Raises `ConfigError` for an empty document (it would silently be all defaults), a repeated, unknown or absurd key,
    and for a name that nothing can have: misspelled, what was meant to lower a mode would lower none.
    """
    if len(text) > LARGEST_FILE:
        raise ConfigError(SETTING, f"{where}: larger than {LARGEST_FILE} bytes")
    try:
        plain = read_strict(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(SETTING, f"{where} line {line}: {error.problem or 'not YAML'}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(SETTING, f"{where}: not YAML") from error
    if not isinstance(plain, dict) or not plain:
        raise ConfigError(SETTING, f"{where}: write at least `mode: dry_run`")
    try:
        policy = PolicyConfig.model_validate(plain)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or SETTING
        raise ConfigError(key, f"{first['msg']} ({where})") from error
    _check_names(policy, where)
    return policy.model_copy(update={"protected_namespaces": policy.protected_namespaces | PROTECTED_NAMESPACES})


def _check_names(policy: PolicyConfig, where: str) -> None:
    """Every runbook is one that there is, every namespace and every entry of a list one that could be."""
    runbooks = [runbook.name for runbook in RUNBOOKS]
    for setting, named in (("mode_by_runbook", policy.mode_by_runbook), ("approvals", policy.approvals)):
        for name in sorted(named):
            if name not in runbooks:
                raise ConfigError(f"{setting}.{name}", f"no such runbook; there are {', '.join(runbooks)} ({where})")
    for name in sorted(policy.mode_by_namespace):
        if not re.fullmatch(_NAMESPACE, name):
            raise ConfigError(f"mode_by_namespace.{name}", f"is not a namespace's name ({where})")
    if not all(re.fullmatch(_NAMESPACE, name) for name in policy.protected_namespaces):
        raise ConfigError("protected_namespaces", f"holds what is not a namespace's name ({where})")
    for setting, entries in (("rollback_allowed", policy.rollback_allowed), ("raise_allowed", policy.raise_allowed)):
        if not all(re.fullmatch(_ALLOWED, entry) for entry in entries):
            raise ConfigError(setting, f"write each as namespace/name, or namespace/* for all of one ({where})")
