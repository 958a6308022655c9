"""For each alert what a Prometheus has scraped when it must ring, and when it must not: series as promtool writes them.

`test_alert_rules.py` has promtool play them. `NUMBERx60` is sixty samples more of the same, `_x10` ten minutes without any.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

HERE = 'namespace="byteport-agent"'
Series = dict[str, str]
"""Values, one a minute, by the series."""


@dataclass(frozen=True)
class Case:
    """`rings` from `after` minutes on and not before `before`; while `quiet` is so it never does."""

    rings: Series
    quiet: tuple[Series, ...]
    before: int
    after: int
    labels: tuple[Mapping[str, str], ...] = field(default=({},))
    """Of what rings, beside its severity."""
    quiet_at: tuple[int, ...] = ()
    """Minutes at which it must not ring, where `after` is too early to tell."""

    @property
    def takes_a_day(self) -> bool:
        return any(at > 24 * 60 for at in self.quiet_at)


def _of(name: str, labels: str, values: str) -> Series:
    return {f"{name}{{{HERE}{', ' if labels else ''}{labels}}}": values}


def _gauge(name: str, bad: str, good: str, minutes: int, labels: str = "", rung: tuple[str, ...] = ()) -> Case:
    """A value that must be bad for so many minutes. `rung` are the labels that are left of it."""
    shown = dict(one.split("=") for one in labels.replace('"', "").split(", ") if one)
    return Case(
        rings=_of(name, labels, f"{bad}x90"),
        quiet=(_of(name, labels, f"{good}x90"),),
        before=minutes - 1,
        after=minutes + 1,
        labels=({label: shown[label] for label in rung},),
    )


_POLLERS = "temporal_num_pollers"
_ACTIVITY = 'poller_type="activity_task", task_queue="ledger"'
_STICKY = 'poller_type="sticky_workflow_task", task_queue="ledger"'
_SLOT = 'task_queue="cluster-c", worker_type="ActivityWorker"'
_LATENCY = "temporal_activity_schedule_to_start_latency_bucket"
_PODS = 'runbook="PodCrashloopRunbook", pod='


def _latency(under: Mapping[str, int]) -> Series:
    """How many of a hundred acts a minute waited for no longer than each edge, in seconds: some of the SDK's own edges."""
    shown = {edge: _of(_LATENCY, f'task_queue="ledger", le="{edge}"', f"0+{count}x90") for edge, count in under.items()}
    return {series: values for one in shown.values() for series, values in one.items()}


CASES: Mapping[str, Case] = MappingProxyType(
    {
        "BytePortDown": Case(
            rings=_of(_POLLERS, _ACTIVITY, "0x90"),
            quiet=(_of(_POLLERS, _ACTIVITY, "2x90"),),
            before=4,
            after=6,
        ),
        "BytePortProcessDown": Case(
            rings={'up{job="byteport-agent", pod="a"}': "0x90"},
            quiet=({'up{job="byteport-agent", pod="a"}': "1x90"}, {'up{job="other"}': "0x90"}),
            before=4,
            after=6,
            labels=({"job": "byteport-agent", "pod": "a"},),
        ),
        "BytePortQueueNotPolled": Case(
            rings=_of(_POLLERS, _ACTIVITY, "0x90") | _of(_POLLERS, _STICKY, "3x90"),
            quiet=(_of(_POLLERS, _ACTIVITY, "1x90") | _of(_POLLERS, _STICKY, "0x90"),),
            before=4,
            after=6,
            labels=({"task_queue": "ledger"},),
        ),
        "BytePortNotWatching": _gauge("temporal_worker_task_slots_used", "0", "1", 10, _SLOT),
        "BytePortTemporalErrors": Case(
            rings=_of("temporal_request_failure", 'operation="X"', "0+60x90"),
            quiet=(
                _of("temporal_request_failure", 'operation="X"', "0+1x90"),
                _of("temporal_long_request_failure", 'operation="X"', "5x90"),
            ),
            before=9,
            after=12,
        ),
        "BytePortWorkflowTaskFailing": Case(
            rings=_of("temporal_workflow_task_execution_failed", "", "_x3 1x90"),
            quiet=(_of("temporal_workflow_task_execution_failed", "", "7x90"), {}),
            quiet_at=(15, 70),
            before=2,
            after=5,
            labels=({"namespace": "byteport-agent"},),
        ),
        "BytePortActivitiesFailing": Case(
            rings=_of("temporal_activity_execution_failed", 'activity_type="a"', "0+60x90"),
            quiet=(_of("temporal_activity_execution_failed", 'activity_type="a"', "0+1x90"),),
            before=14,
            after=18,
            labels=({"activity_type": "a"},),
        ),
        "BytePortSlow": Case(
            rings=_latency({"1": 1, "10": 50, "100": 100, "+Inf": 100}),
            quiet=(_latency({"1": 99, "10": 100, "100": 100, "+Inf": 100}),),
            before=9,
            after=13,
            labels=({"task_queue": "ledger"},),
        ),
        "BytePortNoSlots": _gauge(
            "temporal_worker_task_slots_available", "0", "5", 10, _SLOT, ("task_queue", "worker_type")
        ),
        "BytePortVolumeFilling": Case(
            rings=_of("kubelet_volume_stats_available_bytes", 'persistentvolumeclaim="s"', "10x90")
            | _of("kubelet_volume_stats_capacity_bytes", 'persistentvolumeclaim="s"', "100x90"),
            quiet=(
                _of("kubelet_volume_stats_available_bytes", 'persistentvolumeclaim="s"', "20x90")
                | _of("kubelet_volume_stats_capacity_bytes", 'persistentvolumeclaim="s"', "100x90"),
            ),
            before=14,
            after=16,
            labels=({"namespace": "byteport-agent", "persistentvolumeclaim": "s"},),
        ),
        "BytePortBoundaryNotWhole": _gauge("byteport_boundary_findings", "1", "0", 1, 'place="everywhere"', ("place",)),
        "BytePortBoundaryNotLookedAt": Case(  # the clock of these begins at 0
            rings=_of("byteport_boundary_looked_at_seconds", "", "0x90"),
            quiet=(_of("byteport_boundary_looked_at_seconds", "", "0+60x90"),),
            before=9,
            after=12,
        ),
        "BytePortSourceRights": Case(
            rings=_of("byteport_source_rights_findings", 'source="aws", amiss="missing"', "1x90"),
            quiet=(
                _of("byteport_source_rights_findings", 'source="aws", amiss="missing"', "0x90"),
                _of("byteport_source_rights_findings", 'source="aws", amiss="in_excess"', "4x90"),
            ),
            before=0,
            after=2,
            labels=({"source": "aws", "amiss": "missing"},),
        ),
        "BytePortPayloadKeysNotRead": Case(
            rings=_of("byteport_payload_keys_read_at_seconds", 'pod="a"', "0x90"),
            quiet=(_of("byteport_payload_keys_read_at_seconds", 'pod="a"', "0+60x90"),),
            before=19,
            after=22,
        ),
        "BytePortPayloadKeysDiffer": Case(
            rings=_of("byteport_payload_keys", 'pod="a"', "2x90") | _of("byteport_payload_keys", 'pod="b"', "1x90"),
            quiet=(_of("byteport_payload_keys", 'pod="a"', "2x90") | _of("byteport_payload_keys", 'pod="b"', "2x90"),),
            before=14,
            after=16,
        ),
        "BytePortLogNotSigned": _gauge("byteport_log_unsigned_seconds", "6000", "3000", 5),
        "BytePortLogNotWitnessed": _gauge(
            "byteport_log_unwitnessed_seconds", "30000", "20000", 5, 'witness="w"', ("witness",)
        ),
        "BytePortLogNotExported": _gauge(
            "byteport_log_unexported_seconds", "30000", "20000", 5, 'target="s3"', ("target",)
        ),
        "BytePortWatchLate": Case(
            rings=_of("byteport_watching", "", "0x90"),
            quiet=(_of("byteport_watching", "", "1x90") | _of("byteport_watch_heartbeat_seconds", "", "8x90"),),
            before=4,
            after=6,
        ),
        "BytePortApprovalWaiting": _gauge("byteport_approvals_oldest_seconds", "20000", "9000", 5),
        "BytePortBudgetSpent": Case(
            rings=_of("byteport_budget_acts_left", 'of="cluster"', "0x90"),
            quiet=(
                _of("byteport_budget_acts_left", 'of="cluster"', "1x90")
                | _of("byteport_budget_acts_left", 'of="namespace"', "0x90"),
            ),
            before=4,
            after=6,
        ),
        "BytePortHalted": Case(
            rings=_of("byteport_stopped", 'by="halt"', "1x200"),
            quiet=(_of("byteport_stopped", 'by="halt"', "0x90"), _of("byteport_stopped", 'by="storm"', "1x200")),
            before=59,
            after=61,
        ),
        "BytePortRepairsDoNotHold": Case(
            rings=_of("byteport_did_not_hold_total", _PODS + '"a"', "_x30 1x30 2x300"),
            quiet=(
                _of("byteport_did_not_hold_total", _PODS + '"a"', "_x30 1x1600"),
                _of("byteport_did_not_hold_total", _PODS + '"a"', "0x30 1x1600"),
                _of("byteport_did_not_hold_total", _PODS + '"a"', "9x1600"),
            ),
            quiet_at=(1500,),
            before=55,
            after=65,
            labels=({"runbook": "PodCrashloopRunbook"},),
        ),
    }
)
"""By the name of the alert."""

AGAIN: Mapping[str, tuple[Series, int, Mapping[str, str]]] = MappingProxyType(
    {
        "BytePortTemporalErrors": (_of("temporal_long_request_failure", 'operation="X"', "0+60x90"), 12, {}),
        "BytePortWatchLate": (
            _of("byteport_watching", "", "1x90") | _of("byteport_watch_heartbeat_seconds", "", "90x90"),
            6,
            {},
        ),
        "BytePortWorkflowTaskFailing": (
            _of("temporal_workflow_task_execution_failed", "", "0x10 1x90"),
            12,
            {"namespace": "byteport-agent"},
        ),
        "BytePortRepairsDoNotHold": (
            _of("byteport_did_not_hold_total", _PODS + '"a"', "_x30 1x300")
            | _of("byteport_did_not_hold_total", _PODS + '"b"', "_x60 1x300"),
            70,
            {"runbook": "PodCrashloopRunbook"},
        ),
        "BytePortDown": ({}, 6, {}),
    }
)
"""Another way in which the same alert must ring, at that minute."""
