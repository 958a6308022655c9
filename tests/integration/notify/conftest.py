"""One authority for all receivers, and secrets that lie in memory."""

from __future__ import annotations

import pytest

from tests.integration.export.authority import Authority, new_authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return new_authority(tmp_path_factory.mktemp("authority"))
