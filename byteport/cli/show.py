"""`byteport show`: one remediation, and with `--why` the chain of reasons that led to what it did; or one time box."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from byteport.cli.find import find_run
from byteport.cli.output import facts, plain, print_json, say, table, while_waiting
from byteport.cli.session import AsJson, client_of, run, settings_of

if TYPE_CHECKING:
    from byteport.contracts.workflows import State, TimeboxState
    from byteport.domain.approvals import Taken


def show(
    context: typer.Context,
    which: Annotated[
        str, typer.Argument(metavar="RUN", help="Workflow id, or target as namespace/kind/name or node/name.")
    ],
    why: Annotated[bool, typer.Option("--why", help="Tell the reasons, from the symptom to the decision.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show one remediation (or the time box of a raised floor, by its id): phase, plan, verdict, reasons, approvals, timeline."""
    run(_show(context, which, why, as_json))


async def _show(context: typer.Context, which: str, why: bool, as_json: bool) -> None:
    from byteport.temporal.views import remediation_state, timebox_state

    client = await client_of(settings_of(context))
    workflow_id = await find_run(client, which)
    if workflow_id.startswith("timebox:"):
        box = await while_waiting(f"asking {workflow_id}", timebox_state(client, workflow_id))
        if as_json:
            print_json({"workflow_id": workflow_id, **box.model_dump(mode="json")})
        else:
            facts(box_summary(workflow_id, box))
        return
    state = await while_waiting(f"asking {workflow_id}", remediation_state(client, workflow_id))
    if as_json:
        told = {"why": reasons_chain(state)} if why else {}
        print_json({"workflow_id": workflow_id, **state.model_dump(mode="json"), **told})
        return
    facts(_summary(workflow_id, state))
    if why:
        say("\nWhy", style="bold")
        for step in reasons_chain(state):
            say(f"  {step}")
    if state.timeline:
        say("\nTimeline", style="bold")
        table("AT", "WHAT", rows=[(f"{moment.at:%H:%M:%S}", moment.what) for moment in state.timeline])


def reasons_chain(state: State) -> list[str]:
    """From the symptom to the decision, each step with the facts or reasons that it rests on, and what to do next."""
    from byteport.domain.explanations import meanings, next_steps

    chain = []
    if state.signal is not None:
        signal = state.signal
        chain.append(
            f"seen      {signal.type.value}: {signal.value:g}, threshold {signal.threshold:g}, by {signal.source.value}"
            f", {state.reports} report(s)"
        )
    chain += [f"fact      {fact.about}: {fact.name} = {fact.value}" for fact in state.facts]
    if state.cause is not None:
        chain.append(f"cause     {_words(state.cause.value)}")
    if state.command:
        chain.append(f"plan      {state.command}")
    if state.verdict:
        chain.append(f"verdict   {_words(state.verdict)}")
    for reason, meaning in zip(state.reasons, meanings(state.reasons), strict=True):
        chain.append(f"because   {_words(reason.value)}: {meaning}")
    chain += [f"answer    {said.answer.value} by {said.principal}" + _by_what(said) for said in state.approvals]
    if state.decision is not None:
        result = f", {state.result.value}" if state.result else ""
        chain.append(f"decision  {_words(state.decision.value)}{result}")
    chain += [f"next      {step}" for step in next_steps(state.target, state.cause, state.reasons)]
    return chain


def _by_what(said: Taken) -> str:
    if said.attested_by is not None:
        return f" (attested by {said.attested_by})"
    return "" if said.signed else " (unsigned)"


def _summary(workflow_id: str, state: State) -> list[tuple[str, object]]:
    answers = ", ".join(f"{said.principal}: {said.answer.value}" for said in state.approvals)
    pairs: list[tuple[str, object]] = [
        ("target", state.target.ref),
        ("run", workflow_id),
        ("incident", state.incident_id),
        ("runbook", state.runbook),
        ("phase", plain(state.phase.value, "bold")),
        ("cause", state.cause.value if state.cause else None),
        ("plan", state.command),
        ("inverse", state.inverse_command),
        ("digest", state.plan_digest),
        ("verdict", state.verdict),
        ("reasons", ", ".join(reason.value for reason in state.reasons)),
        ("answers", answers),
        ("decision", state.decision.value if state.decision else None),
        ("result", state.result.value if state.result else None),
    ]
    if state.phase.value == "awaiting_approval" and state.plan_digest:
        pairs.append(("to answer", f"byteport approve {state.plan_digest[:12]}"))
    if state.phase.value == "escalated":
        pairs.append(("to take over", f"byteport ack {workflow_id}"))
    return pairs


def box_summary(workflow_id: str, box: TimeboxState) -> list[tuple[str, object]]:
    """What a raised floor is, and until when."""
    return [
        ("autoscaler", box.autoscaler),
        ("run", workflow_id),
        ("outcome", plain(_words(box.outcome), "bold")),
        ("floor before", box.first_floor),
        ("raised to", box.raised_to),
        ("raises", box.raises),
        ("until", f"{box.until:%Y-%m-%d %H:%M:%SZ}" if box.until else None),
    ]


def _words(text: str) -> str:
    return text.replace("_", " ")
