"""One authority for all clouds of a session: making keys is what takes time."""

from __future__ import annotations

import pytest

from tests.integration.export.authority import Authority, new_authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return new_authority(tmp_path_factory.mktemp("authority"))
