"""Whatever the doctor finds, it says what to run: a command that there is, with the words that it takes."""

from __future__ import annotations

import ast
import re
import shlex
import string
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from byteport.boundary.choices import Choices
from byteport.boundary.names import ACT_ROLE, CLUSTER_ROLE
from byteport.boundary.policies import everything
from byteport.boundary.remedies import UPGRADE
from byteport.boundary.roles import rule
from byteport.boundary.whole import Finding, Kind
from byteport.domain.ceilings import Ceiling
from byteport.domain.modes import Mode
from byteport.domain.policy import PolicyConfig
from byteport.errors import NotPermitted
from byteport.settings.model import BoundaryConfig
from tests.builders.guarded import Guarded
from tests.house.commands import unknown
from tests.house.tree import ROOT
from workers.boundary_check import look_at_boundary
from workers.preflight import Check, Outcome
from workers.remedies import REMEDIES, Amiss, remedy

COMMANDS = {"byteport", "crictl", "curl", "echo", "helm", "kubectl", "ls", "psql", "python3", "ssh-keygen", "temporal"}
"""Programs with which a remedy may begin."""
SOURCES = [path for room in ("workers", "byteport") for path in sorted((ROOT / room).rglob("*.py"))]
VALUES = yaml.safe_load((ROOT / "charts" / "byteport-agent" / "values.yaml").read_text())


# -- of the boundary -----------------------------------------------------------------------------------------------------


def no_account(cluster: Guarded) -> None:
    cluster.groups = ["system:authenticated"]


def no_list(cluster: Guarded) -> None:
    cluster.unlisted = {"shop"}


def another_authoriser(cluster: Guarded) -> None:
    cluster.incomplete = True


def going(cluster: Guarded) -> None:
    policy = cluster.objects["ValidatingAdmissionPolicy", "", everything.NAME]
    policy["metadata"]["deletionTimestamp"] = "2030-01-01T00:00:00Z"


def weakened(cluster: Guarded) -> None:
    cluster.edit("ValidatingAdmissionPolicy", everything.NAME)["failurePolicy"] = "Ignore"


def not_enforced(cluster: Guarded) -> None:
    cluster.enforces = False


def others_refuse(cluster: Guarded) -> None:
    cluster.others = NotPermitted("forbidden")


BROKEN: list[tuple[Kind, Callable[[Guarded], object], str]] = [
    (Kind.MISSING, lambda it: it.remove("RoleBinding", ACT_ROLE, "shop"), "byteport enable shop --mode auto --hpa '*'"),
    (Kind.MISSING, lambda it: it.remove("ClusterRoleBinding", CLUSTER_ROLE), UPGRADE),
    (
        Kind.EXCESS,
        lambda it: it.bind([rule("", "secrets", ["get"])], "shop"),
        "kubectl get -n shop rolebindings -o wide",
    ),
    (Kind.EXCESS, lambda it: it.bind([rule("", "secrets", ["get"])]), "kubectl get clusterrolebindings -o wide"),
    (Kind.POLICY_ABSENT, lambda it: it.remove("ValidatingAdmissionPolicy", everything.NAME), UPGRADE),
    (Kind.POLICY_ABSENT, going, f"kubectl get validatingadmissionpolicy {everything.NAME} -o jsonpath="),
    (Kind.POLICY_CHANGED, weakened, UPGRADE),
    (Kind.UNBOUND, lambda it: it.remove("ValidatingAdmissionPolicyBinding", everything.NAME), UPGRADE),
    (Kind.UNKNOWN_ACCOUNT, no_account, "helm install byteport charts/byteport-agent "),
    (Kind.UNREADABLE, lambda it: it.write_down("shop", "everything"), "byteport enable shop, with the --mode"),
    (Kind.UNLISTED, no_list, "kubectl get -n shop rolebindings -o wide"),
    (Kind.NOT_ENFORCED, not_enforced, "kubectl get pods -n kube-system -l component=kube-apiserver"),
    (Kind.NOT_HEARD, others_refuse, "byteport doctor --installation"),
    (Kind.CANNOT_PROVE, another_authoriser, "kubectl auth can-i --list --as system:serviceaccount:byteport-agent:"),
]


@pytest.mark.parametrize(
    ("kind", "broken", "begins"), BROKEN, ids=[f"{one[0].value}-{at}" for at, one in enumerate(BROKEN)]
)
async def test_each_finding_of_the_boundary_says_what_to_run(
    kind: Kind, broken: Callable[[Guarded], object], begins: str
) -> None:
    cluster = Guarded(Choices(), {"shop": Ceiling(mode=Mode.AUTO, hpa=("*",))})
    broken(cluster)
    report = await look_at_boundary(cluster, BoundaryConfig(), PolicyConfig())
    told = [one for one in report.findings if one.kind is kind]
    assert told
    assert all(one.remedy.startswith(begins) for one in told), [one.remedy for one in told]
    assert all(is_command(one.remedy) for one in report.findings)


def test_no_kind_of_finding_is_left_out() -> None:
    assert {kind for kind, _, _ in BROKEN} == set(Kind)
    assert Finding.model_fields["remedy"].is_required()


# -- of everything else --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("amiss", Amiss)
def test_each_thing_that_can_be_amiss_says_what_to_run(amiss: Amiss) -> None:
    assert is_command(REMEDIES[amiss])


def test_a_check_that_is_not_ok_is_never_made_without_what_to_run() -> None:
    without = [
        f"{path}:{call.lineno}"
        for path, call in calls("Check")
        if ast.unparse(call.args[1]) != "Outcome.OK" and len(call.args) + len(call.keywords) < 4
    ]
    assert without == []


def test_each_of_them_is_said_somewhere_with_the_words_that_it_takes() -> None:
    said = set()
    for path, call in calls("remedy"):
        words = {str(one.arg) for one in call.keywords}
        for amiss in re.findall(r"Amiss\.(\w+)", ast.unparse(call.args[0])):
            assert placeholders(REMEDIES[Amiss[amiss]]) == words, (path, call.lineno)
    for path in SOURCES:
        said |= set(re.findall(r"Amiss\.(\w+)", path.read_text())) if path.name != "remedies.py" else set()
    assert said == {amiss.name for amiss in Amiss}


@pytest.mark.parametrize("text", sorted(set(REMEDIES.values()) | {UPGRADE}))
def test_what_is_to_be_typed_of_byteport_and_the_chart_exists(text: str) -> None:
    for words in re.findall(r"\bbyteport((?: -{0,2}[a-z][a-z-]*)+)", text):
        if not words.startswith((" and ", " charts")):
            assert unknown(f"byteport{words}") == ""
    for name in re.findall(r"--set ([a-z_.]+)=", text):
        at = VALUES
        for part in name.split("."):
            at = at[part]
    assert "charts/" not in text or (ROOT / "charts" / "byteport-agent" / "Chart.yaml").exists()


def test_a_word_that_comes_from_outside_stays_one_word_in_a_shell() -> None:
    said = remedy(Amiss.GRANT_KEYS_DIFFER, private="a b; rm -rf /", public="$(id)")
    assert shlex.split(said) == ["ssh-keygen", "-y", "-f", "a b; rm -rf /", ">", "$(id)"]


def test_a_line_says_both_and_that_all_is_well_says_nothing_to_run() -> None:
    assert Check("a", Outcome.FAILED, "it is gone", "ls").text == "it is gone; ls"
    assert Check("a", Outcome.OK, "whole").text == "whole"


def is_command(text: str) -> bool:
    """Whether it begins with a program and a word for it."""
    program, *rest = text.split(" ")
    return program in COMMANDS and bool(rest)


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def calls(function: str) -> Iterator[tuple[Path, ast.Call]]:
    """Every call of it in the product, with its file."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function:
                yield path.relative_to(ROOT), node
