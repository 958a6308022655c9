"""A JSON Patch `test` on a real API server compares bytes: what was read must equal itself, whatever is in it."""

from __future__ import annotations

import asyncio

from activities.kubernetes.client import connect
from byteport.kubernetes.port import DEPLOYMENTS, Attribution
from byteport.sandbox.controlplane import ControlPlane
from tests.cluster.workloads import Namespace

SPECIAL = 'a && b <c> \u2028 \u2029 é 漢 " \\ \t \x7f \b \f'


async def test_a_template_with_any_character_equals_itself(control_plane: ControlPlane, namespace: Namespace) -> None:
    await asyncio.to_thread(namespace.deploy, "web", annotations={"note": SPECIAL})
    async with await connect(control_plane.kubeconfig) as port:
        deployment = await port.get(DEPLOYMENTS, namespace.name, "web")
        assert deployment["spec"]["template"]["metadata"]["annotations"]["note"] == SPECIAL
        test = {"op": "test", "path": "/spec/template", "value": deployment["spec"]["template"]}
        await port.patch(
            DEPLOYMENTS, namespace.name, "web", [test], by=Attribution("", "", "byteport-suite"), dry_run=True
        )
