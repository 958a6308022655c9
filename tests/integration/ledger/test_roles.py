"""What each login of the ledger's PostgreSQL can do, tried on a real server: the log as the contract says, and nothing else."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
import pytest
from psycopg import errors

from byteport.audit.verify import Verdict
from byteport.audit.words import Event, Removal
from byteport.ledger import bodies, checkpoints, cursors
from byteport.ledger.postgres_migrating import OWNER, Role
from tests.builders.postgres import Database, login
from tests.integration.ledger import world as worlds
from tests.integration.ledger.world import CHAIN, World, draft, pod_plan

STORES = ("postgres",)
LOG = ("agent_actions", "agent_action_bodies", "chain_heads", "removals", "checkpoints", "export_cursors")
REFUSED = (
    errors.InsufficientPrivilege,
    errors.IntegrityError,
    errors.WrongObjectType,
    errors.DependentObjectsStillExist,
)
EVERY_ROLE = pytest.mark.parametrize("role", list(Role))


@pytest.fixture
def database(world: World) -> Iterator[Database]:
    """Three records of ours with everything beside them, and two of another tenant."""
    for number in range(3):
        world.ledger.record(draft(f"record-{number}"))
    world.granted(world.ask(pod_plan()))
    signed(world)
    with world.store.transaction() as tx:
        cursors.advance(tx, CHAIN, "s3", 2)
        bodies.destroy(tx, CHAIN, [(1, 1)], Removal.PRUNED, draft("prune", event=Event.PRUNED))
    with world.store.of("umbrella").transaction() as tx:
        from byteport.ledger.append import append

        append(tx, draft("theirs", tenant="umbrella"))
    assert world.database is not None
    before = contents(world.database)
    yield world.database
    after = contents(world.database)
    assert [table for table in LOG if not before[table] <= after[table] and table != "chain_heads"] == []
    (report,) = world.log.verify_all()
    assert report.intact is not Verdict.EMPTY


def signed(world: World) -> None:
    """A checkpoint, by the signer's login."""
    assert world.database is not None
    store = worlds.open_at(world.database.url(Role.SIGNER), world.clock, world.chance)
    with store.transaction() as tx:
        checkpoints.add(tx, CHAIN, 2, b"root", "note")
    store.close()


def contents(database: Database) -> dict[str, set[Any]]:
    with psycopg.connect(database.url(None)) as sql:
        return {table: set(sql.execute(f"SELECT t::text FROM byteport.{table} AS t").fetchall()) for table in LOG}


def each_of(tables: Sequence[str], *statements: str) -> Iterator[str]:
    return (statement.format(table=table) for table in tables for statement in statements)


def attempt(database: Database, role: Role, *statements: str, tenant: str | None = "acme") -> int:
    """Rows that the last of the statements touched, committed if it is let; raises what the server says."""
    with psycopg.connect(database.url(role)) as sql:
        if tenant is not None:
            sql.execute("SELECT set_config('byteport.tenant', %s, true)", (tenant,))
        for statement in statements:
            done = sql.execute(statement.encode())
        return done.rowcount


@EVERY_ROLE
@pytest.mark.claim("C-087")
def test_review_20_no_login_updates_deletes_or_empties_the_log(database: Database, role: Role) -> None:
    for statement in each_of(
        LOG[:5],
        "UPDATE byteport.{table} SET tenant = tenant",
        "DELETE FROM byteport.{table}",
        "TRUNCATE byteport.{table}",
        "TRUNCATE byteport.{table} CASCADE",
        "MERGE INTO byteport.{table} AS t USING (SELECT 1) AS s ON true WHEN MATCHED THEN DELETE",
        "LOCK TABLE byteport.{table} IN ACCESS EXCLUSIVE MODE",
    ):
        with pytest.raises(errors.InsufficientPrivilege):
            attempt(database, role, statement)


@EVERY_ROLE
@pytest.mark.claim("C-087")
def test_review_20_no_login_alters_drops_or_unguards_a_table(database: Database, role: Role) -> None:
    for statement in each_of(
        LOG,
        "ALTER TABLE byteport.{table} ADD COLUMN x int",
        "ALTER TABLE byteport.{table} DISABLE TRIGGER ALL",
        "ALTER TABLE byteport.{table} DISABLE TRIGGER USER",
        "ALTER TABLE byteport.{table} NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE byteport.{table} DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE byteport.{table} OWNER TO CURRENT_USER",
        "ALTER TABLE byteport.{table} RENAME TO gone",
        "DROP TABLE byteport.{table} CASCADE",
        "DROP POLICY own_tenant ON byteport.{table}",
        "CREATE POLICY mine ON byteport.{table} USING (true)",
        "CREATE TRIGGER mine BEFORE INSERT ON byteport.{table} FOR EACH ROW EXECUTE FUNCTION byteport.refuse()",
        "CREATE RULE mine AS ON INSERT TO byteport.{table} DO INSTEAD NOTHING",
        "CREATE INDEX ON byteport.{table} (tenant)",
    ):
        with pytest.raises(errors.InsufficientPrivilege):
            attempt(database, role, statement)


@EVERY_ROLE
@pytest.mark.claim("C-087")
def test_review_20_no_login_becomes_another_or_switches_the_guards_off(database: Database, role: Role) -> None:
    for statement in (
        f"SET ROLE {OWNER}",
        "SET ROLE postgres",
        f"SET SESSION AUTHORIZATION {OWNER}",
        "SET SESSION AUTHORIZATION postgres",
        "SET session_replication_role = replica",
        f"GRANT {OWNER} TO CURRENT_USER",
        "ALTER ROLE CURRENT_USER BYPASSRLS",
        "ALTER ROLE CURRENT_USER SUPERUSER",
        f"ALTER ROLE {OWNER} LOGIN",
        "CREATE ROLE mine",
        "DROP SCHEMA byteport CASCADE",
        "ALTER SCHEMA byteport OWNER TO CURRENT_USER",
        "CREATE TABLE byteport.mine (x int)",
        "CREATE FUNCTION byteport.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "COPY byteport.agent_actions TO PROGRAM 'true'",
        "COPY byteport.agent_actions FROM PROGRAM 'true'",
        "SELECT pg_read_file('postgresql.conf')",
        "SELECT lo_import('/etc/passwd')",
        "INSERT INTO byteport.role_tenants VALUES ('postgres', 'acme')",
        "UPDATE byteport.alembic_version SET version_num = '0'",
        "DELETE FROM byteport.turns",
    ):
        with pytest.raises(errors.InsufficientPrivilege):
            attempt(database, role, statement)


@EVERY_ROLE
@pytest.mark.claim("C-087")
def test_review_20_no_login_replaces_or_drops_a_function(database: Database, role: Role) -> None:
    with psycopg.connect(database.url(None)) as sql:
        found = sql.execute(
            "SELECT pg_get_functiondef(oid), oid::regprocedure::text FROM pg_proc"
            " WHERE pronamespace = 'byteport'::regnamespace"
        ).fetchall()
    assert len(found) == 13
    for definition, signature in found:
        for statement in (
            definition,
            f"DROP FUNCTION {signature} CASCADE",
            f"ALTER FUNCTION {signature} SECURITY INVOKER",
            f"ALTER FUNCTION {signature} SET search_path = public",
            f"ALTER FUNCTION {signature} RESET search_path",
            f"ALTER FUNCTION {signature} OWNER TO CURRENT_USER",
        ):
            with pytest.raises(errors.InsufficientPrivilege):
                attempt(database, role, statement)


@EVERY_ROLE
@pytest.mark.claim("C-087")
def test_review_20_no_login_inserts_beside_the_function(database: Database, role: Role) -> None:
    for statement in each_of(
        LOG[:4],
        "INSERT INTO byteport.{table} SELECT * FROM byteport.{table}",
        "INSERT INTO byteport.{table} DEFAULT VALUES",
        "COPY byteport.{table} FROM STDIN",
    ):
        with pytest.raises(REFUSED if "SELECT" not in statement else (*REFUSED, errors.GeneratedAlways)):
            attempt(database, role, statement)


@EVERY_ROLE
@pytest.mark.claim("C-087")
@pytest.mark.parametrize("tenant", [None, "", "nobody", "umbrella"])
def test_review_20_rows_of_another_tenant_are_not_there(database: Database, role: Role, tenant: str | None) -> None:
    """Nobody's rows are seen by whoever forgets to say whose, and only their own by whoever says another's."""
    with psycopg.connect(database.url(role)) as sql:
        if tenant is not None:
            sql.execute("SELECT set_config('byteport.tenant', %s, true)", (tenant,))
        for table in (*LOG, "intents", "halts", "legal_holds"):
            try:
                with sql.transaction():
                    found = sql.execute(f"SELECT count(*) FROM byteport.{table} WHERE tenant = 'acme'".encode())
                    assert found.fetchone() == (0,), table
            except errors.InsufficientPrivilege:
                continue


def test_review_20_a_login_that_is_bound_to_a_tenant_is_no_other(database: Database) -> None:
    with psycopg.connect(database.url(None)) as sql:
        sql.execute("INSERT INTO byteport.role_tenants VALUES (%s, 'umbrella')", (login(Role.AGENT),))
    with psycopg.connect(database.url(Role.AGENT)) as sql:
        sql.execute("SELECT set_config('byteport.tenant', 'acme', true)")
        assert sql.execute("SELECT count(*) FROM byteport.agent_actions").fetchone() == (0,)
        with pytest.raises(errors.InsufficientPrivilege, match="not of that tenant"):
            sql.execute("SELECT byteport.take_turn('acme')")
    with psycopg.connect(database.url(Role.AGENT)) as sql:
        sql.execute("SELECT byteport.take_turn('umbrella')")
        assert sql.execute("SELECT count(*) FROM byteport.agent_actions").fetchone() == (1,)
    with psycopg.connect(database.url(None)) as sql:
        sql.execute("DELETE FROM byteport.role_tenants")


@EVERY_ROLE
def test_review_20_a_login_grants_itself_nothing(database: Database, role: Role) -> None:
    """PostgreSQL only warns of a grant by who may not."""
    asked = "SELECT has_table_privilege('byteport.{table}', 'UPDATE, DELETE, TRUNCATE, TRIGGER')"
    with psycopg.connect(database.url(role)) as sql:
        for grant, question in zip(
            each_of(LOG[:5], "GRANT ALL ON byteport.{table} TO CURRENT_USER"), each_of(LOG[:5], asked), strict=True
        ):
            with contextlib.suppress(errors.InsufficientPrivilege), sql.transaction():
                sql.execute(grant.encode())
            assert sql.execute(question.encode()).fetchone() == (False,)


@pytest.mark.claim("C-087")
def test_review_20_the_owner_is_bound_by_the_same_rules(database: Database) -> None:
    """Nobody logs in as the owner. Whoever became it (a superuser can) sees no row without a tenant, and is refused too."""
    with psycopg.connect(database.url(None)) as sql:
        (can,) = sql.execute(
            "SELECT rolcanlogin OR rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = %s", (OWNER,)
        ).fetchone() or (True,)
        assert not can
        sql.execute(f"SET ROLE {OWNER}".encode())
        for table in LOG:
            assert sql.execute(f"SELECT count(*) FROM byteport.{table}".encode()).fetchone() == (0,)
        sql.execute("SELECT set_config('byteport.tenant', 'acme', true)")
        for table in LOG:
            for statement in (
                f"UPDATE byteport.{table} SET tenant = tenant, cluster_uid = 'x'",
                f"DELETE FROM byteport.{table}",
                f"TRUNCATE byteport.{table}",
            ):
                with pytest.raises(errors.IntegrityError), sql.transaction():
                    sql.execute(statement.encode())
        with pytest.raises(errors.InsufficientPrivilege), sql.transaction():
            sql.execute("SET session_replication_role = replica")
        sql.rollback()


@pytest.mark.claim("C-087")
def test_review_20_the_guards_hold_for_a_superuser_who_replicates(database: Database) -> None:
    with psycopg.connect(database.url(None)) as sql:
        sql.execute("SET session_replication_role = replica")
        for table in LOG:
            with pytest.raises(errors.IntegrityError), sql.transaction():
                sql.execute(f"DELETE FROM byteport.{table}".encode())
        sql.rollback()


@pytest.mark.claim("C-087")
def test_review_20_what_anybody_may_make_shadows_nothing(database: Database) -> None:
    """Temporary tables and functions of the same names, a search path of one's own: the functions see none of it."""
    with psycopg.connect(database.url(Role.AGENT)) as sql:
        sql.execute(
            "CREATE TEMP TABLE chain_heads (tenant text, cluster_uid text, seq bigint, hash text, stamp_ms bigint, xact xid8)"
        )
        sql.execute("INSERT INTO chain_heads SELECT 'acme', 'uid-1', 0, 'sha256:' || repeat('0', 64), 0, '0'")
        sql.execute("CREATE FUNCTION pg_temp.sha256(bytea) RETURNS bytea LANGUAGE sql AS $$ SELECT ''::bytea $$")
        sql.execute("CREATE FUNCTION pg_temp.tenant() RETURNS text LANGUAGE sql AS $$ SELECT 'acme'::text $$")
        sql.execute("SET search_path = pg_temp, byteport, pg_catalog")
        sql.execute("SELECT byteport.take_turn('acme')")
        with pytest.raises(errors.IntegrityError, match="record 6 does not follow"), sql.transaction():
            append(sql, header(seq=1))
        sql.rollback()


def header(**changes: Any) -> str:
    plain = {
        "tenant": "acme",
        "cluster_uid": "uid-1",
        "seq": 6,
        "prev_hash": "sha256:" + "0" * 64,
        "id": "01890000-0000-7000-8000-000000000000",
        "key": "k" * 64,
        "timestamp": "2126-01-01T00:00:00.000Z",
        "event": "skipped",
    }
    return json.dumps({**plain, **changes}, sort_keys=True, separators=(",", ":"))


def append(
    sql: psycopg.Connection[Any],
    text: str,
    *,
    tenant: str = "acme",
    record_hash: str | None = None,
    cluster: str = "uid-1",
) -> None:
    hashed = record_hash or "sha256:" + hashlib.sha256(b"\0" + text.encode()).hexdigest()
    none = [None]
    sql.execute(
        "SELECT byteport.append(%s, %s, %s::text[], %s::text[], %s::bytea[],"
        " %s::bytea[], %s::bytea[], %s::bytea[], %s::bytea[])",
        (tenant, cluster, [text], [hashed], [b"body"], none, none, none, none),
    )


def last(sql: psycopg.Connection[Any]) -> tuple[int, str]:
    row = sql.execute("SELECT seq, hash FROM byteport.chain_heads WHERE cluster_uid = 'uid-1'").fetchone()
    assert row is not None
    return row[0], row[1]


@pytest.mark.claim("C-087")
@pytest.mark.parametrize("role", [Role.AGENT, Role.INGEST])
def test_review_20_the_function_takes_only_what_comes_next(database: Database, role: Role) -> None:
    with psycopg.connect(database.url(role)) as sql:
        sql.execute("SELECT byteport.take_turn('acme')")
        seq, hashed = last(sql)
        (known, key) = sql.execute("SELECT id, key FROM byteport.agent_actions WHERE seq = 2").fetchone() or ("", "")
        fits = {"seq": seq + 1, "prev_hash": hashed}
        forged: list[tuple[dict[str, Any], dict[str, Any]]] = [
            ({**fits, "seq": seq + 2}, {}),
            ({**fits, "seq": seq}, {}),
            ({**fits, "seq": str(seq) + ".5"}, {}),
            ({**fits, "prev_hash": "sha256:" + "1" * 64}, {}),
            ({**fits, "tenant": "umbrella"}, {}),
            ({**fits, "cluster_uid": "uid-2"}, {}),
            ({**fits, "timestamp": "2001-01-01T00:00:00.000Z"}, {}),
            ({**fits, "id": None}, {}),
            ({**fits, "id": known}, {}),
            ({**fits, "key": key}, {}),
            (fits, {"record_hash": "sha256:" + "2" * 64}),
            (fits, {"cluster": "uid-2"}),
        ]
        for changes, beside in forged:
            with pytest.raises(errors.IntegrityError), sql.transaction():
                append(sql, header(**changes), **beside)
        with pytest.raises(errors.InsufficientPrivilege), sql.transaction():
            append(sql, header(**fits, tenant="umbrella"), tenant="umbrella")
        with pytest.raises(psycopg.DataError), sql.transaction():
            append(sql, "no JSON")
        append(sql, header(**fits))
        assert last(sql)[0] == seq + 1
        sql.rollback()


@pytest.mark.claim("C-087")
@pytest.mark.parametrize("role", [Role.READER, Role.SIGNER, Role.SWITCH])
def test_review_20_who_does_not_write_the_log_cannot_append(database: Database, role: Role) -> None:
    with psycopg.connect(database.url(role)) as sql:
        sql.execute("SELECT set_config('byteport.tenant', 'acme', true)")
        with pytest.raises(errors.InsufficientPrivilege):
            append(sql, header())


@pytest.mark.claim("C-087")
def test_review_20_bodies_are_destroyed_only_by_the_record_that_was_just_appended(database: Database) -> None:
    """An older removal, another record, or ranges that name it or what comes after destroy nothing."""
    with psycopg.connect(database.url(Role.AGENT)) as sql:
        sql.execute("SELECT byteport.take_turn('acme')")
        seq, hashed = last(sql)
        for statement in (
            f"SELECT byteport.destroy_bodies('acme', 'uid-1', {seq}, '{{2}}', '{{2}}')",
            f"SELECT byteport.destroy_bodies('acme', 'uid-1', {seq - 1}, '{{2}}', '{{2}}')",
            "SELECT byteport.destroy_bodies('acme', 'uid-1', 1, '{2}', '{2}')",
        ):
            with pytest.raises(errors.IntegrityError), sql.transaction():
                sql.execute(statement.encode())
        append(sql, header(seq=seq + 1, prev_hash=hashed, event="pruned"))
        for first, to in ((seq + 1, seq + 1), (3, 2), (0, 2), (seq, seq)):
            with pytest.raises(errors.IntegrityError), sql.transaction():
                sql.execute(
                    "SELECT byteport.destroy_bodies('acme', 'uid-1', %s, %s::bigint[], %s::bigint[])",
                    (seq + 1, [first], [to]),
                )
        sql.execute("SELECT byteport.destroy_bodies('acme', 'uid-1', %s, '{2}', '{3}')", (seq + 1,))
        with pytest.raises(errors.IntegrityError, match="has destroyed what it names"), sql.transaction():
            sql.execute("SELECT byteport.destroy_bodies('acme', 'uid-1', %s, '{4}', '{4}')", (seq + 1,))
        sql.rollback()


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.AGENT}))
def test_review_20_only_who_appends_the_record_of_it_destroys_bodies(database: Database, role: Role) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        attempt(database, role, "SELECT byteport.destroy_bodies('acme', 'uid-1', 5, '{2}', '{2}')")


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.INGEST}))
def test_review_20_only_who_takes_logs_in_names_bodies_that_go_later(database: Database, role: Role) -> None:
    for statement in (
        "INSERT INTO byteport.due_removals VALUES ('acme', 'uid-1', 5, 2, 2, 0)",
        "INSERT INTO byteport.intakes VALUES ('acme', 'uid-1', 1, 0)",
        "INSERT INTO byteport.sweeps VALUES ('acme', 'mine', 0)",
        "UPDATE byteport.due_removals SET done_ms = 1",
        "SELECT byteport.destroy_named_bodies('acme', 'uid-1', '{2}')",
    ):
        with pytest.raises(errors.InsufficientPrivilege):
            attempt(database, role, statement)


@pytest.mark.claim("C-087")
def test_review_20_a_copy_destroys_only_what_a_record_named_when_it_was_the_last(database: Database) -> None:
    with psycopg.connect(database.url(Role.INGEST)) as sql:
        sql.execute("SELECT byteport.take_turn('acme')")
        seq, hashed = last(sql)
        name = "INSERT INTO byteport.due_removals VALUES ('acme', 'uid-1', {}, {}, {}, 0)"
        destroy = "SELECT byteport.destroy_named_bodies('acme', 'uid-1', '{}')"
        refused = [name.format(seq, 2, 2), name.format(1, 1, 1), destroy.format("{2}")]
        refused += [f"INSERT INTO byteport.intakes VALUES ('acme', 'uid-1', {seq + 1}, 0)"]
        for statement in refused:
            with pytest.raises(errors.IntegrityError), sql.transaction():
                sql.execute(statement.encode())
        append(sql, header(seq=seq + 1, prev_hash=hashed, event="erased"))
        for first, to in ((seq + 1, seq + 1), (3, 2), (0, 2)):
            with pytest.raises(errors.IntegrityError), sql.transaction():
                sql.execute(name.format(seq + 1, first, to).encode())
        sql.execute(name.format(seq + 1, 2, 2).encode())
        for statement in (
            destroy.format("{2,3}"),  # 3 was not named
            "UPDATE byteport.due_removals SET done_ms = 1",  # its body is still there
        ):
            with pytest.raises(errors.IntegrityError), sql.transaction():
                sql.execute(statement.encode())
        for statement in ("UPDATE byteport.due_removals SET last_seq = 9", "DELETE FROM byteport.due_removals"):
            with pytest.raises(errors.InsufficientPrivilege), sql.transaction():
                sql.execute(statement.encode())
        assert sql.execute(destroy.format("{2}").encode()).fetchone() == (1,)
        sql.execute(b"UPDATE byteport.due_removals SET done_ms = 1")
        for statement in (name.format(seq + 1, 2, 2), "UPDATE byteport.due_removals SET done_ms = 2"):
            with pytest.raises(errors.IntegrityError), sql.transaction():
                sql.execute(statement.encode())
        sql.rollback()


@pytest.mark.claim("C-087")
def test_review_20_a_copy_destroys_nothing_of_another_tenant(database: Database) -> None:
    with psycopg.connect(database.url(Role.INGEST)) as sql:
        sql.execute("SELECT byteport.take_turn('acme')")
        with pytest.raises(errors.InsufficientPrivilege), sql.transaction():
            sql.execute(b"SELECT byteport.destroy_named_bodies('umbrella', 'uid-1', '{1}')")
        sql.rollback()


@pytest.mark.claim("C-087")
def test_review_20_checkpoints_only_grow_and_only_the_signer_makes_them_grow(database: Database) -> None:
    insert = "INSERT INTO byteport.checkpoints VALUES ('acme', 'uid-1', {}, {}, '{}', 'note', 0)"
    for role, number, size, root in (
        (Role.AGENT, 2, 3, "root"),
        (Role.SIGNER, 2, 1, "root"),
        (Role.SIGNER, 2, 2, "another"),
        (Role.SIGNER, 9, 3, "root"),
        (Role.SIGNER, 1, 3, "root"),
        (Role.READER, 2, 3, "root"),
        (Role.SWITCH, 2, 3, "root"),
    ):
        with pytest.raises(REFUSED):
            attempt(database, role, insert.format(number, size, root))
    with database.as_(Role.AGENT, "acme") as sql:
        sql.execute(insert.format(2, 2, "root").encode())
    with database.as_(Role.SIGNER, "acme") as sql:
        sql.execute(insert.format(2, 3, "root").encode())


@pytest.mark.claim("C-087")
def test_review_20_cursors_only_go_forward(database: Database) -> None:
    for statement in (
        "UPDATE byteport.export_cursors SET seq = 1",
        "UPDATE byteport.export_cursors SET target = 'gcs'",
        "DELETE FROM byteport.export_cursors",
        "TRUNCATE byteport.export_cursors",
    ):
        for role in Role:
            with pytest.raises(REFUSED):
                attempt(database, role, statement)


def test_the_switch_sees_the_halt_and_nothing_else(database: Database, world: World) -> None:
    world.halts.halt(by="ada", reason="drill")
    with database.as_(Role.SWITCH, "acme") as sql:
        assert sql.execute("SELECT halted_by FROM byteport.halts").fetchone() == ("ada",)
        for table in ("agent_actions", "agent_action_bodies", "intents", "alarms"):
            with pytest.raises(errors.InsufficientPrivilege), sql.transaction():
                sql.execute(f"SELECT 1 FROM byteport.{table}".encode())
    world.halts.resume(by="ada", reason="")


def test_the_signer_reads_headers_and_no_bodies(database: Database) -> None:
    with database.as_(Role.SIGNER, "acme") as sql:
        assert sql.execute("SELECT count(*) FROM byteport.agent_actions").fetchone() == (5,)
        with pytest.raises(errors.InsufficientPrivilege):
            sql.execute("SELECT body FROM byteport.agent_action_bodies")
