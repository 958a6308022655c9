"""Which requests change something, and which of the others our account makes by design.

Reads, reviews, dry runs and commands that only look change nothing. What is taken for a dry run is only what the API
server treats as one: the query of a create, update or patch. Of a delete the body decides, where there is one: a
`dryRun=All` beside it deletes, and only a log that shows the body tells. A command, a stream or a token that was asked for
comes into being whatever the query says. So a stolen token gains nothing by writing `dryRun=All` where it has no effect.
Comes after `requests`; `matching` counts what is left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import NamedTuple

from byteport.audit.apiserver import NEW_EVENT, Event
from byteport.audit.requests import CONNECTS, OWN_GROUPS, Effect, Request, is_read, is_review

_DRY = frozenset({"create", "update", "patch"})
_DELETES = frozenset({"delete", "deletecollection"})
_NEVER_DRY = CONNECTS | {"token"}
_DRY_PATCHES = frozenset({("apps", "deployments"), ("autoscaling", "horizontalpodautoscalers")})


class Form(StrEnum):
    """What a request is, beside an act."""

    READ = "read"
    QUESTION = "question"
    """A review: what somebody may do, or who they are."""
    LOOK = "look"
    """A command in a container that only looks."""
    DRY_RUN = "dry_run"
    IN_VAIN = "in_vain"
    """The self-check's write of a pod that cannot exist, refused."""
    TELLING = "telling"
    """A new Event that says what was planned, done or handed over: a write, and no act upon anything."""


class Design(NamedTuple):
    """What our account sends by design, beside its acts."""

    no_pod: str
    """A name that no pod can have."""
    looks: Callable[[tuple[str, ...]], bool]
    """Whether a command only looks."""
    container: str
    """The one container in which commands are run."""
    manager: str
    """The field manager of every patch that is an act."""
    carries_out: Callable[[Event, str, int | None], bool]
    """Whether the body of a patch or a delete is that of the act with this id; the floor that it sets, where it sets one."""
    tells: Callable[[Event], bool]
    """Whether a new Event is named as ours are and, where the log shows it, has their form."""
    agent: str = "byteport/"
    """How the user agent of every request of ours begins."""


def changes(event: Event) -> bool:
    """Whether the request would change something if it is not refused."""
    return not (is_read(event) or is_review(event) or is_dry_run(event))


def is_dry_run(event: Event) -> bool:
    """Whether the API server itself leaves everything as it is."""
    if event.verb in _DELETES:
        dry = isinstance(event.asked, Mapping) and event.asked.get("dryRun") == ["All"]
        return dry and event.group in OWN_GROUPS and not event.subresource
    said = [value for key, value in event.query if key == "dryRun"]
    honoured = event.verb in _DRY and event.group in OWN_GROUPS and event.subresource not in _NEVER_DRY
    return honoured and bool(said) and all(value == "All" for value in said)


def argv_of(event: Event) -> tuple[str, ...]:
    """The command that the request runs in a container."""
    return tuple(value for key, value in event.query if key == "command")


def container_of(event: Event) -> str:
    """The container in which it runs; empty when the request names none, or several."""
    named = [value for key, value in event.query if key == "container"]
    return named[0] if len(named) == 1 else ""


def is_exec(event: Event) -> bool:
    return (event.group, event.resource, event.subresource) == ("", "pods", "exec")


def form_of(request: Request, design: Design) -> Form | None:
    """What a request is that is by design; None for an act, and for what our account never sends."""
    event, idle = request.event, idle_form(request.event, design)
    if idle is not None or not event.agent.startswith(design.agent) or is_dry_run(event):
        return idle
    if _tells(request, design):
        return Form.TELLING
    about = (event.verb, event.group, event.resource, event.name)
    vain = about == ("create", "", "pods", design.no_pod) and event.subresource in ("eviction", "exec")
    return Form.IN_VAIN if vain and request.effect is Effect.REFUSED else None


def idle_form(event: Event, design: Design) -> Form | None:
    """The same of what changes nothing, however it is answered."""
    if is_read(event):
        return Form.READ
    if is_review(event):
        return Form.QUESTION
    if not event.agent.startswith(design.agent):
        return None
    if is_dry_run(event):
        return Form.DRY_RUN if _is_our_dry_run(event) else None
    if is_exec(event) and container_of(event) == design.container and design.looks(argv_of(event)):
        return Form.LOOK
    return None


def _tells(request: Request, design: Design) -> bool:
    """Whether it is one new Event, under our own field manager; of one that was never answered the log tells no name."""
    event = request.event
    if (event.verb, event.group, event.resource, event.subresource) != NEW_EVENT or request.times != 1:
        return False
    managed = [value for key, value in event.query if key == "fieldManager"] == [design.manager]
    unanswered = not event.name and not request.codes
    return managed and bool(event.namespace) and (unanswered or design.tells(event))


def _is_our_dry_run(event: Event) -> bool:
    """The questions to the disruption budgets, to the admission policies, and to what proves a rollback."""
    kind = (event.group, event.resource)
    if event.verb == "patch" and kind in _DRY_PATCHES and not event.subresource:
        return True
    return (event.verb, *kind, event.subresource) == ("create", "", "pods", "eviction")
