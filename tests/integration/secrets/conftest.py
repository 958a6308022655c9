"""One authority for all backends of a session, and one OpenBao for a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.export.authority import Authority, new_authority
from tests.integration.secrets.openbao import Bao, openbao


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return new_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def bao(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bao]:
    with openbao(authority, tmp_path_factory.mktemp("openbao")) as started:
        yield started
