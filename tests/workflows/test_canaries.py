"""Secrets wherever a cluster can hold one, in every spelling: two whole remediations later none stands anywhere else."""

from __future__ import annotations

import base64
import logging
import ssl
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from temporalio.client import Client

from activities.export.api import LedgerApi
from activities.export.file import Files
from activities.export.portions import next_portion
from activities.export.target import Batch, Target
from activities.export.webhook import Webhook
from byteport.audit.heads import Chain
from byteport.audit.words import Decision
from byteport.contracts.ledger_api import ApiTargetConfig
from byteport.contracts.stream_receivers import FileConfig, WebhookConfig
from byteport.contracts.workflows import Phase
from byteport.domain.failures import Failure
from byteport.kubernetes.port import EVENTS, PODS
from byteport.sandbox.simulated import SimulatedCluster
from byteport.temporal.opened import open_history
from tests.integration.api.world import World as Ledger
from tests.integration.export.receivers import listening
from tests.workflows import canaries
from tests.workflows.canaries import SPELLINGS, Commands, found
from tests.workflows.remediation import remediation_of
from tests.workflows.test_secrecy import everything, histories
from tests.workflows.test_wire import tapped
from tests.workflows.world import World

pytestmark = pytest.mark.ledger
HELPER_ACT, ROLLBACK = b"crictl rmi --prune", b"kubectl rollout undo"
"""What may be told, and is there to be seen."""
SUBJECT = "system:serviceaccount:byteport-agent:canaries"


@pytest.fixture(autouse=True)
def said(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    """From the start of the worker on, all that the process says."""
    caplog.set_level(logging.DEBUG)


async def repaired(world: World, cluster: SimulatedCluster) -> Commands:
    """A node's disk is reclaimed by a command, and a release rolled back, each after a yes."""
    commands = await canaries.planted(world, cluster)
    assert canaries.in_events(cluster) > 3
    for remediation in (await canaries.full_node(world), await remediation_of(world, Failure.BAD_ROLLOUT)):
        await remediation.report()
        await (await remediation.until(Phase.AWAITING_APPROVAL)).approve(by="ada")
        assert (await remediation.closed()).decision is Decision.ACTED
    return commands


async def shipped(world: World, folder: Path) -> dict[str, bytes]:
    """Everything that receivers of each kind were sent, and what they keep; bodies unpacked too."""
    chain = Chain(tenant=world.settings.tenant, cluster_uid=world.cluster.uid)
    portion = next_portion(world.log, chain, 0, now=datetime.now(UTC), hourly=False)
    batch = Batch(chain, portion.first, portion.last, portion.lines)
    copy = Ledger(folder)
    copy.write_enrolment(
        {
            "name": "agent-of-this-world",
            "role": "agent",
            "tenant": chain.tenant,
            "cluster_uid": chain.cluster_uid,
            "token": {"issuer": "acme", "subject": SUBJECT},
        }
    )
    token, secret = folder / "token", folder / "secrets"
    token.write_text(copy.clusters["acme"].token(sub=SUBJECT))
    secret.touch(mode=0o600)
    secret.write_text(f"whsec_{base64.b64encode(bytes(32)).decode()}\n")
    async with AsyncExitStack() as stack:
        stack.enter_context(copy.running())
        wire = await stack.enter_async_context(tapped(copy))
        hook = await stack.enter_async_context(listening(lambda _: web.Response(status=204), serving(copy)))
        api = ApiTargetConfig(url=f"https://localhost:{wire.port}", token_file=token)
        webhook = WebhookConfig(url=hook.url("/in"), secret_file=secret)
        targets: tuple[Target, ...] = (
            LedgerApi(api, ca_file=copy.authority.file),
            Webhook(webhook, ca_file=copy.authority.file),
            Files(FileConfig(folder=folder / "files")),
        )
        for target in targets:
            assert (await target.ship(batch)).last == portion.head, target.name
            await target.close()
        kept = await copy.reader(chain.tenant).get(f"/v1/chains/{chain.cluster_uid}/export")
    return {
        "api, on the wire": wire.sent,
        "api, unpacked": b"\n".join(part for request in wire.requests() for part in request),
        "api, given out": kept.text,
        "webhook": b"\n".join(f"{got.path} {got.headers}".encode() + got.body for got in hook.got),
        "files": contents(folder / "files"),
        "the ledger outside, on disk": contents(folder, "ledger.db*"),
    }


def serving(copy: Ledger) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(copy.certificate.certificate, copy.certificate.key)
    return context


def contents(folder: Path, pattern: str = "**/*") -> bytes:
    return b"".join(path.name.encode() + path.read_bytes() for path in sorted(folder.glob(pattern)) if path.is_file())


async def in_temporal(world: World) -> dict[str, bytes]:
    """Every run's history, as Temporal keeps it and as whoever has the key reads it."""
    raw = await Client.connect(world.settings.temporal.address, namespace=world.client.namespace)
    runs = [history async for history in histories(raw)]
    opened = [everything(await open_history(run, world.client.data_converter)) for run in runs]
    return {
        "histories": "".join(map(everything, runs)).encode("latin-1"),
        "histories, opened": "".join(opened).encode("latin-1"),
    }


@pytest.mark.claim("C-100")
@pytest.mark.claim("C-362")
async def test_review_12_secrets_in_pods_logs_events_and_the_output_of_commands_reach_nothing_in_any_spelling(
    world: World,
    cluster: SimulatedCluster,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    commands = await repaired(world, cluster)
    await they_were_there(cluster, commands)
    folder = tmp_path / "outside"
    folder.mkdir()
    exported = await shipped(world, folder)
    printed = capfd.readouterr()
    looked: Mapping[str, bytes] = (
        exported
        | await in_temporal(world)
        | {
            "the log, opened": "".join(record.model_dump_json() for record in world.records).encode(),
            "the ledger, on disk": contents(world.ledger_file.parent, f"{world.ledger_file.name}*"),
            "notices": "".join(notice.model_dump_json() for notice in world.notices).encode(),
            "the state folder": contents(world.home.folder),
            "the process's log": caplog.text.encode(),
            "standard output and error": (printed.out + printed.err).encode(),
        }
    )
    assert {where: spellings for where, data in looked.items() if (spellings := found(data))} == {}
    for where in ("api, unpacked", "api, given out", "webhook", "files", "the log, opened", "histories, opened"):
        assert HELPER_ACT in looked[where], where
        assert ROLLBACK in looked[where], where
    assert [where for where, data in looked.items() if not data] == ["standard output and error"]


async def they_were_there(cluster: SimulatedCluster, commands: Commands) -> None:
    """Each command that was run answered with them, and so would whatever else was read."""
    assert set(commands.answers) == {"df", "free", "du", "crictl"}
    for command, answer in commands.answers.items():
        assert found(f"{answer.stdout}{answer.stderr}".encode()) == list(SPELLINGS), command
    events = await cluster.list(EVENTS, "shop")
    assert found("".join(event["message"] for event in events.items).encode()) == list(SPELLINGS)
    (pod, *_) = (await cluster.list(PODS, "shop", labels="app=web")).items
    (container,) = pod["spec"]["containers"]
    held = {
        "argument": container["args"][0],
        "environment": container["env"][1]["value"],
        "annotation": pod["metadata"]["annotations"]["example.com/note"],
        "hook": container["lifecycle"]["preStop"]["exec"]["command"][-1],
    }
    assert {where: found(text.encode()) for where, text in held.items()} == {where: list(SPELLINGS) for where in held}
    assert canaries.SECRET in container["command"][-1]
    assert found((await cluster.logs("shop", pod["metadata"]["name"], "web")).encode()) == list(SPELLINGS)
