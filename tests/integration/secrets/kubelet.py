"""A volume as a kubelet writes one: everything into a new folder, then one link swapped, so that all files change at once.

As `pkg/volume/util/atomic_writer.go` of Kubernetes does it: `..data` is a link to `..TIMESTAMP.RANDOM`; each first component of a
path is a link to `..data/COMPONENT`; a new payload is a new folder, and `..data` is renamed over. The old folder is taken away.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path


class Volume:
    """One projected volume, mounted at `folder`."""

    def __init__(self, folder: Path, *, mode: int = 0o640) -> None:
        self.folder = folder
        self._mode = mode
        self._numbers = itertools.count(1000000000)
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, payload: dict[str, str | bytes], between: Callable[[], None] = lambda: None) -> None:
        """`payload` is content by path. `between` is called when the new folder is in force and the old one still there."""
        data = self.folder / "..data"
        old = self.folder / data.readlink() if data.is_symlink() else None
        new = self.folder / f"..2026_11_27_00_00_00.{next(self._numbers)}"
        new.mkdir(0o755)
        for path, content in payload.items():
            file = new / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.encode() if isinstance(content, str) else content)
            file.chmod(self._mode)
        temporary = self.folder / "..data_tmp"
        temporary.symlink_to(new.name)
        temporary.rename(data)
        for name in {path.split("/")[0] for path in payload}:
            if not (self.folder / name).is_symlink():
                (self.folder / name).symlink_to(f"..data/{name}")
        between()
        for link in self.folder.iterdir():
            if not link.name.startswith("..") and link.name not in {path.split("/")[0] for path in payload}:
                link.unlink()
        if old is not None:
            shutil.rmtree(old)
