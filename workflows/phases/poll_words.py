"""What a poll of metrics says: its page, and what Temporal UI shows of it. Comes with `workflows/metric_poll.py`."""

from __future__ import annotations

from datetime import datetime

from byteport.contracts.cloud import MetricPoll, PollState
from byteport.contracts.people import Ending, Notice
from byteport.domain.ids import poll_id
from temporalio import workflow

from workflows.phases.escalate import TOLD_WHOLE

NONE = "none"
NAMED_BY_SCHEDULE = "named-by-schedule"


def notice(call: MetricPoll, state: PollState, rung: int) -> Notice:
    """The one page for metrics that cannot be read, or the notice that they are read again."""
    source, since = call.source.value, state.failing_since
    began = f"{since:%Y%m%dT%H%M%S}" if since is not None else NONE
    uid = call.installation.cluster_uid
    return Notice(
        key=f"poll:{uid}:{source}:{began}:{rung}",
        incident_id=f"poll-{source}-{began}",
        workflow_id=named(call),
        cluster=call.installation.cluster_name,
        rung=rung,
        title=f"The metrics of {source} are not seen" if rung else f"The metrics of {source} are seen again",
        runbook=NONE,
        target=call.installation.cluster_name,
        cause="metrics_unseen",
        reasons=(),
        evidence=tuple(_evidence(state, rung)),
        command=None,
        inverse_command=None,
        how_to_answer="byteport doctor --metrics" if rung else None,
        at=workflow.now(),
        ending=Ending.OVER if not rung and workflow.patched(TOLD_WHOLE) else None,
    )


def named(call: MetricPoll) -> str:
    """The Schedule's name, which is that of no run: each has its own, and a pager ends what was begun by the name it was begun by."""
    if not workflow.patched(NAMED_BY_SCHEDULE):
        return workflow.info().workflow_id
    return poll_id(call.installation.cluster_uid, call.source.value)


def put_off(call: MetricPoll, until: datetime) -> str:
    """Why this poll asks nothing."""
    return f"{call.source.value}: it has asked not to be asked again before {until:%Y-%m-%d %H:%M:%S} UTC"


def _evidence(state: PollState, rung: int) -> list[str]:
    since = f"{state.failing_since:%Y-%m-%d %H:%M:%S} UTC" if state.failing_since is not None else NONE
    if not rung:
        return [f"they were not, since {since}"]
    return [
        f"polls that failed in a row: {state.failures}, since {since}",
        f"why: {state.because}",
        "what only this source measures is not noticed meanwhile; the watch of the cluster goes on",
    ]


def details(call: MetricPoll, state: PollState, *, afresh: bool) -> str:
    """Markdown for Temporal UI."""
    lines = [f"### Metrics of {call.source.value}", ""]
    if afresh:
        lines.append("- **Begun anew**: what the poll before handed on cannot be read by this version")
    if state.rights is not None and state.rights.found.refuses:
        lines.append("- **Not read**: its identity has rights that are never requested")
    elif state.failures:
        lines += [f"- **Failed**: {state.failures} in a row", f"- **Why**: {state.because}"]
    else:
        lines += [f"- **Series**: {state.series}", f"- **Above their threshold**: {len(state.open)}"]
        lines.append(f"- **Taken as symptoms**: {state.reported}")
    if state.rights is not None:
        lines.append(f"- **Its identity was looked at**: {state.rights.at:%Y-%m-%d %H:%M:%S} UTC")
    if abs(state.skew_seconds) >= 1:
        lines.append(f"- **Its clock**: {state.skew_seconds:+.0f} s")
    if state.truncated:
        lines.append("- **Not all of it**: there is more than one poll takes, or several machines claim one address")
    return "\n".join(lines)
