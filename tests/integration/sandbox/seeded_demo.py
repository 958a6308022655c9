"""The demo as `byteport sandbox demo` shows it, on a simulated cluster full of secrets and with everything connected that tells.

    python -m tests.integration.sandbox.seeded_demo FOLDER [leaking] [SCENARIO…]

A program of its own, so that all that a process says is seen. Traces go to a collector, notices to a webhook that is signed with a
secret of the backend, the log to files, metrics are served and scraped, histories and a bundle for support are taken while it runs.
What has been seen lies in `FOLDER/seen`, a file for each place. `leaking`: each of these is told a secret, at its very source.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from unittest import mock

from aiohttp import web
from temporalio.client import Client
from temporalio.runtime import Runtime, TelemetryConfig

from activities.kubernetes.reads import LOG_LINES
from byteport.contracts.traces import TracesConfig
from byteport.kubernetes import port
from byteport.ledger.log import ALL
from byteport.sandbox import assembly
from byteport.sandbox.assembly import ClusterKind, exported_to
from byteport.sandbox.children import free_port
from byteport.sandbox.demo import run as demo
from byteport.sandbox.demo.report import Report
from byteport.sandbox.demo.scenarios import SCENARIOS
from byteport.sandbox.demo.stage import Stage
from byteport.sandbox.simulated import SimulatedCluster
from byteport.temporal.connect import connect
from byteport.temporal.metering import served_at
from byteport.temporal.opened import open_history
from tests.builders.otlp import Collector, collecting
from tests.integration.export.authority import new_authority
from tests.integration.export.receivers import Receiver, listening
from tests.integration.sandbox.canary_words import SECRETS, WORDS, Place
from workers.tracing import traced

JSON = dict[str, Any]
SECRET_NAME = "notify/webhook"
TALKATIVE = ("byteport-demo-out-of-memory", "byteport-demo-halted")
"""Whose pods print something. A log that says nothing known is a reason to do nothing alone, and elsewhere something is done."""


class Seeded(SimulatedCluster):
    """Holds a secret in every pod, log, event and answer, and its first log cannot be read, with a secret in the words."""

    def __init__(self) -> None:
        super().__init__()
        self.met: dict[str, int] = {}
        """How often the agent was given what holds one, by its place."""
        create = self._store.create

        def created(item: JSON) -> JSON:
            if item["kind"] == "Event":
                self._count(Place.EVENT)
                item = item | {"message": f"{item['message']} password={SECRETS[Place.EVENT]}"}
            return create(item)

        self._store.create = created  # type: ignore[method-assign]

    def _count(self, place: Place) -> None:
        self.met[place.value] = self.met.get(place.value, 0) + 1

    async def apply(
        self, *objects: Mapping[str, Any], manager: str = "kubectl-client-side-apply", server_side: bool = False
    ) -> list[JSON]:
        filled = [self._filled(item) if item["kind"] == "Deployment" else item for item in objects]
        return await super().apply(*filled, manager=manager, server_side=server_side)

    def _filled(self, deployment: Mapping[str, Any]) -> JSON:
        template = deployment["spec"]["template"]
        metadata = template.get("metadata") or {}
        noted = (metadata.get("annotations") or {}) | {"example.com/note": SECRETS[Place.ANNOTATION]}
        containers = [
            container
            | {
                "env": [{"name": "PASSWORD", "value": SECRETS[Place.ENV]}],
                "args": [f"--dsn={SECRETS[Place.ARGUMENT]}"],
                "command": ["sh", "-c", f"TOKEN={SECRETS[Place.COMMAND]} exec server"],
            }
            for container in template["spec"]["containers"]
        ]
        for place in (Place.ANNOTATION, Place.ENV, Place.ARGUMENT, Place.COMMAND):
            self._count(place)
        changed = template | {
            "metadata": metadata | {"annotations": noted},
            "spec": template["spec"] | {"containers": containers},
        }
        return {**deployment, "spec": deployment["spec"] | {"template": changed}}

    async def logs(
        self, namespace: str, pod: str, container: str, *, previous: bool = False, tail_lines: int = LOG_LINES
    ) -> str:
        if Place.EXCEPTION.value not in self.met:
            self._count(Place.EXCEPTION)
            raise RuntimeError(f"a library quotes what it read: {SECRETS[Place.EXCEPTION]}")
        printed = await super().logs(namespace, pod, container, previous=previous, tail_lines=tail_lines)
        if namespace not in TALKATIVE:
            return printed
        place = Place.PREVIOUS_LOG if previous else Place.LOG
        self._count(place)
        return f"{printed}connected with {SECRETS[place]}\n"

    async def exec(
        self,
        namespace: str,
        pod: str,
        container: str,
        argv: Sequence[str],
        *,
        by: port.Attribution | None = None,
        seconds: float = port.EXEC_SECONDS,
    ) -> port.ExecResult:
        told = await super().exec(namespace, pod, container, argv, by=by, seconds=seconds)
        self._count(Place.STDERR)
        more = ""
        if argv[0] != "du":
            self._count(Place.STDOUT)
            word = WORDS[Place.STDOUT]
            more = f"overlay 100G 3.0G 97G 3% /run/{word}\n" if argv[0] == "df" else f"Deleted: example/{word}:1\n"
        return port.ExecResult(told.stdout + more, f"{told.stderr}warning: {SECRETS[Place.STDERR]}\n", told.exit_code)


class Told:
    """What hears of the demo, and where what was heard is kept."""

    def __init__(self, folder: Path, *, leaking: bool) -> None:
        self.seen = folder / "seen"
        self.seen.mkdir(parents=True)
        self.metrics = f"127.0.0.1:{free_port()}"
        self.leaking = leaking
        self.word = WORDS[Place.TOLD]

    def keep(self, name: str, content: bytes) -> None:
        (self.seen / name).write_bytes(content)

    def runtime(self) -> Runtime:
        tags = {"leak": self.word} if self.leaking else {}
        return Runtime(telemetry=TelemetryConfig(metrics=served_at(self.metrics), global_tags=tags))

    async def look(self, stage: Stage) -> None:
        """Take what is there only while it runs."""
        sandbox = stage.sandbox
        raw = await Client.connect(sandbox.settings.temporal.address)
        sealed, opened = [], []
        async for run in raw.list_workflows(""):
            history = await raw.get_workflow_handle(run.id, run_id=run.run_id).fetch_history()
            clear = await open_history(history, sandbox.client.data_converter)
            sealed += [run.raw_info.SerializeToString(), *(event.SerializeToString() for event in history.events)]
            opened += [event.SerializeToString() for event in clear.events]
        self.keep("histories", b"".join(sealed))
        self.keep("histories-opened", b"".join(opened))
        records = [record.model_dump_json() for record in stage.log().iter_records(ALL)]
        self.keep("records", "\n".join(records).encode())
        answer = await asyncio.to_thread(urllib.request.urlopen, f"http://{self.metrics}/metrics", timeout=10)
        self.keep("metrics", answer.read())
        program = [str(Path(sys.executable).with_name("byteport")), "--config", str(stage.home.config_file)]
        bundle = await asyncio.create_subprocess_exec(
            *program,
            *("support-bundle", "--bodies", "--out", str(self.seen / "support.tar.gz"), "--json"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await bundle.communicate()
        self.keep("support-said", out + err)

    def heard(self, collector: Collector, hook: Receiver) -> None:
        """The headers by which the collector knows us are shown to it alone, and are no part of a trace."""
        assert collector.refused == [], collector.refused
        self.keep("traces", b"".join(collector.raw))
        posted = [f"{got.method} {got.path} {got.headers}\n".encode() + got.body + b"\n" for got in hook.got]
        self.keep("channel", b"".join(posted))


def _settings(folder: Path, told: Told, hook: Receiver, collector: Collector, ca_file: Path) -> JSON:
    """As an installer would connect it all."""
    headers = folder / "headers"
    headers.touch(mode=0o600)
    headers.write_text(f"Authorization: Bearer {WORDS[Place.HEADERS]}\n")
    kept = folder / "secrets" / SECRET_NAME
    kept.parent.mkdir(parents=True, mode=0o700)
    kept.touch(mode=0o600)
    kept.write_text("whsec_" + base64.b64encode(WORDS[Place.BACKEND].encode()).decode())
    traces = {"endpoint": collector.url, "headers_file": str(headers), "ca_file": str(ca_file)}
    return (exported_to(folder / "export") or {}) | {
        "telemetry": {"metrics_address": told.metrics, "traces": traces},
        "secret": {"backend": "k8s", "k8s": {"folder": str(folder / "secrets")}},
        "escalation": {
            "channels": ["webhook"],
            "webhook": {"url": hook.url("/in"), "secret": SECRET_NAME},
            "ca_file": str(ca_file),
        },
    }


async def show(folder: Path, names: Sequence[str], *, leaking: bool) -> Report:
    told, cluster = Told(folder, leaking=leaking), Seeded()
    authority = new_authority(folder)
    async with AsyncExitStack() as stack:
        collector = stack.enter_context(collecting(authority.server()))
        hook = await stack.enter_async_context(listening(lambda _: web.Response(status=204), authority.server()))
        settings = _settings(folder, told, hook, collector, authority.ca_file)
        traces = TracesConfig.model_validate(settings["telemetry"]["traces"])
        tracing = await stack.enter_async_context(AsyncExitStack())

        async def connected(config: Any, ring: Any, *, identity: str) -> Client:
            """As `workers/start.py` connects a process, which the sandbox leaves out."""
            about = {"byteport.process": told.word if leaking else "embedded"}
            interceptors = await tracing.enter_async_context(traced(traces, ring, about))
            return await connect(config, ring, identity=identity, runtime=told.runtime(), interceptors=interceptors)

        async def made(within: AsyncExitStack) -> assembly.Cluster:
            living = asyncio.create_task(cluster.run())
            within.push_async_callback(assembly._cancelled, living)
            name = told.word if leaking else "simulated"
            return assembly.Cluster(ClusterKind.SIMULATED, name, cluster, cluster.uid, cluster, None, None)

        played = demo._show

        async def shown(wanted: demo.Demo, stage: Stage, begun: float) -> Report:
            report = await played(wanted, stage, begun)
            await told.look(stage)
            if leaking:
                logging.getLogger("byteport.demo").error("%s", told.word)
                sys.stdout.write(f"{told.word}\n")
                sys.stderr.write(f"{told.word}\n")
            return report

        for module, name, stands_in in (
            (assembly, "connect", connected),
            (assembly, "_simulated", made),
            (demo, "_show", shown),
            (demo, "exported_to", lambda _: settings),
            (demo, "SCENARIOS", tuple(one for one in SCENARIOS if not names or one.name in names)),
        ):
            stack.enter_context(mock.patch.object(module, name, stands_in))
        report = await demo.run_demo(demo.Demo(folder / "home", ClusterKind.SIMULATED), _say)
        await tracing.aclose()
        told.heard(collector, hook)
    told.keep("met.json", json.dumps(cluster.met).encode())
    return report


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def main() -> None:
    folder, *words = sys.argv[1:]
    report = asyncio.run(show(Path(folder), [word for word in words if word != "leaking"], leaking="leaking" in words))
    sys.stdout.write(f"{json.dumps(report.as_json())}\n")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0 if report.passed else 1)  # Temporal's native threads do not survive an orderly end of the interpreter


if __name__ == "__main__":
    main()
