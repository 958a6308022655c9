"""The secret backend by the chart: the settings as the agent reads them, the files that the pods are given, and the one way out."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from activities.secrets.aws_sm import RIGHT
from byteport.contracts.secret_backends import PROJECTED, TOKEN, SecretBackend, SecretConfig
from byteport.kubernetes.port import JSON
from tests.chart.chart import CHART, example, objects, of_kind, only
from tests.chart.test_network import own, ports
from tests.chart.test_receiver_values import limits, resolved
from tests.chart.test_refusals import refusal
from tests.chart.test_settings import settings
from tests.house.tree import ROOT

SCHEMA = json.loads((CHART / "values.schema.json").read_text())["properties"]["secret"]["properties"]
SECTIONS = ("vault", "aws_sm", "gcp_sm", "doppler", "onepassword")
TOKEN_OF = {"backend_token": {"name": "opens", "key": "token"}}
CHOSEN: dict[SecretBackend, dict[str, Any]] = {
    SecretBackend.VAULT: {"secret": {"vault": {"address": "https://vault.example:8200"}}},
    SecretBackend.AWS_SM: {"secret": {"aws_sm": {"region": "eu-central-1"}}},
    SecretBackend.GCP_SM: {"secret": {"gcp_sm": {"project": "shop"}}},
    SecretBackend.K8S: {"secret": {"k8s": {"secrets": ["slack", "pagerduty"]}}},
    SecretBackend.DOPPLER: {"secret": {}, "secrets": TOKEN_OF},
    SecretBackend.ONEPASSWORD: {
        "secret": {"onepassword": {"address": "https://connect.op.svc:8443"}},
        "secrets": TOKEN_OF,
    },
}
PORTS = {
    SecretBackend.VAULT: {8200},
    SecretBackend.AWS_SM: {443, 80},
    SecretBackend.GCP_SM: {443, 80, 988},
    SecretBackend.K8S: set(),
    SecretBackend.DOPPLER: {443},
    SecretBackend.ONEPASSWORD: {8443},
}


def values(backend: SecretBackend, **more: Any) -> dict[str, Any]:
    chosen = CHOSEN[backend]
    return {**chosen, **more, "secret": {**chosen["secret"], **more.get("secret", {}), "backend": backend.value}}


@cache
def _installed(text: str) -> list[JSON]:
    return objects(json.loads(text))


def installed(values: dict[str, Any]) -> list[JSON]:
    """What is applied, read once for all tests."""
    return _installed(json.dumps(values))


def mounted(values: dict[str, Any], process: str) -> dict[str, JSON]:
    """Volume by the path at which the process's own container has it."""
    spec = only(installed(values), "Deployment", process)["spec"]["template"]["spec"]
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    (container,) = spec["containers"]
    return {mount["mountPath"]: volumes[mount["name"]] for mount in container["volumeMounts"]}


@pytest.mark.parametrize("section", SECTIONS)
def test_each_word_has_the_limits_that_it_has_in_the_settings(section: str) -> None:
    fields = type(getattr(SecretConfig(), section)).model_json_schema()["properties"]
    for name, node in SCHEMA[section]["properties"].items():
        told = {
            key: value for key, value in resolved(node).items() if key in ("pattern", "minimum", "maximum", "maxLength")
        }
        assert told == limits(fields[name]), f"{section}.{name}"


@pytest.mark.parametrize("backend", SecretBackend)
def test_the_agent_reads_which_backend_was_chosen(backend: SecretBackend, tmp_path: Path) -> None:
    read = settings(values(backend, secret={"check": ["slack#token"]}), tmp_path).secret
    assert read.backend is backend
    assert read.check == ("slack#token",)


def test_without_a_backend_nothing_is_mounted_and_nothing_more_is_reached(tmp_path: Path) -> None:
    assert settings({}, tmp_path).secret == SecretConfig()
    assert not any("secret" in path for path in mounted({}, "byteport-rest"))
    assert "byteport-secret-backend" not in {one["metadata"]["name"] for one in of_kind(installed({}), "NetworkPolicy")}


@pytest.mark.claim("C-420")
def test_review_16_a_vault_is_shown_a_token_made_out_to_it_alone_and_only_by_who_reads_secrets() -> None:
    token = mounted(values(SecretBackend.VAULT, secret={"audience": "https://vault.example"}), "byteport-rest")
    source = token[str(PROJECTED.parent)]["projected"]["sources"][0]["serviceAccountToken"]
    assert source == {"audience": "https://vault.example", "expirationSeconds": 600, "path": PROJECTED.name}
    for other in ("byteport-agent", "byteport-signer"):
        assert str(PROJECTED.parent) not in mounted(values(SecretBackend.VAULT), other)


@pytest.mark.claim("C-425")
def test_review_16_each_secret_of_k8s_is_a_folder_of_files_for_who_reads_secrets_and_nobody_gets_a_right_on_it() -> (
    None
):
    given = mounted(values(SecretBackend.K8S), "byteport-rest")
    found = {path: given[path]["secret"] for path in given if path.startswith("/run/byteport/secrets/")}
    assert found == {
        f"/run/byteport/secrets/{name}": {"secretName": name, "defaultMode": 0o440} for name in ("slack", "pagerduty")
    }
    assert not any(
        path.startswith("/run/byteport/secrets/") for path in mounted(values(SecretBackend.K8S), "byteport-agent")
    )
    for role in [
        one for kind in ("Role", "ClusterRole") for one in of_kind(installed(values(SecretBackend.K8S)), kind)
    ]:
        assert not any("secrets" in rule.get("resources", []) for rule in role["rules"])


@pytest.mark.parametrize("backend", [SecretBackend.DOPPLER, SecretBackend.ONEPASSWORD])
def test_the_token_of_a_backend_is_a_file_where_the_settings_look_for_it(
    backend: SecretBackend, tmp_path: Path
) -> None:
    chosen = values(backend, secrets={**TOKEN_OF, "backend_ca": {"name": "authority", "key": "ca.crt"}})
    read = settings(chosen, tmp_path).secret
    assert {read.doppler.token_file, read.onepassword.token_file} == {TOKEN}
    sources = mounted(chosen, "byteport-rest")[str(TOKEN.parent)]["projected"]["sources"]
    files = {item["path"]: source["secret"]["name"] for source in sources for item in source["secret"]["items"]}
    assert files == {TOKEN.name: "opens", "ca.crt": "authority"}
    assert read.ca_file == TOKEN.parent / "ca.crt"


@pytest.mark.parametrize("backend", SecretBackend)
def test_review_19_a_backend_is_reached_at_its_own_port_by_who_reads_from_it_and_by_nobody_else(
    backend: SecretBackend,
) -> None:
    without = ports(own({}, "rest"))
    assert {port for _, port in ports(own(values(backend), "rest")) - without} == PORTS[backend]
    assert ports(own(values(backend), "agent")) == ports(own({}, "agent"))


def test_where_each_process_is_by_itself_the_one_that_tells_people_reads_secrets() -> None:
    apart = {**example("production.yaml"), "secret": values(SecretBackend.VAULT)["secret"]}
    assert str(PROJECTED.parent) in mounted(apart, "byteport-notify")
    for other in ("byteport-agent", "byteport-control", "byteport-ledger"):
        assert str(PROJECTED.parent) not in mounted(apart, other)


def test_the_process_that_asks_for_metrics_reads_secrets_too() -> None:
    chosen = {**values(SecretBackend.VAULT), "clouds": {"sources": ["aws"]}}
    assert str(PROJECTED.parent) in mounted(chosen, "byteport-cloud")
    assert ("TCP", 8200) in ports(own(chosen, "cloud"))


def test_a_backend_in_this_cluster_is_reached_by_its_namespace() -> None:
    rules = own(values(SecretBackend.ONEPASSWORD), "rest")
    assert {"matchLabels": {"kubernetes.io/metadata.name": "op"}} in [
        peer.get("namespaceSelector") for rule in rules for peer in rule["to"]
    ]


def test_a_cloud_gives_its_role_to_the_account_that_reads_secrets_alone() -> None:
    annotations = {"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/byteport-secrets"}
    chosen = values(SecretBackend.AWS_SM, secret={"serviceAccountAnnotations": annotations})
    found = {
        one["metadata"]["name"]: one["metadata"].get("annotations")
        for one in of_kind(installed(chosen), "ServiceAccount")
    }
    assert [name for name, has in found.items() if has == annotations] == ["byteport-rest"]


PAGES = {backend: f"{backend.value}.md" for backend in SecretBackend}


def as_helm_sets(page: str) -> dict[str, Any]:
    """Values of the `--set` words of a quickstart page, as Helm reads them."""
    found: dict[str, Any] = {}
    for word in re.findall(
        r"--set '?([^\s'`]+)", (ROOT / "docs" / "quickstart" / page).read_text().replace("\\\\.", "\\.")
    ):
        path, _, text = word.partition("=")
        *parts, last = (part.replace("\0", ".") for part in path.replace("\\.", "\0").split("."))
        node = found
        for part in parts:
            node = node.setdefault(part, {})
        node[last] = text.strip("{}").split(",") if text.startswith("{") else text
    return found


@pytest.mark.parametrize("backend", SecretBackend)
def test_what_its_quickstart_says_to_set_is_an_installation_that_reads_from_that_backend(
    backend: SecretBackend, tmp_path: Path
) -> None:
    assert settings(as_helm_sets(PAGES[backend]), tmp_path).secret.backend is backend


def test_the_quickstart_of_aws_allows_one_action_below_one_prefix() -> None:
    page = (ROOT / "docs" / "quickstart" / "aws-sm.md").read_text()
    policy, trust = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL))
    assert [(one["Action"], one["Resource"].split(":secret:")[1]) for one in policy["Statement"]] == [
        (RIGHT, "byteport/*")
    ]
    assert trust["Statement"][0]["Principal"] == {"Service": "pods.eks.amazonaws.com"}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"secret": {"backend": "vault"}}, "secret.vault.address must be set"),
        ({"secret": {"backend": "gcp-sm"}}, "secret.gcp_sm.project must be set"),
        ({"secret": {"backend": "1password"}, "secrets": TOKEN_OF}, "secret.onepassword.address must be set"),
        ({"secret": {"backend": "doppler"}}, "secrets.backend_token.name must be set"),
        ({"secret": {"backend": "k8s"}}, "secret.k8s.secrets must name"),
        (
            {"secret": {"backend": "vault", "vault": {"address": "https://v.example", "auth": "approle"}}},
            "secret.vault.auth is for processes outside",
        ),
        ({"secret": {"backend": "azure"}}, "backend"),
        ({"secret": {"backend": "vault", "vault": {"address": "http://vault.example"}}}, "address"),
        ({"secret": {"backend": "vault", "vault": {"token": "s.x"}}}, "token"),
    ],
)
def test_a_backend_that_could_not_be_read_from_is_refused_before_anything_is_applied(
    wrong: dict[str, Any], said: str
) -> None:
    assert said in refusal(wrong)
