"""What a poll of metrics says: its page, and what Temporal UI shows of it. Comes with `workflows/metric_poll.py`."""

from __future__ import annotations

from byteport.contracts.cloud import MetricPoll, PollState
from byteport.contracts.people import Notice
from temporalio import workflow

NONE = "none"


def notice(call: MetricPoll, state: PollState, rung: int) -> Notice:
    """The one page for metrics that cannot be read, or the notice that they are read again."""
    source, since = call.source.value, state.failing_since
    began = f"{since:%Y%m%dT%H%M%S}" if since is not None else NONE
    uid = call.installation.cluster_uid
    return Notice(
        key=f"poll:{uid}:{source}:{began}:{rung}",
        incident_id=f"poll-{source}-{began}",
        workflow_id=workflow.info().workflow_id,
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
    )


def _evidence(state: PollState, rung: int) -> list[str]:
    since = f"{state.failing_since:%Y-%m-%d %H:%M:%S} UTC" if state.failing_since is not None else NONE
    if not rung:
        return [f"they were not, since {since}"]
    return [
        f"polls that failed in a row: {state.failures}, since {since}",
        f"why: {state.because}",
        "what only this source measures is not noticed meanwhile; the watch of the cluster goes on",
    ]


def details(call: MetricPoll, state: PollState) -> str:
    """Markdown for Temporal UI."""
    lines = [f"### Metrics of {call.source.value}", ""]
    if state.failures:
        lines += [f"- **Failed**: {state.failures} in a row", f"- **Why**: {state.because}"]
    else:
        lines += [f"- **Series**: {state.series}", f"- **Above their threshold**: {len(state.open)}"]
        lines.append(f"- **Taken as symptoms**: {state.reported}")
    if abs(state.skew_seconds) >= 1:
        lines.append(f"- **Its clock**: {state.skew_seconds:+.0f} s")
    if state.truncated:
        lines.append("- **Not all of it**: there are more series than one poll takes")
    return "\n".join(lines)
