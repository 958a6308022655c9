"""The parts of a real node that need no root: its image, its registry, its ports, its configuration and what it asks of a machine."""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from byteport.sandbox.children import free_port
from byteport.sandbox.realnode import configuration, groups, image, machine, packages, registry

BUSYBOX = "#!/bin/sh\necho busybox; echo sh; echo df\n"


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """The image's folder, of a busybox that is a script."""
    busybox = tmp_path / "busybox"
    busybox.write_text(BUSYBOX)
    busybox.chmod(0o755)
    image.write_image(tmp_path / "image", busybox, "x86_64")
    return tmp_path / "image"


def test_the_image_is_one_layer_with_busybox_and_a_link_for_each_of_its_programs(written: Path) -> None:
    with tarfile.open(written / "image.tar") as archive:
        (inner,) = json.loads(_content(archive, "manifest.json"))
        assert inner["RepoTags"] == [image.SANDBOX_IMAGE]
        (layer,) = inner["Layers"]
        config = json.loads(_content(archive, inner["Config"]))
        (digest,) = config["rootfs"]["diff_ids"]
        assert digest == f"sha256:{hashlib.sha256(_content(archive, layer)).hexdigest()}"
        assert config["architecture"] == "amd64"
        with tarfile.open(fileobj=archive.extractfile(layer)) as tree:
            links = {entry.name: entry.linkname for entry in tree if entry.issym()}
            assert links == {"bin/sh": "busybox", "bin/df": "busybox"}
            assert _content(tree, "bin/busybox").decode() == BUSYBOX
            assert tree.getmember("bin/busybox").mode == 0o755


def test_the_same_image_is_the_same_bytes(written: Path, tmp_path: Path) -> None:
    image.write_image(tmp_path / "again", tmp_path / "busybox", "x86_64")
    assert (tmp_path / "again" / "image.tar").read_bytes() == (written / "image.tar").read_bytes()


@pytest.fixture
def served(written: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(registry, "REGISTRY_PORT", free_port())
    server = registry.serve(written)
    yield f"http://127.0.0.1:{server.server_port}/v2/busybox"
    server.shutdown()
    server.server_close()


def test_the_registry_serves_what_a_pull_asks_for_and_nothing_else(served: str) -> None:
    with urllib.request.urlopen(f"{served}/manifests/{image.TAGS[0]}") as answer:
        assert answer.headers["Content-Type"] == image.MANIFEST_TYPE
        manifest = json.loads(answer.read())
    for part in (manifest["config"], *manifest["layers"]):
        with urllib.request.urlopen(f"{served}/blobs/{part['digest']}") as answer:
            content = answer.read()
        assert (len(content), f"sha256:{hashlib.sha256(content).hexdigest()}") == (part["size"], part["digest"])
    for missing in ("manifests/no-such-tag", f"blobs/sha256:{'0' * 64}", "../../etc/passwd"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{served}/{missing}")
        assert refused.value.code == 404


def test_the_groups_of_this_process_are_found_below_whatever_is_mounted(monkeypatch: pytest.MonkeyPatch) -> None:
    mounted = (
        "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
        "33 31 0:30 /docker/a /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct\n"
        "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
        "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
        "36 31 0:33 /elsewhere /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
        "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
    )
    own = "9:name=systemd:/\n8:pids:/x\n4:memory:/jobs/7\n2:cpu,cpuacct:/docker/a/b\n0::/\n"
    texts = {"/proc/self/mountinfo": mounted, "/proc/self/cgroup": own}
    monkeypatch.setattr(Path, "read_text", lambda path: texts[str(path)])
    assert groups.hierarchies() == [
        groups.Hierarchy("cpu,cpuacct", Path("/sys/fs/cgroup/cpu,cpuacct/b")),
        groups.Hierarchy("memory", Path("/sys/fs/cgroup/memory/jobs/7")),
        groups.Hierarchy("name=systemd", Path("/sys/fs/cgroup/systemd")),
    ]
    assert groups.lacking() == "no control groups of version 1 for cpuset, devices, freezer, pids"


def test_without_root_there_is_no_node_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert machine.why_not() == "not root"


def test_without_a_package_manager_there_is_none_either(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert packages.lacking() == "no apt-get and no dpkg-deb here"
    packages.folder().mkdir(parents=True)
    (packages.folder() / packages.WHOLE).touch()
    assert packages.lacking() is None


def test_the_kubelet_evicts_nothing_serves_loopback_alone_and_asks_for_a_certificate() -> None:
    said = yaml.safe_load(configuration.kubelet(12345, 10))
    assert (said["address"], said["port"], said["readOnlyPort"]) == ("127.0.0.1", 12345, 0)
    assert not said["authentication"]["anonymous"]["enabled"]
    assert said["evictionHard"] == {}
    assert said["crashLoopBackOff"] == {"maxContainerRestartPeriod": "10s"}


def test_pods_are_linked_without_a_rule_of_a_firewall() -> None:
    (plugin,) = json.loads(configuration.pod_network())["plugins"]
    assert (plugin["type"], plugin["ipMasq"]) == ("ptp", False)


def _content(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    assert file is not None
    return file.read()
