"""`byteport signal`: a person reports a symptom that no source of ours has seen."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from byteport.cli.find import parse_target
from byteport.cli.output import print_json, say, while_waiting
from byteport.cli.session import AsJson, client_of, person, run, settings_of
from byteport.domain.signals import SignalType
from byteport.errors import MalformedInput


def signal(
    context: typer.Context,
    kind: Annotated[SignalType, typer.Argument(metavar="TYPE", help="What was seen: " + ", ".join(SignalType) + ".")],
    target: Annotated[str, typer.Argument(help="The workload, as namespace/kind/name, or node/name.")],
    namespace: Annotated[str | None, typer.Option("--namespace", "-n", help="Then TARGET is kind/name.")] = None,
    value: Annotated[float, typer.Option("--value", help="The measured value.")] = 1.0,
    threshold: Annotated[float, typer.Option("--threshold", help="The value that counts as too much.")] = 1.0,
    as_json: AsJson = False,
) -> None:
    """Report a symptom by hand; it is diagnosed like any other, and believed no more."""
    run(_signal(context, kind, target, namespace, value, threshold, as_json))


async def _signal(
    context: typer.Context,
    kind: SignalType,
    target: str,
    namespace: str | None,
    value: float,
    threshold: float,
    as_json: bool,
) -> None:
    from byteport.domain.canonical import digest
    from byteport.domain.signals import Signal, Source
    from byteport.settings import installation
    from byteport.temporal.intake import check_signal, report_signal

    settings = settings_of(context)
    ours = installation(settings)
    aim = parse_target(target, cluster_uid=ours.cluster_uid, namespace=namespace)
    if aim.kind == "Pod":
        raise MalformedInput("target", "name the workload that controls the pod, not the pod")
    if (aim.kind == "Node") is not (kind is SignalType.DISK_PRESSURE) and kind is not SignalType.MEMORY_PRESSURE:
        fits = "is a node's: write node/name" if aim.kind != "Node" else "is a workload's: write namespace/kind/name"
        raise MalformedInput("target", f"{kind.value} {fits}")
    now = datetime.now(UTC)
    who = person(settings)
    reported = Signal(
        type=kind,
        value=value,
        threshold=threshold,
        target=aim,
        observed_at=now,
        source=Source.PERSON,
        reporter=who,
        evidence_digest=digest(["person", who, kind.value, aim.ref, now.isoformat()]),
    )
    check_signal(reported)
    client = await client_of(settings)
    sending = report_signal(
        client,
        ours,
        reported,
        ladder=settings.ladder,
        reobserve_after_seconds=settings.reobserve_after_seconds,
        postmortem=settings.postmortem.target is not None,
        events=settings.boundary.events,
    )
    accepted = await while_waiting("reporting", sending)
    if as_json:
        print_json(accepted)
    else:
        say(f"reported to {accepted.workflow_id}; follow it with: byteport show {aim.ref}")
