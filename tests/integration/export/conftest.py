"""One authority for all receivers of a session: making keys is what takes time."""

from __future__ import annotations

import pytest

from tests.integration.export.authority import Authority, new_authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return new_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(autouse=True)
def _a_share_of_time_that_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """How much is shipped at a time must not depend on how busy the machine is; whoever tests the share sets it shorter."""
    monkeypatch.setattr("activities.export.target.SHARE_SECONDS", 600.0)
