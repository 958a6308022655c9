"""What of ours stands on a cluster with no installation over it, or in a namespace that was not given: each with what removes it.

`helm uninstall` takes away what Helm made. What `byteport enable` made is an administrator's, and stays until `byteport
disable`; whoever then makes a ServiceAccount of our name has its rights, and no policy of ours bounds them any more. Pure.
`workers/boundary_leftovers.py` lists what stands; `byteport doctor --installation` prints what is found here.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Container, Iterator, Sequence
from typing import NamedTuple

from byteport.boundary.names import ACCOUNT, ENABLED_LABEL, NAMESPACE
from byteport.boundary.standing import BOUND, binds_us, is_ours
from byteport.kubernetes import fields
from byteport.kubernetes.port import JSON

DISABLE = "byteport disable"


class Listed(NamedTuple):
    """Everything of these kinds on the cluster, by kind; each item says its kind."""

    namespaces: Sequence[JSON]
    rights: Sequence[JSON]
    """Roles, ClusterRoles and what binds them."""


class Leftover(NamedTuple):
    """One namespace or object."""

    what: str
    remedy: str
    gives: bool
    """Whether somebody has rights by it, or would have."""


def without_an_installation(listed: Listed) -> list[Leftover]:
    """All that is ours, or bound to our account; by what somebody has rights comes first, since a list has an end."""
    labelled = {_name(one) for one in listed.namespaces if ENABLED_LABEL in fields.labels(one)}
    found = [*_namespaces(listed, labelled, ()), *_objects(listed)]
    return sorted(found, key=lambda one: not one.gives)


def beside_an_installation(listed: Listed, given: Container[str]) -> list[Leftover]:
    """What `byteport enable` made in namespaces of which the agent is not told. All else the self-check judges."""
    return list(_namespaces(listed, (), given))


def _namespaces(listed: Listed, labelled: Collection[str], given: Container[str]) -> Iterator[Leftover]:
    """What one `byteport disable` takes away, a namespace each."""
    made: dict[str, list[str]] = {name: [] for name in labelled}
    for item in listed.rights:
        if _of_enable(item) and (where := _namespace(item)) not in given:
            made.setdefault(where, []).append(f"{item['kind']} {_name(item)}")
    for name, objects in sorted(made.items()):
        label = [f"label {ENABLED_LABEL}"] if name in labelled else []
        yield Leftover(f"in {name}: {', '.join([*objects, *label])}", f"{DISABLE} {shlex.quote(name)}", bool(objects))


def _objects(listed: Listed) -> Iterator[Leftover]:
    for item in listed.rights:
        if _of_enable(item) or not (is_ours(item) or binds_us(item)):
            continue
        kind, name, where = str(item["kind"]), _name(item), _namespace(item)
        place = f" -n {shlex.quote(where)}" if where else ""
        yield Leftover(
            f"{kind} {'/'.join(filter(None, (where, name)))}",
            f"kubectl delete {kind.lower()} {shlex.quote(name)}{place}",
            binds_us(item),
        )


def _of_enable(item: JSON) -> bool:
    return (item["kind"], _name(item)) in BOUND and is_ours(item)


def _namespace(item: JSON) -> str:
    return fields.name(fields.metadata(item).get("namespace"))


def _name(item: JSON) -> str:
    """RBAC has names with colons and worse, of which nothing reaches a terminal as it is."""
    return " ".join(fields.message(fields.metadata(item).get("name"), 253).split())


WHOSE = f"whoever makes a ServiceAccount {NAMESPACE}/{ACCOUNT} has these rights, which no policy of ours bounds"
