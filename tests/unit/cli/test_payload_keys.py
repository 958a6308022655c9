"""Payload keys of a secret backend at a person's machine: a command reads them by that person's own rights there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.secrets.kubelet import Volume
from tests.unit.cli.conftest import Run

FIRST = "11" * 32


@pytest.mark.claim("C-464")
def test_a_command_reads_them_by_the_backend_of_whoever_runs_it(byteport: Run, folder: Path) -> None:
    Volume(folder / "projected").write({"payload/keys": FIRST})
    (folder / "byteport.yaml").write_text(
        "cluster: {name: test}\n"
        "temporal: {payload_keys: payload#keys, address: '127.0.0.1:1'}\n"
        "secret: {backend: k8s, k8s: {folder: projected}}\n"
    )
    said = byteport("--config", "byteport.yaml", "runs")
    assert (said.code, "Temporal at 127.0.0.1:1 cannot be reached" in said.err) == (3, True), said.err
    (folder / "projected" / "payload").unlink()
    said = byteport("--config", "byteport.yaml", "runs")
    assert "payload#keys" in said.err
    assert FIRST not in said.out + said.err


def test_keys_init_makes_no_payload_key_where_a_backend_keeps_it(byteport: Run, folder: Path) -> None:
    (folder / "byteport.yaml").write_text("cluster: {name: test}\ntemporal: {payload_keys: payload#keys}\n")
    assert byteport("--config", "byteport.yaml", "keys", "init").code == 0
    made = sorted(path.name for path in (folder / ".byteport" / "keys").iterdir())
    assert made == ["bodies.key", "grant", "grant.pub"]
