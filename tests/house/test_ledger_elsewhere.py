"""What the page on running the ledger elsewhere shows is what the program takes, and its parts fit each other."""

from __future__ import annotations

from pathlib import Path

from byteport.api.enrolment import parse
from byteport.settings.load import load
from tests.builders.elsewhere import ENROLMENT, PAGE, SETTINGS, UNIT, VALUES, plain, shown, unit
from tests.house.commands import typed, unknown

HARDENED = {
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "AmbientCapabilities": "",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectControlGroups": "yes",
    "RestrictNamespaces": "yes",
    "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
    "RestrictSUIDSGID": "yes",
    "MemoryDenyWriteExecute": "yes",
    "LockPersonality": "yes",
    "SystemCallArchitectures": "native",
    "UMask": "0077",
}


def test_it_shows_each_file_once() -> None:
    assert set(shown()) >= {SETTINGS, ENROLMENT, UNIT, VALUES}


def test_its_settings_load_and_name_what_the_steps_make(tmp_path: Path) -> None:
    file = tmp_path / "ledger-api.yaml"
    file.write_text(shown()[SETTINGS])
    settings = load(file, {}, without_cluster=True)
    page = PAGE.read_text()
    assert str(settings.api.enrolment) == ENROLMENT
    for path in (settings.api.certificate, settings.api.key, settings.api.client_ca, settings.ledger.password_file):
        assert path is not None
        assert f" {path.name} " in page or f" {path}\n" in page, path
    assert f"{settings.ledger.body_key}\n" in page
    assert settings.ledger.url is not None
    assert "CREATE ROLE ledger LOGIN" in page
    assert settings.ledger.url.startswith("postgresql://ledger@")
    assert f"http://{settings.api.health_address}/readyz" in page


def test_its_enrolment_is_one_and_its_agent_is_the_one_of_the_charts_values() -> None:
    enrolment = parse(shown()[ENROLMENT].encode(), ENROLMENT)
    (agent,) = [one for one in enrolment.identities if one.role == "agent"]
    values = plain(VALUES)
    assert (agent.tenant, agent.cluster_uid) == (values["tenant"], values["cluster"]["uid"])
    assert {one.tenant for one in enrolment.identities} == {agent.tenant}


def test_its_unit_runs_the_command_with_that_file_and_little_else() -> None:
    service = unit()["Service"]
    (command,) = service["ExecStart"]
    assert command == f"/opt/byteport/bin/byteport --config {SETTINGS} api"
    assert unknown(command.removeprefix("/opt/byteport/bin/")) == ""
    assert {name: service[name] for name in HARDENED} == {name: [value] for name, value in HARDENED.items()}
    assert service["User"] == [service["StateDirectory"][0]] == ["byteport-ledger"]
    assert service["ReadWritePaths"] == [str(plain(SETTINGS)["state_dir"])]


def test_every_command_of_ours_that_it_says_to_type_exists() -> None:
    lines = [line for line in typed(PAGE.read_text()) if "byteport " in line]
    assert len([line for line in lines if line.startswith("byteport ") and unknown(line) == ""]) >= 2
