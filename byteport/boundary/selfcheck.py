"""All that the API server said of the boundary, judged: what is not whole, where, and where it refuses `auto`.

Pure. Comes after `whole.py` and `expected.py`; `workers/boundary_check.py` asks, at start and on a timer, and
`byteport doctor` prints what is found here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from pydantic import ValidationError

from byteport.boundary.choices import Choices
from byteport.boundary.expected import EVERYWHERE, Expected
from byteport.boundary.names import ACCOUNTS_GROUP, ADMISSION, NAMESPACE
from byteport.boundary.policies.catalogue import policies
from byteport.boundary.remedies import (
    ASK_AGAIN,
    ENFORCE,
    LIST_WHAT_IS_GRANTED,
    RUN_AS_THE_ACCOUNT,
    UPGRADE,
    bindings,
    enabling,
    enabling_anew,
)
from byteport.boundary.whole import Finding, Granted, Kind, blind, excess, missing, written
from byteport.boundary.whole import policies as compared
from byteport.domain.ceilings import Ceiling
from byteport.domain.modes import Mode
from byteport.kubernetes import fields, port
from byteport.kubernetes.enrolment import given_in
from byteport.kubernetes.port import JSON

OBSERVED = Ceiling(mode=Mode.OBSERVE)
"""How far a namespace was given of which nothing is written down, or nothing that can be read."""
RESOURCES = {
    "ValidatingAdmissionPolicy": port.VALIDATING_POLICIES,
    "ValidatingAdmissionPolicyBinding": port.VALIDATING_BINDINGS,
    "MutatingAdmissionPolicy": port.MUTATING_POLICIES,
    "MutatingAdmissionPolicyBinding": port.MUTATING_BINDINGS,
}
"""Where each kind of our policies lies."""


class Seen(NamedTuple):
    """The answers, as they came."""

    groups: Sequence[str]
    """Of the credential that was used."""
    ceilings: Mapping[str, Ceiling | None]
    """By namespace that was given to us; None where what is written down cannot be read."""
    rights: Mapping[str, Granted]
    """By namespace: those that were given to us, and those that never are. Each holds the cluster-wide ones too."""
    complete: bool
    """Whether every one of them is all that there is."""
    policies: Mapping[tuple[str, str], JSON | None]
    """By kind and name; None where there is none, and left out where it may not be read."""
    unlisted: Sequence[str] = ()
    """Namespaces of which the API server's answer could not be taken."""


class Enforcement(StrEnum):
    """What came of a write that our policies refuse whatever it names."""

    REFUSED = "refused"
    """By a policy of ours."""
    LET_THROUGH = "let_through"
    UNHEARD = "unheard"
    """Refused by something else."""
    NOT_ASKED = "not_asked"
    """There is no right by which to ask, or what stands is not whole anyway."""


class Answered(NamedTuple):
    """That, with what was heard instead."""

    enforcement: Enforcement
    why: str = ""


class Blindness(NamedTuple):
    """An optional right that is not granted everywhere, and what cannot be told without it."""

    right: str
    because: str


def ceilings_in(config: JSON | None, choices: Choices) -> dict[str, Ceiling | None]:
    """How far each namespace was given, by the ConfigMap `byteport-enabled`; None for what nobody can read.

    A protected namespace is given to nobody, whatever is written there.
    """
    data = fields.mapping((config or {}).get("data"))
    never = {*choices.untouchable, choices.helper_namespace}
    names = [name for name in given_in(config or {}) if name not in never]
    return {name: _ceiling(data.get(name)) for name in names}


def _ceiling(text: object) -> Ceiling | None:
    try:
        return Ceiling.model_validate_json(text) if isinstance(text, str) else None
    except ValidationError:
        return None


def kept(choices: Choices) -> frozenset[str]:
    """Namespaces in which no tenant rules: what is bound there, an administrator of the cluster has bound.

    Without a node helper the namespace of its name may be a tenant's, who must not switch off everybody else.
    """
    return frozenset({*choices.untouchable, *([choices.helper_namespace] if choices.helper else [])})


def always_reviewed(choices: Choices) -> tuple[str, ...]:
    """Besides those that were given to us: every protected one, our own and the cluster's among them, and the helper's."""
    return tuple(sorted({*choices.untouchable, choices.helper_namespace}))


def findings(seen: Seen, choices: Choices) -> list[Finding]:
    """Everything that is not whole, each thing once."""
    known = {name: ceiling or OBSERVED for name, ceiling in seen.ceilings.items()}
    expected = Expected(choices, known)
    common = _everywhere(seen, choices)
    found = [*_account(seen), *_ceilings(seen), *_unlisted(seen), *_policies(seen, choices)]
    found += missing(expected.needed(EVERYWHERE), common, "")
    found += excess(common, expected.allowed(EVERYWHERE), "")
    for name, rights in sorted(seen.rights.items()):
        remedy = enabling(name, known[name]) if name in known else UPGRADE
        found += missing(expected.needed(name), rights, name, remedy=remedy)
        found += excess(rights - common, expected.allowed(name), name)
    if not seen.complete:
        found.append(_CANNOT_PROVE)
    return list(dict.fromkeys(found))


def blindness(seen: Seen, choices: Choices) -> list[Blindness]:
    """Optional rights that are missing somewhere."""
    expected = Expected(choices, {name: ceiling or OBSERVED for name, ceiling in seen.ceilings.items()})
    lacking = blind(expected.needed(EVERYWHERE), _everywhere(seen, choices))
    for name, rights in seen.rights.items():
        lacking += blind(expected.needed(name), rights)
    return [Blindness(*one) for one in sorted(set(lacking))]


def unenforced(answered: Answered) -> list[Finding]:
    """What follows from that answer."""
    match answered.enforcement:
        case Enforcement.LET_THROUGH:
            what = "the admission policies are not enforced: the API server let through a write that they always refuse"
            return [Finding(kind=Kind.NOT_ENFORCED, what=what, remedy=ENFORCE)]
        case Enforcement.UNHEARD:
            what = f"whether the admission policies are enforced is not known: {answered.why}"
            return [Finding(kind=Kind.NOT_HEARD, what=what, remedy=ASK_AGAIN)]
        case _:
            return []


def may_be_asked(found: Iterable[Finding]) -> bool:
    """Whether the answer would mean anything: of policies that are not whole, and another's account, it is said already."""
    return not any(one.kind in _SAID_ALREADY for one in found)


_SAID_ALREADY = frozenset({Kind.POLICY_ABSENT, Kind.POLICY_CHANGED, Kind.UNBOUND, Kind.UNKNOWN_ACCOUNT})


def refuses_auto(found: Iterable[Finding], namespace: str, choices: Choices) -> bool:
    """Whether nothing is done alone in that namespace; of a node it is the empty one.

    What holds in a namespace that only administrators of the cluster rule refuses everywhere. What a tenant bound in a
    namespace of their own refuses there: one tenant must not switch off the others.
    """
    return any(one.refuses_auto and (one.namespace == namespace or is_everywhere(one, choices)) for one in found)


def is_everywhere(finding: Finding, choices: Choices) -> bool:
    """Whether it counts in every namespace."""
    return not finding.namespace or finding.namespace in kept(choices)


def keeps_from_starting(found: Iterable[Finding], given: Iterable[str]) -> list[Finding]:
    """Rights of the installation itself that are missing; in one namespace that was given to us they refuse only there."""
    theirs = frozenset(given)
    return [one for one in found if one.kind is Kind.MISSING and one.namespace not in theirs]


def _everywhere(seen: Seen, choices: Choices) -> Granted:
    """What is granted in each of our own and the cluster's namespaces is granted cluster-wide.

    No other namespace counts: what a tenant does in one must not make a right of everybody's look missing.
    """
    return frozenset.intersection(*(seen.rights[name] for name in always_reviewed(choices)))


def _account(seen: Seen) -> list[Finding]:
    if ACCOUNTS_GROUP in seen.groups:
        return []
    what = f"the credential is of no account in {NAMESPACE}: the admission policies do not bind it"
    return [Finding(kind=Kind.UNKNOWN_ACCOUNT, what=what, remedy=RUN_AS_THE_ACCOUNT)]


def _ceilings(seen: Seen) -> list[Finding]:
    what = "what is written down of the namespace is no ceiling: it is only observed"
    return [
        Finding(kind=Kind.UNREADABLE, what=what, namespace=name, remedy=enabling_anew(name))
        for name, ceiling in sorted(seen.ceilings.items())
        if ceiling is None
    ]


def _unlisted(seen: Seen) -> list[Finding]:
    what = "the API server's list of our rights cannot be taken, as when it is too long"
    return [
        Finding(kind=Kind.UNLISTED, what=what, namespace=name, remedy=bindings(name)) for name in sorted(seen.unlisted)
    ]


def _policies(seen: Seen, choices: Choices) -> list[Finding]:
    wanted = policies(choices)
    keys = {(str(item["kind"]), str(item["metadata"]["name"])): item for item in wanted}
    unread = [
        Finding(
            kind=Kind.MISSING,
            what=written(ADMISSION, RESOURCES[kind].plural, "get", name),
            remedy=UPGRADE,
        )
        for kind, name in keys
        if (kind, name) not in seen.policies
    ]
    return [*unread, *compared([item for key, item in keys.items() if key in seen.policies], seen.policies)]


_CANNOT_PROVE = Finding(
    kind=Kind.CANNOT_PROVE,
    what="an authoriser of this cluster cannot list what it grants; none of the dangerous rights was found",
    remedy=LIST_WHAT_IS_GRANTED,
)
