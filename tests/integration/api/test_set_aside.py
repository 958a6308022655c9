"""After a fork: a stolen token appended a record, a person looked at both logs, and the true agent goes on."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import yaml

from byteport.api import asides
from byteport.audit.words import Event
from byteport.cli.main import invoke
from byteport.errors import PreconditionFailed
from byteport.ledger.keys import read_body_keys
from byteport.ledger.log import AuditLog
from byteport.ledger.sqlite import SqliteReader, SqliteStore
from tests.builders.chained import Log, body
from tests.builders.postgres import Server
from tests.integration.api.conftest import ingesting
from tests.integration.api.world import ACME_SECOND_UID, ACME_UID, OTHER_UID, RECORDS, World

pytestmark = [pytest.mark.ledger, pytest.mark.claim("C-363")]


def store(folder: Path, name: str) -> SqliteStore:
    import secrets
    from datetime import UTC, datetime

    return SqliteStore(
        folder / name,
        keys=read_body_keys(key(folder)),
        clock=lambda: datetime.now(UTC),
        randomness=secrets.token_bytes,
    )


def key(folder: Path) -> Path:
    path = folder / "bodies.key"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text("ab" * 32 + "\n")
    return path


def settings(folder: Path, name: str) -> Path:
    path = folder / f"{name}.yaml"
    ledger = {"path": str(folder / name), "body_key": str(key(folder))}
    path.write_text(yaml.safe_dump({"ledger": ledger, "api": {"enrolment": str(folder / "enrolment.yaml")}}))
    return path


def set_aside(folder: Path, *more: str, uid: str = ACME_UID, into: str = "new.db") -> int:
    given = ["--config", str(settings(folder, "ledger.db")), "ledger", "set-aside", "--tenant", "acme"]
    given += ["--cluster-uid", uid, "--true-log", str(folder / "true.ndjson"), "--into", str(settings(folder, into))]
    given += ["--evidence", str(folder / "evidence"), "--reason", "the token of prod-eu was stolen", *more]
    return invoke(given)


async def forked(world: World) -> tuple[Log, Log]:
    """The true log, which the copy refuses, and the one that somebody with its token has appended to."""
    true, others = world.logs["acme"].append(6), world.logs["other"].append(4)
    second = world.logs["acme-second"].append(3)
    await world.agent().hand_in(true.lines(), true.checkpoint(3))
    await world.agent().hand_in(true.checkpoint())
    await world.agent("acme-second").hand_in(second.lines(), second.checkpoint())
    await world.agent("other").hand_in(others.lines())
    others.erase(2, 2, Event.PRUNED)
    assert (await world.agent("other").hand_in(others.lines(5), others.checkpoint())).status == 200
    with world.store.of("other").transaction() as tx:
        assert tx.chains.destroy_named(others.chain, [2]) == 1
    forged = Log("acme", ACME_UID, salt="forged")
    forged.key, forged.entries = true.key, list(true.entries)
    forged.append(2)
    assert (await world.agent().hand_in(forged.lines(7), forged.checkpoint())).status == 200
    true.append(2)
    assert (await world.agent().hand_in(true.lines(7))).code == "fork"
    (world.folder / "true.ndjson").write_bytes(body(true.lines(), true.checkpoint()))
    return true, forged


def rows(path: Path) -> dict[str, list[Any]]:
    with sqlite3.connect(path) as connection:
        tables = ("agent_actions", "agent_action_bodies", "checkpoints", "chain_heads", "due_removals")
        return {name: connection.execute(f"SELECT * FROM {name} ORDER BY 1, 2, 3").fetchall() for name in tables}


async def test_the_true_agent_goes_on_after_a_record_that_was_forged_with_its_token(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with World(tmp_path, store(tmp_path, "ledger.db")).running() as world:
        true, forged = await forked(world)
        logs, clusters = world.logs, world.clusters
    before = rows(tmp_path / "ledger.db")
    assert set_aside(tmp_path) == 0
    assert "records 1 to 6" in capsys.readouterr().out
    assert rows(tmp_path / "ledger.db") == before, "the copy of before stays as it is"
    told = json.loads((tmp_path / "evidence/set-aside.json").read_text())
    assert (told["agreed"]["seq"], told["last"]["hash"], told["true"]["hash"]) == (6, forged.hash, true.entries[6].hash)
    assert told["reason"] == "the token of prod-eu was stolen"
    aside = (tmp_path / "evidence/set-aside.ndjson").read_bytes().splitlines()
    assert aside == [*forged.lines(7), forged.checkpoint()]
    new = tmp_path / "second"
    new.mkdir()
    with World(new, store(tmp_path, "new.db")).running() as world:
        world.logs, world.clusters = logs, clusters
        for name, cluster in clusters.items():
            cluster.write_jwks(new / f"{name}.json")
        world.write_enrolment()
        assert (await world.agent().hand_in(true.lines(7), true.checkpoint())).json["new"] == 2
        for name, count in (("acme-second", 3), ("other", 5)):
            again = await world.agent(name).hand_in(logs[name].lines(3))
            assert (again.json["new"], again.json["duplicate"]) == (0, count - 2)
        sizes = {
            uid: [
                one["size"] for one in (await world.reader().get(f"/v1/chains/{uid}/checkpoints")).json["checkpoints"]
            ]
            for uid in (ACME_UID, ACME_SECOND_UID)
        }
        assert sizes == {ACME_UID: [3, 6, 8], ACME_SECOND_UID: [3]}
        assert len((await world.reader().get(RECORDS)).json["records"]) == 11
    due = rows(tmp_path / "new.db")["due_removals"]
    assert len(due) == 1, "what is said to be gone is still due there"
    reports = AuditLog(SqliteReader(tmp_path / "new.db", read_body_keys(key(tmp_path)))).verify_all()
    assert all(not report.findings for report in reports)


async def test_it_is_the_same_with_a_postgresql_and_the_rights_of_the_copys_own_login(
    tmp_path: Path, postgres: Server
) -> None:
    databases = [postgres.database() for _ in range(2)]
    copy, new = (ingesting(database) for database in databases)
    with World(tmp_path, copy).running() as world:
        true, forged = await forked(world)
        lines = (tmp_path / "true.ndjson").read_bytes().splitlines(keepends=True)
        found = asides.parting(lines, copy, true.chain)
        assert (found.agreed.seq, found.last.hash) == (6, forged.hash)
        carried = list(asides.carry_over(copy, new, ("acme", "other"), true.chain, found.agreed.seq))
        assert [(one.chain.cluster_uid, one.records, one.checkpoints) for one in carried] == [
            (ACME_UID, 6, 2),
            (ACME_SECOND_UID, 3, 1),
            (OTHER_UID, 5, 1),
        ]
        assert b"".join(asides.left(copy, true.chain, 6)) == body(forged.lines(7), forged.checkpoint())
        with pytest.raises(PreconditionFailed, match="empty"):
            list(asides.carry_over(copy, new, ("acme",), true.chain, found.agreed.seq))
    new.close()
    for database in databases:
        postgres.give_back(database)


async def test_what_does_not_contradict_the_copy_and_what_is_no_log_sets_nothing_aside(tmp_path: Path) -> None:
    with World(tmp_path, store(tmp_path, "ledger.db")).running() as world:
        true, forged = await forked(world)
    file, refused = tmp_path / "true.ndjson", []
    for lines in (
        true.lines(1, 6),
        forged.lines(),
        [],
        true.lines(2),
        [*true.lines(1, 5), *true.lines(7)],
        world.logs["other"].lines(),
        [b"{}"],
    ):
        file.write_bytes(body(lines))
        refused.append(set_aside(tmp_path))
    assert 0 not in refused
    file.write_bytes(body(true.lines()))
    assert set_aside(tmp_path, uid=ACME_SECOND_UID) != 0
    assert set_aside(tmp_path, into="ledger.db") == 2
    assert not (tmp_path / "new.db").exists() or not rows(tmp_path / "new.db")["agent_actions"]
    assert set_aside(tmp_path, "--dry-run") == 0
    assert not (tmp_path / "evidence").exists()
    assert set_aside(tmp_path) == 0
    assert set_aside(tmp_path) != 0, "neither over evidence nor into a copy that has something"
