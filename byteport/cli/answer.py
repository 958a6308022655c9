"""What `approve` and `reject` share: show exactly what is answered, sign it, send it, print what became of it."""

from __future__ import annotations

import secrets
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.text import Text

from byteport.cli.exits import Exit
from byteport.cli.find import find_plan
from byteport.cli.output import ago, facts, plain, print_json, say, stderr, table, while_waiting
from byteport.cli.session import client_of, person
from byteport.errors import MalformedInput, NotPermitted, TargetGone

if TYPE_CHECKING:
    from temporalio.client import Client

    from byteport.contracts.workflows import AnswerReply, ApprovalState
    from byteport.domain.approvals import Answer, ApprovalRequest, SignedAnswer
    from byteport.settings import Settings

LONGEST_REASON = 1000


class Choices:
    """How a person answers: the options of `approve` and `reject`."""

    def __init__(self, *, reason: str, key: Path | None, unsigned: bool, yes: bool, as_json: bool) -> None:
        if len(reason) > LONGEST_REASON:
            raise MalformedInput("--reason", f"is longer than {LONGEST_REASON} characters")
        self.reason = reason
        self.key = key
        self.unsigned = unsigned
        self.yes = yes
        self.as_json = as_json


async def give(settings: Settings, which: str | None, answer: Answer, choices: Choices) -> None:
    """Answer the plan that `which` names; without one, list what waits. Ends with `Exit.REFUSED` when it is not taken."""
    from byteport.temporal import intake
    from byteport.temporal.views import approval_state

    client = await client_of(settings)
    if which is None:
        await list_waiting(client, as_json=choices.as_json)
        return
    digest = await find_plan(client, which)
    state = await while_waiting("reading what waits", approval_state(client, digest))
    if state.request is None:
        raise TargetGone("nothing ever waited for an answer to that plan; `byteport approve` lists what waits")
    refuse_what_is_not_shown(state.request)
    if not choices.as_json:
        show_request(state.request, state)
    if not choices.yes:
        _confirm(answer)
    signed = sign(settings, state.request, answer, choices)
    reply = await while_waiting("waiting for the reply", intake.answer(client, installation_of(state.request), signed))
    _print_reply(reply, choices)


async def list_waiting(client: Client, *, as_json: bool) -> None:
    """Every plan that waits for people, with the command that it would run."""
    from byteport.temporal import views

    waiting: list[dict[str, Any]] = []
    for digest in await while_waiting("listing what waits", views.list_waiting(client)):
        request = (await views.approval_state(client, digest)).request
        if request is not None:
            waiting.append(
                {
                    "plan_digest": digest,
                    "target": request.target,
                    "command": request.command,
                    "expires_at": request.expires_at,
                    "quorum": request.quorum,
                }
            )
    if as_json:
        print_json(waiting)
    elif not waiting:
        say("No plan waits for an answer.")
    else:
        now = datetime.now(UTC)
        rows = [
            (one["plan_digest"][:12], one["target"], one["command"], f"in {ago(now, one['expires_at'])}")
            for one in waiting
        ]
        table("PLAN", "TARGET", "COMMAND", "EXPIRES", rows=rows)


def refuse_what_is_not_shown(request: ApprovalRequest) -> None:
    """Compute the digest again from the plan that is about to be shown: what is signed is what was seen."""
    from byteport.domain.approvals import names_its_plan

    if not names_its_plan(request):
        raise NotPermitted(f"the plan is not the one that its digest {request.plan_digest} names; nothing was signed")


def show_request(request: ApprovalRequest, state: ApprovalState) -> None:
    """Everything that a person needs to decide: what would run, on what, why, and how it is undone."""
    said = ", ".join(f"{one.principal}: {one.answer.value}" for one in state.taken)
    facts(
        [
            ("target", f"{request.plan.target.ref} on {request.cluster_name}"),
            ("command", plain(request.plan.command, "bold")),
            ("undo", request.inverse_command or "none"),
            ("because", ", ".join(reason.value for reason in request.reasons)),
            *(("evidence" if number == 0 else "", line) for number, line in enumerate(request.evidence)),
            ("runbook", request.runbook),
            ("plan", request.plan_digest),
            ("expires", f"{request.expires_at:%Y-%m-%d %H:%M:%S} UTC"),
            ("quorum", f"{request.quorum} ({said or 'nobody yet'})"),
        ]
    )


def sign(settings: Settings, request: ApprovalRequest, answer: Answer, choices: Choices) -> SignedAnswer:
    """The answer's text over exactly this request, signed unless a person asked for an unsigned one."""
    from byteport.cli.signing import find_signer
    from byteport.domain.approvals import SignedAnswer
    from byteport.trust.answers import answer_text, sign_answer

    text = answer_text(request, answer, reason=choices.reason, now=datetime.now(UTC), answer_id=secrets.token_hex(16))
    if choices.unsigned:
        return SignedAnswer(text=text, reason=choices.reason, claimed_by=person(settings))
    signer = find_signer(choices.key or settings.approvals.signing_key, settings.approvals.allowed_signers)
    return sign_answer(text, signer, reason=choices.reason)


def installation_of(request: ApprovalRequest) -> Any:
    from byteport.contracts.workflows import Installation

    return Installation(tenant=request.tenant, cluster_uid=request.cluster_uid, cluster_name=request.cluster_name)


def _confirm(answer: Answer) -> None:
    if not sys.stdin.isatty():
        raise MalformedInput("--yes", "is needed where nobody can be asked")
    stderr().print(Text(f"Your key signs: {answer.value} exactly this plan, once."))
    if not typer.confirm("Sign and send?", err=True):
        raise typer.Exit(Exit.FINDING)


def _print_reply(reply: AnswerReply, choices: Choices) -> None:
    from byteport.domain.approvals import Taken

    if choices.as_json:
        print_json(reply)
    elif isinstance(reply.verdict, Taken):
        verdict = reply.verdict
        say(
            f"taken: {verdict.answer.value} by {verdict.principal} ({reply.approvals} of {reply.quorum})", style="green"
        )
    else:
        say(f"refused: {reply.verdict.because.value.replace('_', ' ')}; the refusal is recorded", style="red")
    if not isinstance(reply.verdict, Taken):
        raise typer.Exit(Exit.REFUSED)
