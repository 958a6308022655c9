"""A control plane of its own, with the boundary on it: policies bind everybody of our accounts, so nobody else's tests."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from byteport.boundary.choices import Choices
from byteport.sandbox.controlplane import ControlPlane
from tests.cluster.boundary.installed import Installed
from tests.cluster.workloads import Namespace

GUARDED = pytest.StashKey[Installed]()
APP = "api"


@pytest.fixture(scope="session")
def guarded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The installation, started once and ended with the session."""
    stash = request.config.stash
    if GUARDED not in stash:
        plane = ControlPlane(tmp_path_factory.mktemp("guarded")).start()
        request.config.add_cleanup(plane.stop)
        stash[GUARDED] = Installed(plane, Choices(helper=True))
        stash[GUARDED].install()
    return stash[GUARDED]


@pytest.fixture
def shop(guarded: Installed) -> Iterator[Namespace]:
    """An enabled namespace with one Deployment `api` of two pods, in which the policies are in force."""
    namespace = Namespace(guarded.plane, f"shop-{secrets.token_hex(3)}")
    namespace.create()
    namespace.deploy(APP, replicas=2)
    namespace.await_available(APP)
    guarded.enable(namespace.name)
    guarded.await_in_force(namespace.name, namespace.pods(APP)[0]["metadata"]["name"])
    yield namespace
    namespace.delete()
