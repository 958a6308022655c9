"""What containers print and what commands answer: chosen per pod beforehand, since nothing really runs.

The same rule as the simulated nodes of the real control plane: the text of the pod's own name wins, else that of the
longest prefix of it which ends before a dash; an argv is matched word for word. Comes before `port.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

COMMAND_NOT_FOUND = 127
Said = TypeVar("Said")


class Reply(NamedTuple):
    """What a command answers."""

    stdout: str = ""
    stderr: str = ""
    exit_code: int = 0


class Scripts:
    """Log texts and replies, by namespace, pod (or prefix of its name) and container."""

    def __init__(self) -> None:
        self._logs: dict[tuple[str, str, str], str] = {}
        self._previous: dict[tuple[str, str, str], str] = {}
        self._replies: dict[tuple[str, str, str], dict[tuple[str, ...], Reply]] = {}

    def set_log(self, namespace: str, pod: str, container: str, text: str, *, previous: bool = False) -> None:
        (self._previous if previous else self._logs)[namespace, pod, container] = text

    def set_reply(self, namespace: str, pod: str, container: str, argv: Sequence[str], reply: Reply) -> None:
        self._replies.setdefault((namespace, pod, container), {})[tuple(argv)] = reply

    def log(self, namespace: str, pod: str, container: str, *, previous: bool) -> str:
        """Empty when there is none."""
        return _of(self._previous if previous else self._logs, namespace, pod, container) or ""

    def reply(self, namespace: str, pod: str, container: str, argv: Sequence[str]) -> Reply | None:
        """None where none was set."""
        return (_of(self._replies, namespace, pod, container) or {}).get(tuple(argv))


def not_found(argv: Sequence[str]) -> Reply:
    """What a command answers that is not there."""
    missing = f'exec: "{" ".join(argv)}": executable file not found in $PATH\n'
    return Reply(stderr=missing, exit_code=COMMAND_NOT_FOUND)


def _of(said: dict[tuple[str, str, str], Said], namespace: str, pod: str, container: str) -> Said | None:
    parts = pod.split("-")
    for length in range(len(parts), 0, -1):
        found = said.get((namespace, "-".join(parts[:length]), container))
        if found is not None:
            return found
    return None
