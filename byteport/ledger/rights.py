"""Whether a login of the ledger's PostgreSQL may do what it should and no more, and whether the guards stand as they were made.

Each thing that is too much or too little comes with the exact statement that mends it, for an administrator. Asked by
`byteport doctor` and before a process that writes the ledger starts. Comes after `postgres`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from byteport.errors import ConfigError, Unavailable
from byteport.ledger.address import SETTING, conninfo, for_people
from byteport.ledger.dialect import Row, rows
from byteport.ledger.migrating import FOLDER
from byteport.ledger.postgres import Connection, must_be_of_this_version
from byteport.ledger.postgres_migrating import OLDEST_SERVER, OWNER, Role


class Amiss(NamedTuple):
    """One thing that is not as it should be."""

    says: str
    remedy: str
    """A statement of SQL, or a command."""


_ROLE = (
    "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolreplication FROM pg_roles WHERE rolname = current_user"
)
_MEMBERSHIPS = "SELECT rolname FROM pg_roles WHERE pg_has_role(rolname, 'MEMBER') AND rolname LIKE 'byteport%'"
_GRANTS = """
SELECT relation.relname AS relation, given.privilege_type AS privilege,
       CASE WHEN given.grantee = 0 THEN 'PUBLIC' ELSE pg_get_userbyid(given.grantee)::text END AS grantee
  FROM pg_class AS relation, aclexplode(relation.relacl) AS given
 WHERE relation.relnamespace = 'byteport'::regnamespace AND relation.relkind IN ('r', 'p', 'v')
   AND given.grantee <> relation.relowner
   AND (given.grantee = 0 OR (pg_has_role(given.grantee, 'MEMBER') AND pg_get_userbyid(given.grantee) <> ALL (%s)))
 ORDER BY 1, 2, 3
"""
_GUARDS = """
SELECT relname, relrowsecurity AND relforcerowsecurity AS bound, pg_get_userbyid(relowner) AS owner
  FROM pg_class WHERE relnamespace = 'byteport'::regnamespace AND relkind = 'r' ORDER BY relname
"""
_POLICIES = """
SELECT relname AS relation, polname AS policy, pg_get_expr(polqual, polrelid) AS seen, pg_get_expr(polwithcheck, polrelid) AS written
  FROM pg_policy JOIN pg_class ON pg_class.oid = polrelid WHERE relnamespace = 'byteport'::regnamespace ORDER BY 1, 2
"""
_OWN = "(tenant = ( SELECT byteport.tenant() AS tenant))"
"""As PostgreSQL writes the one condition of every tenant's table."""
_OTHER_POLICIES = {("alembic_version", "everybody"), ("alembic_version", "owner"), ("role_tenants", "owner")}
_TRIGGERS = """
SELECT relation.relname, trigger.tgname, trigger.tgenabled FROM pg_trigger AS trigger JOIN pg_class AS relation ON relation.oid = tgrelid
 WHERE NOT tgisinternal AND relnamespace = 'byteport'::regnamespace ORDER BY 1, 2
"""
_FUNCTIONS = """
SELECT oid::regprocedure::text AS name, pg_get_userbyid(proowner) AS owner, prosecdef,
       coalesce(proconfig, '{}') @> ARRAY['search_path=pg_catalog, pg_temp'] AS pinned
  FROM pg_proc WHERE pronamespace = 'byteport'::regnamespace ORDER BY 1
"""
GUARDED = {
    "agent_actions": ("never_deleted", "never_truncated", "never_updated"),
    "agent_action_bodies": ("never_truncated", "never_updated", "only_by_a_removal"),
    "chain_heads": ("never_deleted", "never_truncated", "only_grows"),
    "removals": ("never_deleted", "never_truncated", "never_updated", "only_by_the_last_record"),
    "checkpoints": ("never_deleted", "never_truncated", "never_updated", "only_grow"),
    "export_cursors": ("never_deleted", "never_truncated", "only_forward"),
    "intakes": ("never_deleted", "never_truncated", "never_updated", "only_grow"),
    "due_removals": ("done_once", "never_deleted", "never_truncated", "only_by_the_last_record"),
}
"""Triggers that must be there and on, by table."""


def look(url: str, password_file: Path | None, wanted: Role = Role.AGENT) -> tuple[Amiss, ...]:
    """What is amiss with the login of `url`, which should be a member of `wanted` and of nothing else of ours.

    Raises `Unavailable` when the server does not answer or does not let the login in, `ConfigError` for tables of another
    version.
    """
    try:
        with psycopg.connect(conninfo(url, password_file), row_factory=rows) as connection:
            if connection.info.server_version < OLDEST_SERVER:
                raise ConfigError(
                    SETTING, f"the server is PostgreSQL {connection.info.server_version // 10000}; 14 is needed"
                )
            connection.read_only = True
            login = [*_of_the_login(connection, wanted)]
            if not _is_member(connection, wanted):
                return tuple(login)  # it sees nothing else of ours
            _known(url, connection)
            return (
                *login,
                *_of_grants(connection),
                *_of_tables(connection),
                *_of_triggers(connection),
                *_of_functions(connection),
            )
    except psycopg.OperationalError as error:
        raise Unavailable(f"the ledger's database does not answer: {str(error).splitlines()[0]}") from error


def _known(url: str, connection: Connection) -> None:
    try:
        must_be_of_this_version(connection, for_people(url))
    except (psycopg.errors.UndefinedTable, psycopg.errors.InsufficientPrivilege):
        raise ConfigError(
            SETTING, "has no tables of ours that this login may see; an administrator runs: byteport ledger migrate"
        ) from None


def _is_member(connection: Connection, wanted: Role) -> bool:
    row = connection.execute(
        "SELECT 1 FROM pg_roles WHERE rolname = %s AND pg_has_role(rolname, 'MEMBER')", (wanted.value,)
    )
    return row.fetchone() is not None


def _of_the_login(connection: Connection, wanted: Role) -> Iterator[Amiss]:
    login, superuser, bypasses, creates, replicates = _first(connection, _ROLE)
    name = sql.Identifier(login).as_string()
    for has, attribute in (
        (superuser, "SUPERUSER"),
        (bypasses, "BYPASSRLS"),
        (creates, "CREATEROLE"),
        (replicates, "REPLICATION"),
    ):
        if has:
            yield Amiss(f"{login} has {attribute}, and is held to nothing by it", f"ALTER ROLE {name} NO{attribute}")
    if superuser:
        return  # it is a member of everything, and has every right
    ours = {row[0] for row in connection.execute(_MEMBERSHIPS)} - {login}
    if wanted.value not in ours:
        yield Amiss(f"{login} is no member of {wanted}", f"GRANT {wanted} TO {name}")
    for role in sorted(ours - {wanted.value}):
        what = ", which owns the log" if role == OWNER else ""
        yield Amiss(f"{login} is a member of {role} too{what}", f"REVOKE {role} FROM {name}")


def _of_grants(connection: Connection) -> Iterator[Amiss]:
    """What the login was given beside our roles. A superuser has every right, and that was told."""
    login, superuser, *_ = _first(connection, _ROLE)
    name = sql.Identifier(login).as_string()
    if superuser:
        return
    for row in connection.execute(_GRANTS, ([role.value for role in Role],)):
        grantee = row["grantee"] if row["grantee"] == "PUBLIC" else sql.Identifier(row["grantee"]).as_string()
        yield Amiss(
            f"{login} may {row['privilege']} {row['relation']}, which no role of ours grants",
            f"REVOKE {row['privilege']} ON byteport.{row['relation']} FROM {grantee}",
        )
    if connection.info.server_version >= 150000:
        (replays,) = _first(connection, "SELECT has_parameter_privilege('session_replication_role', 'SET')")
        if replays:
            yield Amiss(
                f"{login} may set session_replication_role",
                f"REVOKE SET ON PARAMETER session_replication_role FROM {name}",
            )


def _of_tables(connection: Connection) -> Iterator[Amiss]:
    for row in connection.execute(_GUARDS):
        if row["owner"] != OWNER:
            yield Amiss(
                f"{row['relname']} is owned by {row['owner']}",
                f"ALTER TABLE byteport.{row['relname']} OWNER TO {OWNER}",
            )
        if not row["bound"]:
            yield Amiss(
                f"{row['relname']} shows rows of every tenant",
                f"ALTER TABLE byteport.{row['relname']} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
            )
    for row in connection.execute(_POLICIES):
        if (row["relation"], row["policy"]) in _OTHER_POLICIES:
            continue
        ours, place = row["policy"] == "own_tenant", f"{row['policy']} ON byteport.{row['relation']}"
        if not ours or {row["seen"], row["written"]} != {_OWN}:
            yield Amiss(
                f"the policy {row['policy']} of {row['relation']} lets more through than the tenant's own rows",
                f"ALTER POLICY {place} USING {_OWN} WITH CHECK {_OWN}" if ours else f"DROP POLICY {place}",
            )


def _of_triggers(connection: Connection) -> Iterator[Amiss]:
    there = {(row["relname"], row["tgname"]): row["tgenabled"] for row in connection.execute(_TRIGGERS)}
    for relation, names in GUARDED.items():
        for trigger in names:
            state = there.get((relation, trigger))
            if state is None:
                yield Amiss(f"the trigger {trigger} of {relation} is gone", _made_by(relation, trigger))
            elif state not in (b"A", "A"):
                yield Amiss(
                    f"the trigger {trigger} of {relation} is not always on",
                    f"ALTER TABLE byteport.{relation} ENABLE ALWAYS TRIGGER {trigger}",
                )


def _of_functions(connection: Connection) -> Iterator[Amiss]:
    for row in connection.execute(_FUNCTIONS):
        if row["owner"] != OWNER:
            yield Amiss(f"{row['name']} is owned by {row['owner']}", f"ALTER FUNCTION {row['name']} OWNER TO {OWNER}")
        if not row["pinned"]:
            yield Amiss(
                f"{row['name']} looks for names where anybody may put them",
                f"ALTER FUNCTION {row['name']} SET search_path = pg_catalog, pg_temp",
            )


def _made_by(relation: str, trigger: str) -> str:
    """The statements by which the migrations made a trigger."""
    scripts = "".join(path.read_text() for path in sorted((FOLDER / "postgres").glob("v*_up.sql")))
    (made,) = re.findall(rf"CREATE TRIGGER {trigger} [^;]* ON byteport\.{relation}\s[^;]*", scripts)
    return f"{' '.join(made.split())}; ALTER TABLE byteport.{relation} ENABLE ALWAYS TRIGGER {trigger}"


def _first(connection: Connection, statement: str) -> Row:
    row: Any = connection.execute(statement.encode()).fetchone()
    assert isinstance(row, Row)
    return row
