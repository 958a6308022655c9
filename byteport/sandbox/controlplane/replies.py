"""What simulated containers have printed, and what commands in them answer: files that `nodes/main.go` reads.

Written by the demo and by tests through `ControlPlane`; nothing here is ever run. A pod may be named in full or by a
prefix of its name that ends before a dash (`web` for every pod of the Deployment `web`); the longest that fits wins.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from byteport.errors import MalformedInput

NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")


class Answer(NamedTuple):
    """What a command answers, once another has been run."""

    argv: Sequence[str]
    stdout: str = ""
    stderr: str = ""
    exit_code: int = 0


class Replies:
    """The folder of logs and answers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write_log(self, namespace: str, pod: str, container: str, text: str, *, previous: bool = False) -> None:
        """Replace the container's log, or that of the container before it. Raises `MalformedInput` for a bad name."""
        name = "previous.log" if previous else "current.log"
        _replace(self._container(namespace, pod, container) / name, text)

    def write_exec(
        self,
        namespace: str,
        pod: str,
        container: str,
        argv: Sequence[str],
        *,
        stdout: str = "",
        stderr: str = "",
        exit_code: int = 0,
        delay: timedelta = timedelta(0),
        then: Sequence[Answer] = (),
    ) -> None:
        """Answer exactly this argv; an answer given before is replaced. What has no answer ends with 127.

        `then` are the answers that take the place of others once this one has been given: what the command did.
        """
        file = self._container(namespace, pod, container) / "exec.json"
        answers: list[dict[str, Any]] = json.loads(file.read_text()) if file.exists() else []
        answer = {
            "argv": list(argv),
            "stdout": stdout,
            "stderr": stderr,
            "exit_code": exit_code,
            "delay_ms": int(delay.total_seconds() * 1000),
            **({"then": [{**one._asdict(), "argv": list(one.argv)} for one in then]} if then else {}),
        }
        kept = [one for one in answers if one["argv"] != answer["argv"]]
        _replace(file, json.dumps([*kept, answer], indent=1))

    def answers(self, namespace: str, pod: str, container: str) -> dict[tuple[str, ...], str]:
        """What each command prints now, by its words."""
        file = self._container(namespace, pod, container) / "exec.json"
        answers: list[dict[str, Any]] = json.loads(file.read_text()) if file.exists() else []
        return {tuple(one["argv"]): str(one["stdout"]) for one in answers}

    def _container(self, namespace: str, pod: str, container: str) -> Path:
        for part in (namespace, pod, container):
            if not NAME.fullmatch(part):
                raise MalformedInput("replies", f"{part!r} is no object's name")
        folder = self.folder / namespace / pod / container
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def _replace(file: Path, text: str) -> None:
    part = file.with_name(f".{file.name}.part")
    part.write_text(text)
    part.replace(file)
