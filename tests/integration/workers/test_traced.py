"""A worker's process that is told of a collector of traces starts and ends as any other, whatever the collector does."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.builders.otlp import collecting
from tests.integration.export.authority import new_authority
from tests.integration.workers.conftest import UID, Installation, end, until_serving

pytestmark = pytest.mark.peers


def told_of(installed: Installation, endpoint: str, ca_file: Path | None) -> None:
    traces = {"endpoint": endpoint, "ca_file": str(ca_file) if ca_file else None}
    installed.settings = installed.home.write_config(
        cluster_name="test",
        cluster_uid=UID,
        temporal_address=installed.settings.temporal.address,
        kubeconfig=None,
        extra={"telemetry": {"log_level": "warning", "traces": traces}},
    )


@pytest.mark.claim("C-458")
def test_with_a_collector_that_refuses_a_worker_serves_and_ends_soon(installed: Installation, tmp_path: Path) -> None:
    authority = new_authority(tmp_path)
    with collecting(authority.server()) as collector:
        collector.answer = 503
        told_of(installed, collector.url, authority.ca_file)
        process = installed.start("--process", "notify")
        until_serving(process)
        began = time.monotonic()
        assert end(process) == 0
        assert time.monotonic() - began < 15


def test_a_file_of_the_collector_that_is_not_there_is_named_before_anything_is_served(
    installed: Installation, tmp_path: Path
) -> None:
    told_of(installed, "https://collector.example/v1/traces", tmp_path / "none.pem")
    said = installed.run("--process", "notify")
    assert said.code == 2
    assert "telemetry.traces.ca_file" in said.err
