"""One authority for all backends of a session, and one OpenBao for a module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.export.authority import Authority, new_authority
from tests.integration.secrets.openbao import Bao, openbao
from tests.integration.secrets.vaults import CANARY, World, set_up


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return new_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def bao(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bao]:
    with openbao(authority, tmp_path_factory.mktemp("openbao")) as started:
        yield started


@pytest.fixture(scope="module")
def tokens(bao: Bao, authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with set_up(bao, authority, tmp_path_factory.mktemp("administrator")) as projected:
        yield projected


@pytest.fixture
def world(bao: Bao, authority: Authority, tokens: dict[str, str], tmp_path: Path) -> World:
    """Where `byteport/slack#token` is kept."""
    bao.keep("byteport/slack", token=CANARY)
    return World(bao, authority, tmp_path, tokens)
