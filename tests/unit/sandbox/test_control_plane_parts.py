"""What the control plane is given and gives back: answers of containers, audit events, certificates, configuration."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
import yaml
from cryptography import x509

from byteport.errors import MalformedInput
from byteport.sandbox.controlplane.auditlog import WRITES, read_events
from byteport.sandbox.controlplane.components import free_ports
from byteport.sandbox.controlplane.pki import Authority
from byteport.sandbox.controlplane.replies import Replies
from byteport.sandbox.controlplane.simulation import kwok_configuration, nodes


def test_an_answer_is_replaced_by_a_later_one_for_the_same_argv_only(tmp_path: Path) -> None:
    replies = Replies(tmp_path)
    replies.write_exec("shop", "web", "app", ["df", "-h"], stdout="before")
    replies.write_exec("shop", "web", "app", ["df"], stdout="another")
    replies.write_exec("shop", "web", "app", ["df", "-h"], stdout="after", exit_code=2)
    answers = json.loads((tmp_path / "shop" / "web" / "app" / "exec.json").read_text())
    assert [(one["argv"], one["stdout"], one["exit_code"]) for one in answers] == [
        (["df"], "another", 0),
        (["df", "-h"], "after", 2),
    ]


@pytest.mark.parametrize("name", ["..", "a/b", "", "Web", "-web", "web\n"])
def test_what_is_no_objects_name_is_refused_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    for where in ((name, "web", "app"), ("shop", name, "app"), ("shop", "web", name)):
        with pytest.raises(MalformedInput, match="is no object's name"):
            Replies(tmp_path / "replies").write_log(*where, "text")
    assert not (tmp_path / "replies").exists()


def test_audit_events_are_chosen_by_user_verb_and_position_and_a_half_line_is_left_out(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    events = [("agent", "get"), ("admin", "delete"), ("agent", "delete")]
    lines = [json.dumps({"user": {"username": user}, "verb": verb}) + "\n" for user, verb in events]
    log.write_text("".join(lines) + '{"user": {"usern')
    found = read_events(log, user="agent", verbs=WRITES)
    assert [(event["user"]["username"], event["verb"]) for event in found] == [("agent", "delete")]
    assert len(read_events(log)) == 3
    assert len(read_events(log, since=len(lines[0]))) == 2
    assert read_events(tmp_path / "none") == []


def test_ports_are_free_and_all_different() -> None:
    ports = free_ports()
    assert len(set(ports)) == len(ports)
    for port in ports:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))


def test_a_certificate_names_user_and_groups_is_signed_by_the_authority_and_its_key_is_the_owners(
    tmp_path: Path,
) -> None:
    authority = Authority(tmp_path / "pki")
    pair = authority.issue("admin", "admin", "system:masters")
    signed = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
    signed.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.certificate.read_bytes()))
    assert signed.subject.rfc4514_string() == "CN=admin,O=system:masters"
    assert pair.key.stat().st_mode & 0o777 == 0o600


def test_kwok_runs_no_program_and_every_stage_has_a_name_of_its_own() -> None:
    head, *stages = yaml.safe_load_all(kwok_configuration(nodes_port=20_001))
    assert head["options"]["enableDebuggingHandlers"] is False
    names = [stage["metadata"]["name"] for stage in stages]
    assert len(set(names)) == len(names)
    assert "20001" in json.dumps(stages[0])


def test_nodes_are_spread_over_zones() -> None:
    zones = [node["metadata"]["labels"]["topology.kubernetes.io/zone"] for node in nodes(4)]
    assert zones == ["zone-a", "zone-b", "zone-c", "zone-a"]
