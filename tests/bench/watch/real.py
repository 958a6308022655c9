"""The same watch over a real control plane: kwok's nodes and as many pods of Deployments as are asked for.

It is for what the server of this benchmark cannot show: that a real API server's pages, tokens and bookmarks are what it
says they are. How large it can be is the machine's affair; a control plane with 5,000 pods needs some 2 GiB.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from pathlib import Path

from byteport.domain.ceilings import Sight
from byteport.kubernetes.enrolment import ENABLED_LABEL
from byteport.sandbox.controlplane.start import ControlPlane
from tests.bench.watch.process import settled, started, until_listed

NAMESPACES = 10
EACH = 250
PODS_PER_NODE = 25
MADE_IN_SECONDS = 600
REST_SECONDS = 60


async def main(pods: int) -> int:
    nodes = max(3, pods // PODS_PER_NODE)
    with tempfile.TemporaryDirectory() as folder, ControlPlane(Path(folder), nodes=nodes) as plane:
        begun = time.perf_counter()
        running = await asyncio.to_thread(_made, plane, pods)
        print(
            f"a real control plane with {nodes:,} nodes and {running:,} pods, made in {time.perf_counter() - begun:.0f} s"
        )
        async with started("tests.bench.watch.watcher", str(plane.kubeconfig), Sight.CLUSTER.value) as watcher:
            begun = time.perf_counter()
            first, idle = await settled(watcher, await until_listed(watcher))
            print(f"  first list           {first['most']:8.0f} MiB at most, {idle['now']:.0f} after it")
            print(
                f"                       {running / idle['cpu']:8,.0f} pods a second of processor, its start included; {time.perf_counter() - begun:.0f} s"
            )
            before = await watcher.ask("say")
            await asyncio.to_thread(
                plane.kubectl, "annotate", "pods", "--all", "--all-namespaces", "seen=1", "--overwrite"
            )
            after = await watcher.ask("say")
            print(
                f"  {running:,} changes       {running / (after['cpu'] - before['cpu']):8,.0f} a second of processor, {after['most']:.0f} MiB at most"
            )
            await asyncio.sleep(REST_SECONDS)
            rest = await watcher.ask("say")
            asked = (rest["asked"] - after["asked"]) / REST_SECONDS
            print(
                f"  at rest              {asked:8.2f} requests a second, {rest['writes']} writes, {rest['now']:.0f} MiB"
            )
            print(f"  reported             {rest['reported']:8,} symptoms, {len(rest['failures'])} failures")
    return 0


def _made(plane: ControlPlane, pods: int) -> int:
    """How many run in the end."""
    for at in range(NAMESPACES):
        name = f"team-{at}"
        plane.api.apply(f"/api/v1/namespaces/{name}", _object("v1", "Namespace", name, labels={ENABLED_LABEL: "true"}))
    for at in range(max(1, pods // EACH)):
        place, name = f"team-{at % NAMESPACES}", f"web-{at}"
        plane.api.apply(f"/apis/apps/v1/namespaces/{place}/deployments/{name}", _deployment(place, name))
    ends = time.monotonic() + MADE_IN_SECONDS
    while (running := _running(plane)) < pods // EACH * EACH and time.monotonic() < ends:
        time.sleep(5)
    return running


def _running(plane: ControlPlane) -> int:
    listed = json.loads(plane.kubectl("get", "deployments", "--all-namespaces", "--output", "json"))
    return sum(item.get("status", {}).get("readyReplicas", 0) for item in listed["items"])


def _object(api: str, kind: str, name: str, **meta: object) -> dict[str, object]:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, **meta}}


def _deployment(place: str, name: str) -> dict[str, object]:
    labels = {"app": name}
    container = {"name": "app", "image": "registry.example.internal/shop/web:1"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": EACH, "selector": {"matchLabels": labels}, "template": template}
    return _object("apps/v1", "Deployment", name, namespace=place) | {"spec": spec}
