"""How the ledger's PostgreSQL is spoken to: verified TLS everywhere but on this machine, and no way to say otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from byteport.errors import ConfigError
from byteport.ledger.address import address, conninfo, for_people

AWAY = "postgresql://agent@db.example.org/ledger"


@pytest.mark.claim("C-372")
@pytest.mark.parametrize(
    "host",
    ["db.example.org", "10.0.0.7", "localhost.example.org", "[2001:db8::1]", "127.0.0.1.example.org", "db,localhost"],
)
def test_another_machine_is_spoken_to_by_verified_tls_only(host: str) -> None:
    said = address(f"postgresql://agent@{host}/ledger")
    assert (said["sslmode"], said["sslrootcert"]) == ("verify-full", "system")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "%2Fvar%2Frun%2Fpostgresql", "127.8.8.8"])
def test_this_machine_needs_none(host: str) -> None:
    assert address(f"postgresql://agent@{host}/ledger")["sslmode"] == "prefer"


@pytest.mark.claim("C-372")
@pytest.mark.parametrize("mode", ["disable", "allow", "prefer", "require", "verify-ca"])
def test_less_cannot_be_asked_for(mode: str) -> None:
    with pytest.raises(ConfigError, match=r"ledger\.url: .*verify-full; leave it out"):
        address(f"{AWAY}?sslmode={mode}")


def test_an_authority_of_ones_own_is_named_by_its_file() -> None:
    assert address(f"{AWAY}?sslrootcert=/etc/ca.pem&sslmode=verify-full")["sslrootcert"] == "/etc/ca.pem"


@pytest.mark.claim("C-372")
@pytest.mark.parametrize(
    "said",
    [
        "hostaddr=127.0.0.1",
        "service=other",
        "passfile=/tmp/x",
        "options=-c%20row_security%3Doff",
        "sslnegotiation=direct",
        "ssl_min_protocol_version=TLSv1",
        "requirepeer=postgres",
        "gssencmode=require",
    ],
)
def test_what_could_send_it_elsewhere_or_weaken_it_is_not_said(said: str) -> None:
    with pytest.raises(ConfigError, match=r"ledger\.url: must not say"):
        address(f"{AWAY}?{said}")


def test_a_password_stands_in_a_file_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"must not hold a password; .*ledger\.password_file") as refused:
        address("postgresql://agent:hunter2@db.example.org/ledger")
    assert "hunter2" not in str(refused.value)
    file = tmp_path / "password"
    file.write_text("hunter2\n")
    file.chmod(0o644)
    with pytest.raises(ConfigError, match=r"ledger\.password_file: .*chmod 600"):
        conninfo(AWAY, file)
    file.chmod(0o600)
    assert conninfo_to_dict(conninfo(AWAY, file))["password"] == "hunter2"
    file.write_text("changed since\n")
    assert conninfo_to_dict(conninfo(AWAY, file))["password"] == "changed since"


def test_no_password_is_looked_for_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSFILE", "/tmp/theirs")
    assert conninfo_to_dict(conninfo(AWAY, None))["passfile"] == "/dev/null/none"


@pytest.mark.parametrize(
    "url", ["postgresql://db.example.org/ledger", "postgresql://agent@/ledger", "postgresql://agent@db"]
)
def test_nothing_is_taken_from_the_environment(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGHOST", "PGUSER", "PGDATABASE"):
        monkeypatch.setenv(name, "theirs")
    with pytest.raises(ConfigError, match="must say the"):
        address(url)


def test_it_is_named_to_people_without_anything_secret() -> None:
    assert for_people(f"{AWAY}?sslrootcert=/etc/ca.pem") == "postgresql://agent@db.example.org/ledger"


def test_what_is_no_url_is_one_line() -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        address("postgresql://agent@[::1/ledger")
