"""An identity provider and certificates, and a codec server that trusts them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.integration.codec.page import Served, serving
from tests.integration.console import provider as providers
from tests.integration.console.provider import Provider
from tests.integration.console.room import Certificates, certificates


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("tls"))


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def provider(tls: Certificates) -> AsyncIterator[Provider]:
    async with providers.serving(tls.certificate, tls.key) as made:
        yield made


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def served(provider: Provider, tls: Certificates) -> AsyncIterator[Served]:
    async with serving(provider, tls) as made:
        yield made
