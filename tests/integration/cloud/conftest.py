"""What a pod finds around it in each cloud, for every test of it. One authority for a session: making keys is what takes time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from byteport.contracts.cloud_gcp_rights import NEEDED
from tests.integration.cloud import azure_as_a_pod, gcp_reading, google_as_a_pod
from tests.integration.cloud.azure_cloud import azure
from tests.integration.cloud.azure_state import Azure
from tests.integration.cloud.gcp_monitoring import Monitoring, monitoring
from tests.integration.cloud.google_as_a_pod import PROJECT, Google, google
from tests.integration.export.authority import Authority, new_authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return new_authority(tmp_path_factory.mktemp("authority"))


@pytest_asyncio.fixture
async def google_there(authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[Google]:
    """Google Cloud, for a pod whose identity is federated and holds exactly the policy."""
    async with google(authority) as there:
        google_as_a_pod.as_a_pod(monkeypatch, tmp_path, there)
        there.held = set(NEEDED)
        yield there


@pytest_asyncio.fixture
async def metrics(google_there: Google, authority: Authority) -> AsyncIterator[Monitoring]:
    """Cloud Monitoring, which takes that identity's tokens."""
    issued = authority.trusted.issue_cert("localhost")
    async with monitoring(PROJECT, google_there.for_metrics, gcp_reading.NOW, issued) as there:
        yield there


@pytest_asyncio.fixture
async def azure_there(authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[Azure]:
    """Azure, for a pod with a workload identity."""
    async with azure(authority, azure_as_a_pod.NOW) as there:
        azure_as_a_pod.as_a_pod(monkeypatch, tmp_path, there)
        yield there
