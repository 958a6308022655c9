"""What the chart writes for the agent is what the agent itself reads: settings, policy and signers, by its own loaders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from activities.kubernetes.policy_source import parse_policy
from byteport.boundary.choices import Choices
from byteport.boundary.policies.catalogue import policies
from byteport.contracts.ledger_api import TOKEN_FILE
from byteport.contracts.receivers import TargetKind
from byteport.domain.ceilings import Sight
from byteport.domain.limits import Limits, StormRule
from byteport.domain.policy import PROTECTED_NAMESPACES, Mode, PolicyConfig
from byteport.ledger.address import address
from byteport.runbooks.catalogue import RUNBOOKS
from byteport.settings import Settings, load
from byteport.settings.audit import AuditConfig, ExportConfig
from byteport.settings.model import BoundaryConfig
from byteport.trust.allowed_signers import parse_allowed_signers, parse_revoked_keys
from tests.chart.api_server import UID, serving
from tests.chart.chart import (
    BEFORE_PROOF,
    CHART,
    EVERY_RECEIVER,
    NEWEST,
    POSTGRES,
    RELEASE,
    chart,
    default_choices,
    example,
    objects,
    objects_of,
    only,
    values_of,
)
from workers.boundary_check import choices_of

ALL = {"small": {}, "each": example("production.yaml"), "air-gap": example("air-gap.yaml")}
BY_REFERENCE = {"policy_file", "state_dir"}
"""Settings whose place is the chart's to choose."""
ELSEWHERE = {"api"}
"""The ledger's HTTP face, which runs outside of the cluster that it is about."""
NOTES = {"changed_by", "changed_at", "change_reason", "changed_to"}
"""Who wrote the policy last: `byteport policy` notes it, not the chart."""


def settings(values: dict[str, Any], folder: Path) -> Settings:
    path = folder / "config.yaml"
    path.write_text(only(objects(values), "ConfigMap", "byteport-config")["data"]["config.yaml"])
    return load(path, {})


def policy(values: dict[str, Any]) -> PolicyConfig:
    text = only(objects(values), "ConfigMap", "byteport-policy")["data"]["policy.yaml"]
    return parse_policy(text.encode(), "policy.yaml")


@pytest.mark.parametrize("layout", ALL)
def test_the_agent_reads_its_settings(layout: str, tmp_path: Path) -> None:
    read = settings(ALL[layout], tmp_path)
    assert read.telemetry.metrics_address == "0.0.0.0:9464"
    assert read.telemetry.health_address == "0.0.0.0:9465"
    assert read.ledger.path == Path("/var/lib/byteport/state/ledger.db")


@pytest.mark.claim("C-149")
def test_with_no_values_it_is_a_dry_run_that_nobody_can_say_yes_to(tmp_path: Path) -> None:
    assert policy({}).mode is Mode.DRY_RUN
    signers = only(objects(), "ConfigMap", "byteport-signers")["data"]
    assert parse_allowed_signers(signers["allowed_signers"].encode()).people() == frozenset()
    assert parse_revoked_keys(signers["revoked_keys"].encode()) is not None


def test_every_word_of_a_production_installation_arrives(tmp_path: Path) -> None:
    values = ALL["each"]
    read, rules = settings(values, tmp_path), policy(values)
    assert (read.cluster.name, read.cluster.uid) == ("prod-eu-1", values["cluster"]["uid"])
    assert read.temporal.uses_tls
    assert read.temporal.tls_key_file == Path("/run/byteport/keys/temporal.key")
    assert read.limits.per_cluster_per_hour == 20
    assert len(read.limits.freezes) == 1
    assert read.escalation.rung_seconds == (600, 1200)
    assert rules.mode_for("CpuSpikeRunbook", "shop") is Mode.DRY_RUN
    assert rules.may_roll_back("shop", "web")
    assert not rules.may_roll_back("shop", "api")
    assert rules.approval_rule("FailedDeployAutoRollbackRunbook").quorum == 2
    signers = only(objects(values), "ConfigMap", "byteport-signers")["data"]["allowed_signers"]
    assert parse_allowed_signers(signers.encode()).people() == {"ada@example.com", "grace@example.com"}


def test_every_receiver_of_the_log_arrives_with_the_files_of_its_secrets(tmp_path: Path) -> None:
    audit = settings(EVERY_RECEIVER, tmp_path).audit
    export, keys = audit.export, Path("/run/byteport/keys")
    assert set(export.target) == set(TargetKind)
    assert (export.webhook.url, export.webhook.secret_file) == (
        "https://hooks.example.com/byteport",
        keys / "webhook-secret",
    )
    assert (export.splunk.url, export.splunk.token_file) == ("https://splunk.example.com:8088", keys / "splunk-token")
    assert (export.syslog.address, export.syslog.client_key_file) == ("syslog.example.com:6514", keys / "syslog.key")
    assert export.api.token_file == Path(TOKEN_FILE)
    assert (export.file.folder, export.ca_file) == (Path("/var/lib/byteport/export"), keys / "receivers-ca.crt")
    assert [one.url for one in audit.witnesses] == ["https://witness.example.com:8444"]
    certificate = {"api_certificate": {"name": "byteport-api"}, "api_key": {"name": "byteport-api"}}
    known = {**EVERY_RECEIVER, "secrets": {**EVERY_RECEIVER["secrets"], **certificate}}
    api = settings(known, tmp_path).audit.export.api
    assert (api.certificate, api.key, api.token_file) == (keys / "api.crt", keys / "api.key", None)


def test_a_process_on_postgresql_reads_where_it_is_and_as_whom(tmp_path: Path) -> None:
    trusted = {**POSTGRES, "secrets": {**POSTGRES["secrets"], "database_ca": {"name": "byteport-database"}}}
    for values, beyond in ((POSTGRES, ""), (trusted, "?sslrootcert=/run/byteport/keys/database-ca.crt")):
        (main,) = only(objects(values), "Deployment", "byteport-ledger")["spec"]["template"]["spec"]["containers"]
        variables = {one["name"]: one["value"] for one in main["env"] if one["name"] == "BYTEPORT_LEDGER_URL"}
        path = tmp_path / "config.yaml"
        path.write_text(only(objects(values), "ConfigMap", "byteport-config")["data"]["config.yaml"])
        ledger = load(path, variables).ledger
        assert ledger.url == f"postgresql://byteport-ledger@db.example.com:5432/byteport{beyond}"
        assert ledger.password_file == Path("/run/byteport/keys/database-password")
        assert address(ledger.url)["sslmode"] == "verify-full"


def test_with_no_values_the_log_is_signed_and_goes_nowhere(tmp_path: Path) -> None:
    audit = settings({}, tmp_path).audit
    assert (audit.export.target, audit.witnesses) == ((), ())
    assert audit.signer.key == Path("/var/lib/byteport/keys/signer/checkpoint")
    assert audit.signer.state_file == Path("/var/lib/byteport/signer/state.json")
    assert settings({"audit": {"signer": {"enabled": False}}}, tmp_path).audit.signer.key is None


@pytest.mark.parametrize("target", ["s3", ["s3"], "s3, gcs", "s3,gcs", ["s3", "gcs"]], ids=str)
def test_a_target_is_named_as_one_as_several_or_as_a_list(target: Any, tmp_path: Path) -> None:
    named = settings({"audit": {"export": {"target": target}}}, tmp_path).audit.export.target
    assert named == ((TargetKind.S3, TargetKind.GCS) if "gcs" in target else (TargetKind.S3,))


def test_the_values_have_every_word_of_each_receivers_settings() -> None:
    """But for files, which are named by their Secrets."""
    export = SCHEMA["properties"]["audit"]["properties"]["export"]["properties"]
    by_secret = {"secret_file", "token_file", "client_certificate_file", "client_key_file", "certificate", "key"}
    for kind in (
        TargetKind.S3,
        TargetKind.GCS,
        TargetKind.SYSLOG,
        TargetKind.SPLUNK,
        TargetKind.WEBHOOK,
        TargetKind.API,
    ):
        words = set(type(getattr(AuditConfig().export, kind)).model_fields)
        assert set(export[kind]["properties"]) == words - by_secret, kind
    others = {"ca_file", *TargetKind}
    assert set(export) == (set(ExportConfig.model_fields) - others) | set(TargetKind) | {"serviceAccountAnnotations"}
    assert fields_of("audit") == set(AuditConfig.model_fields)


def test_the_agents_own_policy_protects_what_the_admission_policies_protect() -> None:
    read = policy({"protectedNamespaces": ["payments"], "nodeHelper": {"enabled": True, "namespace": "nodes"}})
    assert read.protected_namespaces == PROTECTED_NAMESPACES | {"payments", "temporal"}
    assert read.helper_namespace == "nodes"


@pytest.mark.parametrize(
    ("address", "protected"),
    [
        ("temporal-frontend.temporal.svc:7233", {"temporal"}),
        ("frontend.workflows.svc.cluster.local:7233", {"workflows"}),
        ("temporal.example.com:7233", set()),
        ("frontend.shop:7233", {"shop"}),
        ("Frontend.Shop.SVC:7233", {"shop"}),
        ("frontend.shop.svc.Cluster.Local.:7233", {"shop"}),
        ("frontend-0.frontend.shop.svc.cluster.local:7233", {"shop"}),
        ("frontend.svc.svc:7233", {"svc"}),
        ("temporal.internal:7233", {"internal"}),
        ("frontend:7233", set()),
        ("10.0.0.7:7233", set()),
        ("[fd00::1]:7233", set()),
    ],
)
def test_the_namespace_of_a_temporal_in_this_cluster_is_protected_by_itself(address: str, protected: set[str]) -> None:
    """Of a name with two labels nobody can tell whether it is one; to protect a namespace that is not there costs nothing."""
    values = {"temporal": {"address": address}}
    assert policy(values).protected_namespaces == PROTECTED_NAMESPACES | protected
    choices = default_choices(protected=tuple(sorted(protected)))
    assert objects(values, beginning="templates/generated/policies") == policies(choices)


def test_the_clusters_uid_is_taken_from_the_api_server_where_there_is_one(tmp_path: Path) -> None:
    with serving([]) as server:
        files = server.render(chart(), {}, name=RELEASE, namespace="byteport-agent", is_install=True)
    items = objects_of({name.removeprefix("byteport-agent/"): text for name, text in files.items()})
    (tmp_path / "config.yaml").write_text(only(items, "ConfigMap", "byteport-config")["data"]["config.yaml"])
    assert load(tmp_path / "config.yaml", {}).cluster.uid == UID


@pytest.mark.parametrize("kubernetes", [BEFORE_PROOF, NEWEST])
@pytest.mark.parametrize(
    "choices",
    [
        default_choices(),
        default_choices(sight=Sight.CLUSTER, runbooks=frozenset({"CpuSpikeRunbook"})),
        default_choices(helper=True, helper_namespace="nodes", protected=("payments", "temporal")),
        default_choices(events=True),
    ],
    ids=["default", "cluster sight", "helper", "events"],
)
def test_the_agent_expects_the_boundary_that_the_chart_renders(
    choices: Choices, kubernetes: str, tmp_path: Path
) -> None:
    """Another expectation would refuse `auto` for ever, or see no change where there is one."""
    values = values_of(choices)
    expected = choices_of(settings(values, tmp_path).boundary, policy(values), kubernetes)
    assert expected == choices.model_copy(update={"proves_rollbacks": kubernetes == NEWEST})
    assert objects(values, kubernetes=kubernetes, beginning="templates/generated/policies") == policies(expected)


def test_no_value_can_tell_the_agent_to_expect_no_boundary(tmp_path: Path) -> None:
    assert settings({}, tmp_path).boundary.enforced
    assert "enforced" not in SCHEMA["properties"]["boundary"]["properties"]


SCHEMA = json.loads((CHART / "values.schema.json").read_text())


def fields_of(section: str) -> set[str]:
    return set(SCHEMA["properties"][section]["properties"])


def test_the_values_have_every_word_of_the_policy_and_no_other() -> None:
    """The protected namespaces and the helper's are the chart's own values, since the boundary is made of them too."""
    assert fields_of("policy") == set(PolicyConfig.model_fields) - NOTES - {"protected_namespaces", "helper_namespace"}
    runbooks = {runbook.name for runbook in RUNBOOKS}
    for key in ("mode_by_runbook", "approvals"):
        assert set(SCHEMA["properties"]["policy"]["properties"][key]["properties"]) == runbooks


def test_the_values_have_every_section_of_the_settings_under_its_own_name() -> None:
    assert set(Settings.model_fields) - BY_REFERENCE - ELSEWHERE <= set(SCHEMA["properties"])
    assert fields_of("limits") == set(Limits.model_fields)
    assert fields_of("storm") == set(StormRule.model_fields)
    assert fields_of("boundary") | {"enforced", "sight", "runbooks", "helper", "events"} == set(
        BoundaryConfig.model_fields
    )
    for section in ("watch", "telemetry"):
        assert fields_of(section) == set(Settings.model_fields[section].default.model_dump())


def test_a_default_that_the_chart_writes_out_is_the_agents_own() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    fresh = Settings.model_validate({"cluster": {"name": "x"}})
    assert values["tenant"] == fresh.tenant
    assert tuple(values["reobserve_after_seconds"]) == fresh.reobserve_after_seconds
    assert values["boundary"].items() <= fresh.boundary.model_dump().items()
    assert values["watch"] == fresh.watch.model_dump()
    assert values["temporal"]["namespace"] == fresh.temporal.namespace
    assert (values["limits"], values["storm"], values["escalation"]) == ({}, {}, {})
