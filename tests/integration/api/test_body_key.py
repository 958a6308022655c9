"""A copy that was started with another key of bodies than the one under which it kept what it has."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime
from pathlib import Path

import pytest

from byteport.ledger.keys import BodyKeys
from byteport.ledger.sqlite import SqliteStore
from byteport.trust.key_files import KeyRing, SymmetricKey
from tests.integration.api.world import ACME_UID, RECORDS, World

pytestmark = pytest.mark.ledger


def store(path: Path, keys: BodyKeys) -> SqliteStore:
    return SqliteStore(path, keys=keys, clock=lambda: datetime.now(UTC), randomness=secrets.token_bytes)


async def test_with_another_key_it_is_not_ready_and_nothing_of_the_tenant_is_taken_or_given_out(tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    with World(tmp_path).running() as world:
        log, cluster = world.logs["acme"].append(3), world.clusters["acme"]
        assert (await world.agent().hand_in(log.lines())).status == 200
    other = BodyKeys(KeyRing((SymmetricKey(bytes(32)),), "another"))
    with World(tmp_path / "second", store(tmp_path / "ledger.db", other)).running() as world:
        world.logs["acme"], world.clusters["acme"] = log, cluster
        cluster.write_jwks(world.folder / "acme.json")
        world.write_enrolment()
        ready = await world.nobody().get("/readyz")
        assert (ready.status, ready.json) == (503, {"status": "not_ready", "missing": ["body_key"]})
        assert (await world.agent().hand_in(log.append(1).lines(4))).code == "store_unavailable"
        record = json.loads(log.entries[0].header)["id"]
        for path in (RECORDS, f"{RECORDS}/{record}", f"/v1/chains/{ACME_UID}/export"):
            answer = await world.reader().get(path)
            assert (answer.status, answer.code) == (503, "store_unavailable")
        assert (await world.agent("other").hand_in(world.logs["other"].append(1).lines())).status == 200
    both = BodyKeys(KeyRing((SymmetricKey(bytes(32)), SymmetricKey(bytes(range(32)))), "both"))
    (tmp_path / "third").mkdir()
    with World(tmp_path / "third", store(tmp_path / "ledger.db", both)).running() as world:
        world.logs["acme"], world.clusters["acme"] = log, cluster
        cluster.write_jwks(world.folder / "acme.json")
        world.write_enrolment()
        assert (await world.nobody().get("/readyz")).status == 200, "a key that was changed stands beside the old one"
        assert (await world.agent().hand_in(log.lines(4))).json["new"] == 1
        assert len((await world.reader().get(RECORDS)).json["records"]) == 4
