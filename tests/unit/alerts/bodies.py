"""Bodies of alerts as senders write them, and what they come to in a line each."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from byteport.alerts.reduction import Reduced, of_group
from byteport.domain.signals import SignalType
from byteport.kubernetes.alerts import read_group

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)
SENDER = "token/monitoring"
CASES = Path(__file__).parents[2] / "cases"


def body(*alerts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"version": "4", "status": "firing", "alerts": list(alerts), "truncatedAlerts": 0, **more}


def alert(name: str = "KubePodCrashLooping", status: str = "firing", **labels: str) -> dict[str, Any]:
    return {
        "status": status,
        "labels": {"alertname": name, **labels},
        "annotations": {},
        "startsAt": "2026-03-10T08:51:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
    }


def reduced(*alerts: dict[str, Any], clusters: tuple[str, ...] = ("prod",), tell: bool = True, **more: Any) -> Reduced:
    group = read_group(body(*alerts, **more))
    return of_group(group, clusters=frozenset(clusters), now=NOW, tell_untreated=tell, sender=SENDER)


def told(found: Reduced) -> list[tuple[SignalType, str, str | None, str | None, bool]]:
    return [
        (one.type, one.subject.kind, one.subject.namespace, one.subject.name or one.subject.provider_id, one.over)
        for batch in found.batches
        for one in batch.symptoms
    ]


def case(name: str) -> Any:
    return json.loads((CASES / f"{name}.json").read_text())["alert"]


CRASHLOOP, ROLLOUT, DISK, CPU = (
    *(SignalType.POD_CRASHLOOP, SignalType.FAILED_DEPLOY, SignalType.DISK_PRESSURE, SignalType.CPU_SPIKE),
)
