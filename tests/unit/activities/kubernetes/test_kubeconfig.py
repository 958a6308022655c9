"""A kubeconfig is taken for what somebody handed over: nothing is run for it, and a mistake is one line that names it."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml

from activities.kubernetes.client import connect
from activities.kubernetes.credentials import load_credentials
from activities.kubernetes.kubeconfig import default_paths, one_context
from byteport.errors import ConfigError
from byteport.sandbox.controlplane.components import write_kubeconfig
from byteport.sandbox.controlplane.pki import Authority

JSON = dict[str, Any]


def _config(**user: Any) -> JSON:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "one",
        "contexts": [{"name": "one", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:6443"}}],
        "users": [{"name": "u", "user": user}],
    }


def _write(folder: Path, document: Any, name: str = "config") -> Path:
    path = folder / name
    path.write_text(document if isinstance(document, str) else yaml.safe_dump(document))
    return path


@pytest.mark.claim("C-107")
@pytest.mark.parametrize(
    "user",
    [
        {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "touch", "args": ["FILE"]}},
        {"auth-provider": {"name": "gcp", "config": {"cmd-path": "touch"}}},
        {"token": "t", "exec": {"command": "touch", "args": ["FILE"]}},
    ],
)
async def test_a_plugin_is_refused_and_never_run(tmp_path: Path, user: JSON) -> None:
    witness = tmp_path / "witness"
    text = yaml.safe_dump(_config(**user)).replace("FILE", str(witness))
    with pytest.raises(ConfigError, match="allow_exec_plugins") as caught:
        await connect(_write(tmp_path, text))
    assert caught.value.key == "cluster.kubeconfig"
    assert not witness.exists()


async def test_a_plugin_that_is_allowed_is_asked_for_the_token(tmp_path: Path) -> None:
    answer = '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "from-plugin"}}'
    program = tmp_path / "plugin"
    program.write_text(f"#!/bin/sh\necho '{answer}'\n")
    program.chmod(0o700)
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(program), "args": []}}
    credentials = await load_credentials(_write(tmp_path, _config(**user)), None, allow_exec_plugins=True)
    assert await credentials.authorization() == "Bearer from-plugin"


async def test_a_plugin_that_gives_nothing_is_an_error_of_configuration(tmp_path: Path) -> None:
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "/bin/false", "args": []}}
    with pytest.raises(ConfigError, match="no credential"):
        await load_credentials(_write(tmp_path, _config(**user)), None, allow_exec_plugins=True)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("{", "cannot be read"),
        ("- a list\n", "is not a kubeconfig"),
        ({"contexts": []}, "no current-context"),
        (_config() | {"current-context": "two"}, "no context 'two'; it has one"),
        (_config() | {"clusters": None}, "no cluster 'c'; it has none"),
        (_config() | {"clusters": [{"name": "c", "cluster": {"server": "http://10.0.0.1"}}]}, "https://"),
        (_config() | {"clusters": [{"name": "c", "cluster": {}}]}, "https://"),
        (_config() | {"users": [{"name": "u"}]}, "no user 'u'"),
        (_config(**{"client-certificate-data": "bm90IGEga2V5", "client-key-data": "bm90IGEga2V5"}), "cannot be used"),
        (_config(tokenFile="nothing-here"), "cannot be used"),
        ("x" * (2 << 20), "larger"),
    ],
)
async def test_a_malformed_kubeconfig_is_one_line_that_names_it(tmp_path: Path, document: Any, words: str) -> None:
    path = _write(tmp_path, document)
    with pytest.raises(ConfigError, match=words) as caught:
        await connect(path)
    assert "\n" not in str(caught.value)
    assert caught.value.key in ("cluster.kubeconfig", "cluster.context")


async def test_a_missing_kubeconfig_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="absent does not exist"):
        await connect(tmp_path / "absent")


@pytest.mark.claim("C-106")
async def test_an_error_never_quotes_the_credential(tmp_path: Path) -> None:
    user = {"client-certificate-data": "c2VjcmV0LWtleQ==", "client-key-data": "c2VjcmV0LWtleQ==", "token": "hunter2"}
    with pytest.raises(ConfigError) as caught:
        await connect(_write(tmp_path, _config(**user)))
    assert "hunter2" not in str(caught.value)
    assert "secret" not in str(caught.value)


async def test_inline_keys_are_gone_from_the_disk_once_they_are_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    modes: list[int] = []
    written = Path.write_bytes

    def watched(path: Path, data: bytes) -> int:
        if scratch in path.parents:
            modes.append(stat.S_IMODE(path.stat().st_mode))
        return written(path, data)

    authority = Authority(tmp_path / "pki")
    pair = authority.issue("me", "me")
    config = write_kubeconfig(tmp_path / "config", "https://127.0.0.1:1", authority.certificate, "me", pair)
    monkeypatch.setattr(Path, "write_bytes", watched)
    for _ in range(2):
        credentials = await load_credentials(config, None)
    assert modes == [0o600] * 6
    assert list(scratch.iterdir()) == []
    assert len(credentials.ca_digest) == 64
    assert credentials.verifies_server


async def test_paths_in_a_kubeconfig_are_its_own_folders(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "home" / "pki")
    (tmp_path / "home" / "token").write_text("from-file")
    document = _config(tokenFile="token")
    document["clusters"][0]["cluster"]["certificate-authority"] = "pki/ca.crt"
    credentials = await load_credentials(_write(tmp_path / "home", document), None)
    assert await credentials.authorization() == "Bearer from-file"
    assert credentials.ca_digest
    assert authority.certificate.exists()


@pytest.mark.claim("C-108")
async def test_review_14_a_server_that_is_not_verified_is_told_apart(tmp_path: Path) -> None:
    document = _config(token="t")
    document["clusters"][0]["cluster"]["insecure-skip-tls-verify"] = True
    assert not (await load_credentials(_write(tmp_path, document), None)).verifies_server


def test_of_several_files_the_first_that_names_something_wins(tmp_path: Path) -> None:
    first = _write(tmp_path, {"users": [{"name": "u", "user": {"token": "first"}}]}, "first")
    second = _write(tmp_path, _config(token="second"), "second")
    chosen = one_context([first, second], None, allow_exec_plugins=False)
    assert chosen["users"][0]["user"] == {"token": "first"}
    assert chosen["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:6443"


def test_kubectls_own_places_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = _write(tmp_path, _config())
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join([str(tmp_path / "absent"), str(there)]))
    assert default_paths() == [there]
    monkeypatch.delenv("KUBECONFIG")
    assert default_paths() == [Path.home() / ".kube" / "config"]


async def test_in_a_pod_the_service_account_is_used_and_its_absence_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    with pytest.raises(ConfigError, match="ServiceAccount") as caught:
        await connect()
    assert caught.value.key == "cluster"
