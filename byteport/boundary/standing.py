"""What stands in one namespace before an administrator's command, and the single changes that it may need.

Used by `enrol.py` (`byteport enable`) and `disenrol.py` (`byteport disable`). Only what has our own label is ever changed
or taken away; what merely has our name is somebody else's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from pydantic import ValidationError

from byteport.boundary.changes import Delete, Entry, Label, meanings
from byteport.boundary.installed import Obstacle, Problem
from byteport.boundary.names import (
    ACCOUNT,
    ACCOUNTS_GROUP,
    ACT_ROLE,
    AGENT,
    CEILINGS,
    NAMED_ROLE,
    NAMESPACE,
    PART_OF,
    ROLLBACK_LABEL,
    SIGHT_ROLE,
)
from byteport.domain.ceilings import Ceiling
from byteport.kubernetes import fields
from byteport.kubernetes.port import JSON

FIELD_MANAGER = "byteport-enable"
"""Who the API server's book-keeping says wrote it."""

BOUND: tuple[tuple[str, str], ...] = (
    ("RoleBinding", SIGHT_ROLE),
    ("RoleBinding", ACT_ROLE),
    ("Role", NAMED_ROLE),
    ("RoleBinding", NAMED_ROLE),
)
"""Everything that may be of ours in a namespace, in the order in which it is made; it goes in the reverse order."""


class Standing(NamedTuple):
    """What was found in one namespace, and of the ConfigMap of ceilings; each object says its kind."""

    namespace: JSON | None
    bindings: Sequence[JSON]
    """Every RoleBinding in it."""
    role: JSON | None
    """The Role of rights by name."""
    ceilings: JSON | None
    deployments: Sequence[JSON]
    autoscalers: Sequence[JSON]

    def of_ours(self, kind: str, name: str) -> JSON | None:
        """The object of one of our names, whoever made it."""
        if kind == "Role":
            return self.role
        return next((one for one in self.bindings if fields.metadata(one).get("name") == name), None)


def is_ours(item: JSON) -> bool:
    """Whether it has the label of everything of ours."""
    return all(fields.labels(item).get(key) == value for key, value in PART_OF.items())


def binds_us(item: JSON) -> bool:
    """Whether it is a binding of our account, by whatever name it calls it."""
    return any(
        (subject.get("kind"), subject.get("name"), subject.get("namespace")) == ("ServiceAccount", ACCOUNT, NAMESPACE)
        or (subject.get("kind"), subject.get("name")) in (("User", AGENT), ("Group", ACCOUNTS_GROUP))
        for subject in fields.entries(item.get("subjects"))
    )


def foreign(item: JSON) -> Problem:
    """An object of our name that somebody else made."""
    metadata = fields.metadata(item)
    where = "/".join(filter(None, (fields.name(metadata.get("namespace")), fields.name(metadata.get("name")))))
    ((key, value),) = PART_OF.items()
    text = f"{item.get('kind') or 'object'} {where} is not ours (no label {key}={value}); rename or delete it first"
    return Problem(kind=Obstacle.FOREIGN, text=text)


def going(item: JSON) -> bool:
    """Whether it was deleted, and is there only because a finalizer holds it: it must not be taken for standing."""
    return fields.metadata(item).get("deletionTimestamp") is not None


def held(item: JSON) -> Problem:
    """What was deleted and does not go: who holds it, and what lets it go. A role or a binding gives its rights meanwhile."""
    metadata, kind = fields.metadata(item), str(item.get("kind"))
    name, namespace = fields.name(metadata.get("name")), fields.name(metadata.get("namespace"))
    finalizers = [one for one in fields.strings(metadata.get("finalizers")) if _FINALIZER.fullmatch(one)]
    what = f"{kind} {'/'.join(filter(None, (namespace, name)))} is being deleted"
    if not finalizers:
        return Problem(kind=Obstacle.BEING_DELETED, text=f"{what}; run the command again when it is gone")
    one, more = f"finalizer {finalizers[0]} keeps", f"finalizers {', '.join(finalizers)} keep"
    rights = " with its rights" if kind in ("Role", "RoleBinding") else ""
    where = f" -n {namespace}" if namespace else ""
    text = (
        f"{what}, and the {one if len(finalizers) == 1 else more} it there{rights}; once you know whose that is: "
        f"kubectl patch {kind.lower()} {name}{where} --type=merge -p '{_LET_GO}'"
    )
    return Problem(kind=Obstacle.BEING_DELETED, text=text)


_FINALIZER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,316}")
_LET_GO = '{"metadata":{"finalizers":null}}'


def deletion(item: JSON, why: str, its_rules: Sequence[JSON]) -> Delete:
    """Taking away exactly the object that was seen."""
    metadata = fields.metadata(item)
    return Delete(
        kind=str(item["kind"]),
        name=str(metadata["name"]),
        namespace=fields.name(metadata.get("namespace")),
        why=why,
        lines=tuple(f"- {line}" for line in meanings(its_rules)) if item["kind"] == "RoleBinding" else (),
        uid=str(metadata.get("uid", "")),
        resource_version=str(metadata.get("resourceVersion", "")),
    )


def label(item: JSON, key: str, value: str | None, why: str) -> list[Label]:
    """The change that gives `item` that label; none when it is so."""
    present = fields.labels(item).get(key)
    if present == value:
        return []
    metadata = fields.metadata(item)
    line = f"- label {key}" if value is None else f"+ label {key}={value}"
    return [
        Label(
            kind=str(item["kind"]),
            name=str(metadata["name"]),
            namespace=fields.name(metadata.get("namespace")),
            why=why,
            lines=(line,) if value is None or present is None else (f"- label {key}={present}", line),
            uid=str(metadata.get("uid", "")),
            key=key,
            value=value,
            seen=dict(fields.labels(item)),
        )
    ]


def entry(ceilings: JSON, key: str, value: str | None, why: str, lines: Sequence[str]) -> Entry:
    """The change of one key of the ConfigMap of ceilings."""
    metadata = fields.metadata(ceilings)
    return Entry(
        kind="ConfigMap",
        name=CEILINGS,
        namespace=NAMESPACE,
        why=why,
        lines=tuple(lines),
        uid=str(metadata.get("uid", "")),
        key=key,
        value=value,
        seen=dict(fields.mapping(ceilings.get("data"))),
    )


def labelled_by_us(deployment: JSON) -> bool:
    """Whether the label that allows rollbacks is one that this command put on, by the API server's own book-keeping."""
    return any(
        entry.get("manager") == FIELD_MANAGER
        and f"f:{ROLLBACK_LABEL}" in fields.mapping(fields.at(entry.get("fieldsV1"), "f:metadata", "f:labels"))
        for entry in fields.entries(fields.metadata(deployment).get("managedFields"))
    )


def told_ceiling(name: str, ceilings: JSON | None) -> Ceiling | None:
    """What the agent is told of a namespace now; None when it is told nothing, or what nobody can read."""
    text = fields.mapping((ceilings or {}).get("data")).get(name)
    try:
        return Ceiling.model_validate_json(text) if isinstance(text, str) else None
    except ValidationError:
        return None


def rules_of(role: JSON) -> list[JSON]:
    """The rules of a role as a list of mappings, whatever it holds."""
    return [dict(one) for one in fields.entries(role.get("rules"))]
