"""The checkout as the house tests see it: its root, its settings, and the files that are or will be committed."""

import subprocess
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TOP_LEVEL = ("byteport", "workflows", "activities", "workers")
PURE_ROOMS = ("domain", "kubernetes", "audit", "contracts", "runbooks", "boundary")
"""Rooms of `byteport/` without clock, chance and I/O; a room of this list that does not exist yet is skipped."""


def pure_rooms() -> list[Path]:
    return [ROOT / "byteport" / room for room in PURE_ROOMS if (ROOT / "byteport" / room / "__init__.py").exists()]


@cache
def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@cache
def files() -> tuple[Path, ...]:
    """Everything git tracks or would add, as absolute paths; what .gitignore names is left out."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return tuple(path for name in listed.split("\0") if name and (path := ROOT / name).is_file())


def python_files(*folders: str) -> list[Path]:
    return [p for p in files() if p.suffix == ".py" and p.relative_to(ROOT).parts[0] in folders]
