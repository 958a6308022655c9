"""Bad values are one line that says what is wrong and what to write, before anything is applied.

What has the wrong form is the schema's to refuse, what would widen rights or contradicts itself the template
`validate.yaml`'s; and what only the API server knows is asked of one (`api_server.py`).
"""

from __future__ import annotations

from typing import Any

import helm_python
import pytest

from byteport.boundary.names import MAY_ACT_NOTE, PART_OF
from byteport.domain.policy import PROTECTED_NAMESPACES
from byteport.kubernetes.port import JSON
from tests.chart.api_server import namespace, serving, thing
from tests.chart.chart import POSTGRES, RELEASE, chart, example, rendered

ENABLED = {"byteport.io/enabled": "true"}


ADDRESSES = ("metrics_address", "health_address")
NO_PORTS = (0, 65536, 70000, 99999)
INTO_CEL = (
    "t.z'])||true||!(''in['y.svc",
    "t.z')||true||(''=='y.svc",
    "t.y'.svc",
    't.y".svc',
    "t.{{x}}.svc",
    "t.y\\n.svc",
)
"""Hosts whose second label would end the string in which a policy names it."""


def refusal(values: dict[str, Any] | None = None, **rendering: Any) -> str:
    """The one line by which these values are refused."""
    with pytest.raises((helm_python.HelmRenderError, helm_python.HelmValuesError)) as refused:
        rendered(values, **rendering)
    return str(refused.value)


@pytest.mark.claim("C-145")
@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"polcy": {}}, "polcy"),
        ({"policy": {"mode": "full_auto"}}, "policy/mode"),
        ({"policy": {"mode": "auto", "mods": 1}}, "mods"),
        ({"policy": {"mode": "auto", "disk_percent": 97}}, "disk_percent"),
        ({"policy": {"mode": "auto", "rollback_allowed": ["shop"]}}, "rollback_allowed"),
        ({"policy": {"mode": "auto", "mode_by_runbook": {"Crashloop": "auto"}}}, "mode_by_runbook"),
        ({"cluster": {"nam": "x"}}, "nam"),
        ({"temporal": {"address": "https://temporal:7233/"}}, "temporal/address"),
        *(({"temporal": {"address": f"{host}:7233"}}, "temporal/address") for host in INTO_CEL),
        ({"namespaces": ["shop"]}, "namespaces/0"),
        ({"namespaces": [{"mode": "auto"}]}, "name"),
        ({"namespaces": [{"name": "shop", "mode": "write"}]}, "namespaces/0/mode"),
        ({"namespaces": [{"name": "*"}]}, "namespaces/0/name"),
        ({"namespaces": [{"name": "shop", "rollback": ["api*"]}]}, "namespaces/0/rollback/0"),
        ({"namespaces": [{"name": "shop", "rollback": "api"}]}, "namespaces/0/rollback"),
        ({"namespaces": [{"name": "shop", "secrets": ["*"]}]}, "secrets"),
        ({"protectedNamespaces": ["it's"]}, "protectedNamespaces/0"),
        ({"sight": "everything"}, "sight"),
        ({"runbooks": {"podCrashloop": "yes"}}, "runbooks/podCrashloop"),
        ({"runbooks": {"podCrash": True}}, "podCrash"),
        ({"image": {"digest": "latest"}}, "image/digest"),
        ({"image": {"repository": ""}}, "image/repository"),
        ({"networkPolicy": {"apiServer": {"cidrs": []}}}, "networkPolicy/apiServer/cidrs"),
        ({"networkPolicy": {"apiServer": {"cidrs": ["everywhere"]}}}, "networkPolicy/apiServer/cidrs/0"),
        ({"networkPolicy": {"extraEgress": [{}]}}, "networkPolicy/extraEgress/0"),
        ({"networkPolicy": {"extraEgress": [{"to": [{}], "ports": []}]}}, "networkPolicy/extraEgress/0"),
        ({"telemetry": {"metrics_address": "127.0.0.1:9464"}}, "telemetry/metrics_address"),
        ({"telemetry": {"health_address": "127.0.0.1:9465"}}, "telemetry/health_address"),
        *(({"telemetry": {key: f"0.0.0.0:{port}"}}, f"telemetry/{key}") for key in ADDRESSES for port in NO_PORTS),
        *(({"temporal": {"address": f"temporal.example.com:{port}"}}, "temporal/address") for port in NO_PORTS),
        ({"nodeHelper": {"runtime": "rkt"}}, "nodeHelper/runtime"),
        ({"processes": "many"}, "processes"),
        ({"ledger": {"volume": {"size": "big"}}}, "ledger/volume/size"),
        ({"limits": {"per_target_per_hour": -1}}, "limits/per_target_per_hour"),
        ({"terminationGracePeriodSeconds": 1}, "terminationGracePeriodSeconds"),
        ({"secrets": {"grant_key": {"value": "x"}}}, "value"),
    ],
    ids=str,
)
def test_a_value_of_the_wrong_name_or_form_is_refused_and_named(values: dict[str, Any], key: str) -> None:
    said = refusal(values)
    assert key in said
    assert "/" not in key or f"/{key}'" in said or f"'/{key}" in said


@pytest.mark.claim("C-145")
@pytest.mark.parametrize(
    "values",
    [
        *({"temporal": {"address": f"{host}:7233"}} for host in INTO_CEL),
        {"temporal": {"address": f"t.{'y' * 64}.svc:7233"}},
        {"protectedNamespaces": ["x'] || true || '' in ['"]},
        {"nodeHelper": {"namespace": "x' in [] || true || '"}},
        {"nodeHelper": {"enabled": True, "namespace": "x' == '' || true || ''=='"}},
        {"nodeHelper": {"enabled": True, "namespace": "a\n  b: c"}},
    ],
    ids=str,
)
def test_no_value_breaks_out_of_a_policy_though_helm_was_told_to_skip_the_schema(
    values: dict[str, Any], without_schema: helm_python.Chart
) -> None:
    with pytest.raises(helm_python.HelmRenderError, match="is no name that a namespace can have"):
        without_schema.render(values, name=RELEASE, namespace="byteport-agent")


@pytest.mark.parametrize("port", NO_PORTS)
def test_no_port_is_rendered_that_there_is_not(port: int, without_schema: helm_python.Chart) -> None:
    for values in (
        {"temporal": {"address": f"temporal.example.com:{port}"}},
        *({"telemetry": {key: f"0.0.0.0:{port}"}} for key in ADDRESSES),
    ):
        with pytest.raises(helm_python.HelmRenderError, match=f"_?address asks for port {port}; there are 1 to 65535"):
            without_schema.render(values, name=RELEASE, namespace="byteport-agent")


@pytest.mark.parametrize(
    "address",
    [
        "temporal.example.com:7233",
        "Temporal-1.Example.com.:443",
        "10.0.0.7:7233",
        "[fd00::7]:7233",
        "localhost:1",
        "frontend.temporal.svc.cluster.local.:65535",
        "tenant.a2dd6.tmprl.cloud:7233",
    ],
)
def test_an_address_of_plain_names_or_numbers_is_taken(address: str) -> None:
    assert rendered({"temporal": {"address": address}})


@pytest.mark.parametrize("port", [1, 9, 1024, 9999, 10000, 59999, 60000, 65535])
def test_every_port_that_there_is_can_be_asked_for(port: int) -> None:
    assert rendered({"telemetry": {"metrics_address": f"[::]:{port}"}})


def test_the_release_has_one_namespace_that_the_policies_know() -> None:
    assert "must be byteport-agent, not default" in refusal(namespace="default")


@pytest.mark.claim("C-145")
@pytest.mark.parametrize("version", ["v1.29.9", "v1.24.0"])
def test_an_api_server_that_has_no_admission_policies_is_refused(version: str) -> None:
    assert f"the API server is {version}, and needs to be 1.30 or newer" in refusal(kubernetes=version)


@pytest.mark.parametrize("version", ["v1.30.0", "v1.33.5-eks-1a2b3c4", "v1.36.1-gke.100", "v1.37.0"])
def test_every_other_is_taken_whatever_its_vendor_adds(version: str) -> None:
    assert rendered(kubernetes=version)


@pytest.mark.claim("C-145")
@pytest.mark.parametrize("name", [*sorted(PROTECTED_NAMESPACES), "kube-flannel", "temporal", "payments"])
def test_a_protected_namespace_is_given_to_nobody(name: str) -> None:
    said = refusal({"namespaces": [{"name": name}], "protectedNamespaces": ["payments"]})
    assert f"namespaces[0] ({name}): is a protected namespace" in said


def test_the_node_helpers_namespace_is_given_to_nobody_and_is_no_protected_one() -> None:
    assert "is the node helper's own" in refusal({"namespaces": [{"name": "byteport-node"}]})
    assert "nodeHelper.namespace kube-system is protected" in refusal({"nodeHelper": {"namespace": "kube-system"}})
    assert "nodeHelper.namespace byteport-agent is protected" in refusal(
        {"nodeHelper": {"namespace": "byteport-agent"}}
    )


@pytest.mark.claim("C-145")
@pytest.mark.parametrize(
    ("one", "says"),
    [
        ({"rollback": ["*", "api"]}, "rollback has * beside names"),
        ({"hpa": ["api", "*"]}, "hpa has * beside names"),
        ({"mode": "observe", "rollback": ["api"]}, "rollback is named, but mode observe never writes"),
        ({"mode": "observe", "hpa": ["*"]}, "hpa is named, but mode observe never writes"),
    ],
)
def test_a_ceiling_that_contradicts_itself_is_refused(one: dict[str, Any], says: str) -> None:
    said = refusal({"namespaces": [{"name": "web"}, {"name": "shop", **one}]})
    assert f"namespaces[1] (shop): {says}" in said


def test_a_namespace_that_is_there_twice_is_refused() -> None:
    assert "namespaces[1] (shop): is there twice" in refusal({"namespaces": [{"name": "shop"}, {"name": "shop"}]})


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"secrets": {"grant_key": {"name": "a"}}}, "secrets names grant_key only"),
        ({"secrets": {"grant_key": {"name": "a"}, "payload_key": {"name": "b"}}}, "payload_key and grant_key only"),
        ({"temporal": {"tls_secret": {"name": "a", "cert": "tls.crt"}}}, "has a cert and no key"),
        ({"temporal": {"tls_secret": {"name": "a", "key": "tls.key"}}}, "has a key and no cert"),
        ({"temporal": {"tls_secret": {"ca": "ca.crt"}}}, "temporal.tls_secret.name must be set"),
        ({"telemetry": {"health_address": "[::]:9464"}}, "both ask for port 9464"),
        ({"temporal": {"api_key_secret": {"name": "a"}}}, "temporal.api_key_secret.key must be set"),
        ({"processes": "each"}, "processes: each needs keys from Secrets"),
        ({**example("production.yaml"), "cluster": {"name": "x"}}, "processes: each needs cluster.uid"),
    ],
    ids=str,
)
def test_half_of_what_belongs_together_is_refused(values: dict[str, Any], says: str) -> None:
    assert says in refusal(values)


@pytest.mark.claim("C-145")
def test_a_refusal_is_one_line() -> None:
    assert len(refusal({"namespaces": [{"name": "kube-system"}]}).splitlines()) == 1


def asked(objects: list[JSON], values: dict[str, Any] | None = None, *, upgrade: bool = False) -> str:
    """What is said when a server with these objects is asked; empty when everything is in order."""
    with serving(objects) as server:
        try:
            server.render(
                chart(), values, name=RELEASE, namespace="byteport-agent", is_install=not upgrade, is_upgrade=upgrade
            )
        except helm_python.HelmRenderError as refused:
            return str(refused)
    return ""


SHOP = {"namespaces": [{"name": "shop"}]}


@pytest.mark.claim("C-145")
def test_a_namespace_without_the_label_is_refused_before_anything_is_applied() -> None:
    assert "namespaces[0] (shop): there is no such namespace" in asked([], SHOP)
    assert "kubectl label namespace shop byteport.io/enabled=true" in asked([namespace("shop")], SHOP)
    assert "has no label" in asked([namespace("shop", **{"byteport.io/enabled": "yes"})], SHOP)
    assert asked([namespace("shop", **ENABLED)], SHOP) == ""


@pytest.mark.claim("C-145")
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("ClusterRole", "byteport-agent-sight"),
        ("ClusterRoleBinding", "byteport-may-act"),
        ("ValidatingAdmissionPolicy", "byteport-everything"),
        ("ValidatingAdmissionPolicyBinding", "byteport-exec"),
        ("MutatingAdmissionPolicy", "byteport-deployments-1-prove"),
    ],
)
def test_a_name_that_somebody_else_has_is_refused_and_its_owner_named(kind: str, name: str) -> None:
    said = asked([thing(kind, name)])
    assert f"the {kind} {name} is there already and is nobody's release" in said
    said = asked([thing(kind, name, release="another")])
    assert f"the {kind} {name} is there already and is the release another in byteport-agent" in said
    assert asked([thing(kind, name, release=RELEASE)]) == ""


def test_a_namespace_that_enable_gave_is_not_taken_over() -> None:
    there = [namespace("shop", **ENABLED), thing("RoleBinding", "byteport-agent-sight", where="shop")]
    assert "run `byteport disable shop` first, or take it out of the list" in asked(there, SHOP)


@pytest.mark.claim("C-084")
def test_an_upgrade_ends_no_halt() -> None:
    halted: list[JSON] = []
    assert "this upgrade would end the halt" in asked(halted, upgrade=True)
    assert asked(halted, {"mayAct": False}, upgrade=True) == ""
    assert asked([thing("ClusterRoleBinding", "byteport-may-act", release=RELEASE)], upgrade=True) == ""
    assert asked([]) == ""


@pytest.mark.claim("C-145")
def test_the_node_helper_is_not_put_into_a_namespace_of_somebody_elses() -> None:
    """Every account in it would be held to our policies, and write nothing any more."""
    on = {"nodeHelper": {"enabled": True, "namespace": "argocd", "createNamespace": False}}
    assert "nodeHelper.namespace argocd is there already and is not ours" in asked([namespace("argocd")], on)
    other = namespace("argocd", **{"app.kubernetes.io/part-of": "argocd"})
    assert "kubectl label namespace argocd app.kubernetes.io/part-of=byteport" in asked([other], on)
    assert asked([namespace("argocd", **PART_OF)], on) == ""
    assert asked([], on) == ""
    assert asked([other], {"nodeHelper": {"namespace": "argocd"}}) == ""


HALTED, STAYS, FOREIGN = (
    "this upgrade would end the halt",
    "it would stay; run `byteport halt` first",
    "is nobody's release",
)


@pytest.mark.claim("C-084")
@pytest.mark.parametrize("noted", ["true", "false"])
@pytest.mark.parametrize("may_act", [True, False])
@pytest.mark.parametrize("switch", ["gone", "ours", "nobodys"])
def test_only_a_resume_ends_a_halt_and_no_upgrade_leaves_what_its_values_keep_away(
    noted: str, may_act: bool, switch: str
) -> None:
    """`noted` is what the release's last values said: only then is the binding in a manifest of it, and Helm's to take away."""
    role = thing("ClusterRole", "byteport-may-act", release=RELEASE)
    role["metadata"]["annotations"][MAY_ACT_NOTE] = noted
    bindings = {"gone": [], "ours": [thing("ClusterRoleBinding", "byteport-may-act", release=RELEASE)]}
    there = [role, *bindings.get(switch, [thing("ClusterRoleBinding", "byteport-may-act")])]
    said = asked(there, {"mayAct": may_act}, upgrade=True)
    if switch == "gone":
        expected = HALTED if may_act else ""
    elif noted == "true":
        expected = ""
    else:
        expected = STAYS if not may_act else FOREIGN if switch == "nobodys" else ""
    assert (expected in said) if expected else (said == "")
    assert len(said.splitlines()) <= 1


def test_an_installation_that_keeps_the_switch_away_is_not_made_beside_one() -> None:
    there = [thing("ClusterRoleBinding", "byteport-may-act", release=RELEASE)]
    assert STAYS in asked(there, {"mayAct": False})
    assert asked(there) == ""
    assert FOREIGN in asked([thing("ClusterRoleBinding", "byteport-may-act")])


def test_kinds_that_the_cluster_does_not_have_are_refused_in_our_words() -> None:
    assert "need the Prometheus operator's kinds" in asked([], {"metrics": {"serviceMonitor": {"enabled": True}}})


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (
            {"audit": {"export": {"target": "webhook", "webhook": {}}}, "secrets": {"webhook_secret": {"name": "x"}}},
            "audit.export.webhook.url must be set",
        ),
        (
            {"audit": {"export": {"target": "webhook", "webhook": {"url": "https://x.example"}}}},
            "secrets.webhook_secret.name must be set",
        ),
        (
            {"audit": {"export": {"target": "splunk", "splunk": {"url": "https://x.example"}}}},
            "secrets.splunk_token.name",
        ),
        ({"audit": {"export": {"target": "syslog"}}}, "audit.export.syslog.address must be set"),
        ({"audit": {"export": {"target": "api"}}}, "audit.export.api.url must be set"),
        ({"audit": {"export": {"target": "file"}}}, "audit.export.file.existingClaim must be set"),
        (
            {"secrets": {"syslog_certificate": {"name": "x"}}},
            "secrets.syslog_certificate and secrets.syslog_key belong",
        ),
        ({"secrets": {"api_key": {"name": "x"}}}, "secrets.api_certificate and secrets.api_key belong together"),
        (
            {
                "audit": {
                    "signer": {"enabled": False},
                    "witnesses": [{"url": "https://w.example", "key": "w.example+0a1b2c3d+BAAA"}],
                }
            },
            "audit.signer.enabled is false",
        ),
        ({"audit": {"export": {"target": "s3, s4"}}}, "audit/export/target"),
        ({"audit": {"export": {"target": ["s3", "s3"]}}}, "audit/export/target"),
        ({"audit": {"export": {"target": "s3", "s3": {"endpoint": "http://minio:9000"}}}}, "audit/export/s3/endpoint"),
        ({"audit": {"retention_days": 7}}, "audit/retention_days"),
        ({"audit": {"erasure_hours": 96}}, "audit/erasure_hours"),
        (
            {"secrets": {key: {"name": "x"} for key in ("payload_key", "body_key", "grant_key", "grant_public_key")}},
            "name a Secret for each of payload_key, body_key, grant_key, grant_public_key, checkpoint_key, or for none",
        ),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_what_the_log_needs_and_is_not_there_is_named(values: dict[str, Any], says: str) -> None:
    assert says in refusal(values)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"ledger": {"postgresql": {"address": "db.example.com:5432"}}}, "ledger.postgresql needs keys from Secrets"),
        ({**POSTGRES, "cluster": {"name": "x"}}, "cluster.uid"),
        (
            {**POSTGRES, "secrets": {**POSTGRES["secrets"], "database_signer": {"name": ""}}},
            "secrets.database_signer.name",
        ),
        ({**POSTGRES, "ledger": {"postgresql": {"address": "db.example.com"}}}, "ledger/postgresql/address"),
        (
            {**POSTGRES, "ledger": {"postgresql": {"address": "db.example.com:5432", "users": {"agent": "a:b"}}}},
            "ledger/postgresql/users/agent",
        ),
    ],
    ids=["no keys", "no uid", "no password", "no port", "no login"],
)
def test_what_postgresql_needs_and_is_not_there_is_named(values: dict[str, Any], says: str) -> None:
    assert says in refusal(values)
