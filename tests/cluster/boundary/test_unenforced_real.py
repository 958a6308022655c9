"""An API server that stores our policies, serves them, and evaluates none: started without the admission plugin.

It has a control plane of its own. Everything stands there as rendered, so that only what is asked of it can tell.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from activities.kubernetes.client import connect
from byteport.boundary.choices import Choices
from byteport.boundary.names import NAMESPACE
from byteport.boundary.selfcheck import Enforcement
from byteport.boundary.whole import Kind
from byteport.cli.exits import Exit
from byteport.cli.main import invoke
from byteport.domain.policy import PolicyConfig
from byteport.sandbox.controlplane import ControlPlane, ensure_built
from byteport.sandbox.controlplane.build import ASSETS, Tool
from byteport.sandbox.controlplane.noticed import await_rights_noticed
from byteport.sandbox.strains import autoscaler
from tests.chart.chart import objects
from tests.cluster.boundary.given import APP, Run, Typed
from tests.cluster.boundary.installed import Installed, asked
from tests.cluster.boundary.test_selfcheck import AUTO, config_of, kubeconfig, write_down
from tests.cluster.workloads import Namespace
from workers.boundary_check import Report, look_at_boundary

SHOP = "shop"
WITHOUT = "--disable-admission-plugins=ValidatingAdmissionPolicy"


def programs_without_the_plugin(folder: Path) -> Path:
    """The control plane's programs, the API server with one argument more."""
    built = ensure_built(lambda _: None)
    for tool in Tool:
        (folder / tool.program).symlink_to(built / tool.program)
    server = folder / Tool.API_SERVER.program
    server.unlink()
    server.write_text(f'#!/bin/sh\nexec {built / Tool.API_SERVER.program} "$@" {WITHOUT}\n')
    server.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def unenforced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """The installation there, with one namespace that was given as far as it goes."""
    programs = programs_without_the_plugin(tmp_path_factory.mktemp("programs"))
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv(ASSETS, str(programs))
        plane = ControlPlane(tmp_path_factory.mktemp("unenforced")).start()
    try:
        installed = Installed(plane, Choices())
        installed.install()
        for item in objects({"temporal": {"address": "temporal.example.com:7233"}}):
            if item["kind"] == "ConfigMap" and item["metadata"]["name"] in ("byteport-config", "byteport-policy"):
                plane.api.apply(f"/api/v1/namespaces/{NAMESPACE}/configmaps/{item['metadata']['name']}", item)
        shop = Namespace(plane, SHOP)
        shop.create()
        shop.deploy(APP, replicas=2)
        shop.await_available(APP)
        where = f"/apis/autoscaling/v2/namespaces/{SHOP}/horizontalpodautoscalers"
        plane.api.call("POST", where, autoscaler(SHOP, APP, ceiling=6))
        installed.enable(SHOP, AUTO)
        installed.labelled(SHOP, APP)
        write_down(installed, {SHOP: AUTO})
        await_rights_noticed(plane.api)
        yield installed
    finally:
        plane.stop()


@pytest.fixture
def typed(
    unenforced: Installed, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Run:
    monkeypatch.setenv("COLUMNS", "250")
    monkeypatch.delenv("BYTEPORT_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Typed:
        code = invoke([*arguments, "--kubeconfig", str(unenforced.plane.kubeconfig)])
        captured = capsys.readouterr()
        return Typed(code, captured.out, captured.err)

    return run


async def look(installed: Installed, tmp_path: Path) -> Report:
    async with await connect(kubeconfig(installed, installed.token(), tmp_path)) as agent:
        return await look_at_boundary(agent, config_of(installed), PolicyConfig())


@pytest.mark.claim("C-012")
async def test_the_agent_finds_it_with_its_own_token_and_does_nothing_alone(
    unenforced: Installed, tmp_path: Path
) -> None:
    report = await look(unenforced, tmp_path)
    assert [one.kind for one in report.findings] == [Kind.NOT_ENFORCED]
    assert all(report.refuses_auto(name) for name in (SHOP, "other", ""))


@pytest.mark.claim("C-012")
def test_doctor_and_enable_say_so_and_end_with_a_finding(typed: Run) -> None:
    said = typed("doctor", "--installation")
    assert (said.code, "the admission policies are not enforced" in said.out) == (Exit.FINDING, True)
    for options in (["--rollback", APP, "--hpa", APP], ["--hpa", APP]):
        said = typed("enable", SHOP, "--mode", "auto", *options, "--yes")
        assert said.code == Exit.FINDING
        assert "error: boundary: the admission policies are not enforced: " in said.err
        assert f"byteport disable {SHOP}" in said.err


def test_what_is_asked_changes_nothing_though_it_is_let_through(unenforced: Installed, typed: Run) -> None:
    before = unenforced.plane.api.call("GET", f"/api/v1/namespaces/{SHOP}/pods")["items"]
    typed("doctor", "--installation")
    after = unenforced.plane.api.call("GET", f"/api/v1/namespaces/{SHOP}/pods")["items"]
    assert [one["metadata"]["uid"] for one in after] == [one["metadata"]["uid"] for one in before]
    assert all("deletionTimestamp" not in one["metadata"] for one in after)


@pytest.mark.claim("C-083")
def test_a_halt_there_is_said_to_be_none(typed: Run) -> None:
    said = typed("halt", "--no-ledger")
    assert (said.code, "API server: halted" in said.out) == (Exit.REFUSED, False)
    assert (
        "error: API server: not halted: byteport-may-act is gone, but the admission policies are not enforced"
        in said.err
    )


@pytest.mark.claim("C-012")
async def test_where_they_are_enforced_each_way_of_asking_is_refused_by_ours(
    guarded: Installed, shop: Namespace, tmp_path: Path
) -> None:
    """The eviction, the command in no container, and the patch of nothing: whichever right there is, it tells."""
    write_down(guarded, {shop.name: AUTO})
    try:
        report = await look(guarded, tmp_path)
    finally:
        write_down(guarded, {})
    assert report.enforcement is Enforcement.REFUSED
    agent = guarded.agent()
    nothing = asked(
        agent,
        "PATCH",
        f"/apis/apps/v1/namespaces/{shop.name}/deployments/{APP}?dryRun=All",
        [],
        content_type="application/json-patch+json",
    )
    run = asked(agent, "POST", "/api/v1/namespaces/byteport-node/pods/BYTEPORT-ASKS/exec?command=true&stdout=true")
    assert (nothing.by_policy, run.by_policy) == (True, True)
