"""What the agent wrote to the cluster, as somebody else saw it: the simulated cluster, or the API server's audit log.

A command that removes images is a write, though it is none to the API server: its exec is counted.
On a cluster of the user's own its audit log is out of reach; there the ledger's intents are counted instead.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from byteport.audit.words import Event
from byteport.domain.plans import PRUNE_ARGV
from byteport.kubernetes.port import NO_POD
from byteport.ledger.log import Filter
from byteport.sandbox.assembly import Sandbox
from byteport.sandbox.controlplane import AGENT_USER, WRITES
from byteport.sandbox.demo.stage import Stage

ASKING = ("authorization.k8s.io", "authentication.k8s.io")
"""Groups whose `create` only asks a question."""
CONFLICT = 409
REMOVING = frozenset(PRUNE_ARGV.values())
"""Commands in a container that change something on its node."""


class Write(NamedTuple):
    namespace: str
    what: str


def writes_of(stage: Stage) -> list[Write]:
    """Every write that took effect or was tried, dry runs and commands that only ask left out, oldest first."""
    sandbox = stage.sandbox
    if sandbox.cluster.simulated is not None:
        simulated = sandbox.cluster.simulated
        written = [
            (write.at, Write(write.namespace, f"{write.verb} {write.resource.plural}/{write.name}"))
            for write in simulated.mutations()
        ]
        run = [
            (command.at, Write(command.namespace, f"exec pods/{command.pod}: {' '.join(command.argv)}"))
            for command in simulated.commands()
            if command.argv in REMOVING
        ]
        return [write for _, write in sorted([*written, *run])]
    if sandbox.cluster.control_plane is not None:
        return _logged(sandbox)
    started = stage.log().iter_records(Filter(event=Event.STARTED))
    return [Write(record.target.split("/")[0], record.command or "") for record in started]


def _logged(sandbox: Sandbox) -> list[Write]:
    plane = sandbox.cluster.control_plane
    assert plane is not None
    found, execs = [], set()
    for event in plane.audit_events(user=AGENT_USER, verbs={*WRITES, "get"}):
        target: dict[str, Any] = event.get("objectRef", {})
        if target.get("subresource") == "exec":
            argv = tuple(parse_qs(urlsplit(event["requestURI"]).query).get("command", ()))
            if argv in REMOVING and event["auditID"] not in execs:  # logged when it begins and when it ends
                execs.add(event["auditID"])
                found.append(Write(target.get("namespace", ""), f"exec pods/{target.get('name')}: {' '.join(argv)}"))
            continue
        if event["verb"] not in WRITES:
            continue
        if target.get("apiGroup") in ASKING or "dryRun=All" in event.get("requestURI", ""):
            continue
        if event.get("responseStatus", {}).get("code") == CONFLICT:  # its object had moved: looked at and planned anew
            continue
        if target.get("name") == NO_POD:  # the self-check, which asks whether it is refused
            continue
        name = f"{event['verb']} {target.get('resource', '?')}/{target.get('name', '')}"
        found.append(Write(target.get("namespace", ""), name))
    return found
