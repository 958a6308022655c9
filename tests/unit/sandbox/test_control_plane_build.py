"""Building the control plane: once, told step by step, and with one clear error when it cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from byteport.errors import ConfigError
from byteport.sandbox.controlplane import build
from byteport.sandbox.controlplane.build import ASSETS, BuildFailed, Progress, Tool, ensure_built

BUILDS = 'for word; do [ "$last" = -o ] && out=$word; last=$word; done; echo x > "$out"; chmod +x "$out"'


@pytest.fixture(autouse=True)
def nothing_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.delenv(ASSETS, raising=False)
    monkeypatch.setattr(build, "_wheel_go", lambda: None)
    (tmp_path / "bin").mkdir()


def put_go(tmp_path: Path, *, version: str = "1.26.8", builds: str = BUILDS) -> Path:
    """A `go` on PATH that notes each package that it is asked to build."""
    asked, go = tmp_path / "asked", tmp_path / "bin" / "go"
    go.write_text(
        f'#!/bin/sh\n[ "$1" = version ] && {{ echo "go version go{version} linux/amd64"; exit; }}\n'
        f"for word; do package=$word; done; echo $package >> {asked}\n{builds}\n"
    )
    go.chmod(0o755)
    return asked


def test_every_program_is_built_once_in_order_and_told(tmp_path: Path) -> None:
    asked, told = put_go(tmp_path), list[Progress]()
    folder = ensure_built(told.append)
    assert folder == build.cache_folder()
    assert asked.read_text().split() == [tool.package for tool in Tool]
    assert [(one.tool, one.number, one.total) for one in told if one.seconds == 0.0] == [
        (tool, number, len(Tool)) for number, tool in enumerate(Tool, start=1)
    ]
    ensure_built()
    assert len(asked.read_text().split()) == len(Tool)


def test_nodes_alone_is_built_again_when_its_source_has_changed(tmp_path: Path) -> None:
    asked = put_go(tmp_path)
    (ensure_built() / "nodes.source").write_text("another digest")
    ensure_built()
    assert asked.read_text().split()[len(Tool) :] == [Tool.NODES.package]


def test_a_build_that_fails_ends_with_what_go_said_and_leaves_no_program(tmp_path: Path) -> None:
    put_go(tmp_path, builds='echo "dial tcp: no route to host" >&2; echo half > "$9"; exit 1')
    with pytest.raises(BuildFailed, match=r"go build \./nodes ended with 1; see .*nodes\.log:\ndial tcp: no route"):
        ensure_built()
    assert not build.is_built(build.cache_folder())


@pytest.mark.parametrize("version", ["1.25.9", "1.9", "unknown"])
def test_a_go_that_is_too_old_is_named_with_what_to_do(tmp_path: Path, version: str) -> None:
    put_go(tmp_path, version=version)
    with pytest.raises(
        ConfigError, match=rf"go: .* Go >= 1\.26, .*{tmp_path}/bin/go is older.*byteport\[controlplane\]"
    ):
        ensure_built()


def test_without_any_go_the_error_names_the_three_ways_out() -> None:
    with pytest.raises(ConfigError, match=r"put one on PATH, or `pip install .*`, or name ready programs in BYTEPORT_"):
        ensure_built()


def test_a_folder_of_ready_programs_is_taken_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ready = tmp_path / "ready"
    ready.mkdir()
    monkeypatch.setenv(ASSETS, str(ready))
    with pytest.raises(ConfigError, match=f"{ASSETS}: .* nodes, etcd, kwok, kube-scheduler"):
        ensure_built()
    for tool in Tool:
        (ready / tool.program).touch(mode=0o755)
    assert ensure_built() == ready
