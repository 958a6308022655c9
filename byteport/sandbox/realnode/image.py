"""The one image of the real node: busybox in a single layer, made here from the unpacked package and from nothing else.

Written as a docker-archive, which `ctr images import` reads, and as the blobs and the manifest that `registry.py`
serves. The same bytes each time. Its command sleeps, so that it serves as every pod's sandbox too.
"""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

JSON = dict[str, Any]

REGISTRY_PORT = 5000
REPOSITORY = f"127.0.0.1:{REGISTRY_PORT}/busybox"
"""In the node's own network, where `registry.py` serves it."""
TAGS = ("1", "2")
"""Tags that can be pulled. They name the same image."""
IMAGE = f"{REPOSITORY}:{TAGS[0]}"
MISSING_IMAGE = f"{REPOSITORY}:no-such-tag"
SANDBOX_IMAGE = "byteport.invalid/busybox:1"
"""Imported before anything runs, and never pulled."""

CONFIG_TYPE = "application/vnd.docker.container.image.v1+json"
LAYER_TYPE = "application/vnd.docker.image.rootfs.diff.tar"
MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
SLEEP_LONG = ["/bin/sleep", "2147483647"]
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def write_image(folder: Path, busybox: Path, machine: str) -> Path:
    """`image.tar` in `folder`, and beside it `manifest.json` and `blobs/`; `machine` is as `uname -m` has it."""
    layer = _layer(busybox)
    config = _plain(
        {
            "architecture": ARCHITECTURES.get(machine, machine),
            "os": "linux",
            "config": {"Env": ["PATH=/bin"], "Cmd": SLEEP_LONG, "WorkingDir": "/"},
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
        }
    )
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": _described(CONFIG_TYPE, config),
        "layers": [_described(LAYER_TYPE, layer)],
    }
    (folder / "blobs").mkdir(parents=True)
    (folder / "manifest.json").write_bytes(_plain(manifest))
    for blob in (config, layer):
        (folder / "blobs" / _digest(blob)).write_bytes(blob)
    inner = {"Config": "config.json", "RepoTags": [SANDBOX_IMAGE], "Layers": ["layer.tar"]}
    archive = folder / "image.tar"
    with tarfile.open(archive, "w") as tar:
        for name, content in (
            ("config.json", config),
            ("layer.tar", layer),
            ("manifest.json", json.dumps([inner]).encode()),
        ):
            _add_file(tar, name, content)
    return archive


def _layer(busybox: Path) -> bytes:
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        for name, mode in (("bin", 0o755), ("etc", 0o755), ("tmp", 0o1777), ("var", 0o755)):
            directory = tarfile.TarInfo(name)
            directory.type, directory.mode = tarfile.DIRTYPE, mode
            tar.addfile(directory)
        _add_file(tar, "bin/busybox", busybox.read_bytes(), mode=0o755)
        _add_file(tar, "etc/passwd", b"root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n")
        _add_file(tar, "etc/group", b"root:x:0:\nnobody:x:65534:\n")
        for applet in sorted(set(applets) - {"busybox"}):
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    return whole.getvalue()


def _add_file(tar: tarfile.TarFile, name: str, content: bytes, *, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))


def _described(media_type: str, content: bytes) -> JSON:
    return {"mediaType": media_type, "size": len(content), "digest": _digest(content)}


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _plain(document: JSON) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
