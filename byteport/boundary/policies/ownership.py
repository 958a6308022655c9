"""Whose fields are whose: an act leaves the API server's book-keeping (`managedFields`) as the API server itself writes it.

Who writes an object may send that book-keeping along. A forged one harms later, when others write: a field that it puts
down to whoever applies a manifest without it is deleted at the next apply, and a field that it puts down to us is in
their way. So of a write of ours others only lose, and only what an act may change: our annotations, and the one field of
the spec that is free. Our own entry has nothing else. All of it is asked last: what an act is comes first.

`managedFields` is taken as of no type (`dyn`): the type check knows no field of `fieldsV1`.
"""

from __future__ import annotations

from collections.abc import Sequence

from byteport.boundary.names import AGENT_MANAGER
from byteport.boundary.policies.shape import Rule, cel_list

LONGEST_OWN = 131_072
"""Characters of our own entry's fields: it holds no more than one template's, and leaves its owner room to write."""
MOST_UPDATERS = 10
"""Of more entries of updates than this the API server merges the oldest, whosever they are, into one."""
MERGED = "ancient-changes"
"""That one's name."""
TEMPLATE_DEPTH = 10
"""Of keys in a template's fields; a test walks the server's OpenAPI and fails when it goes deeper."""

OWNERSHIP = {
    "nf": "dyn(object.metadata.?managedFields.orValue([]))",
    "of": "dyn(oldObject.metadata.?managedFields.orValue([]))",
}
"""CEL variables: the entries as they will be, and as they were."""

_IDENTITY = ("manager", "operation", "apiVersion", "subresource", "time", "fieldsType")
_FIELDS = ".?fieldsV1"
_SPEC = f"{_FIELDS}[?'f:spec']"
_METADATA = f"{_FIELDS}[?'f:metadata']"
_ANNOTATIONS = f"{_METADATA}[?'f:annotations']"
_LENGTH = f"size('%s'.format([n{_FIELDS}.orValue({{}})]))"
_UPDATE = "optional.of('Update')"


def unforged(free: str, annotations: Sequence[str], versions: Sequence[str], *, depth: int = 0) -> list[Rule]:
    """Rules that hold of a write of ours to `free`, a field of the spec, and to these annotations; they need `OWNERSHIP`.

    `versions` are those that the API server serves the kind in: it drops an entry of any other by itself. `depth` is how
    deep the fields of `free` go, where it has any.
    """
    words = _Words(free, annotations, versions, depth)
    return [
        Rule(
            f"has(request.options.fieldManager) && request.options.fieldManager == '{AGENT_MANAGER}'",
            f"it writes under the field manager {AGENT_MANAGER} alone",
        ),
        Rule(
            f"variables.nf.all(n, ({words.ours('n')}) ? ({words.own()}) : (({words.merged()})"
            f" || variables.of.exists(o, {words.one_entry()} && {words.only_less()})))",
            "nobody is given a field that they have not set",
        ),
        Rule(
            f"variables.of.all(o, ({words.ours('o')}) || variables.nf.exists(n, {words.one_entry()})"
            f" || ({words.may_go()}))",
            "from nobody is taken what they have set but what changes",
        ),
    ]


class _Words:
    """The parts of the expressions, in which `n` is an entry as it will be and `o` one as it was."""

    def __init__(self, free: str, annotations: Sequence[str], versions: Sequence[str], depth: int) -> None:
        self._free = f"f:{free}"
        self._marks = cel_list([f"f:{key}" for key in annotations])
        self._versions = cel_list(versions)
        self._depth = depth

    def ours(self, entry: str) -> str:
        """That it is the agent's own."""
        return (
            f"{entry}.?manager == optional.of('{AGENT_MANAGER}') && {entry}.?operation == {_UPDATE}"
            f" && !has({entry}.subresource)"
        )

    def own(self) -> str:
        """What our own entry may have."""
        leaf = f"n{_ANNOTATIONS}[?k] == optional.of({{}})"
        held = f"n{_SPEC}[?'{self._free}'] == optional.of({{}})"
        marks = f"{_keys('n', _ANNOTATIONS)}.all(k, (k == '.' || k in {self._marks}) && {leaf})"
        bounded = f"{_LENGTH} <= {LONGEST_OWN}"
        return " && ".join(
            (
                f"n.apiVersion in {self._versions}",
                f"{_keys('n', _FIELDS)}.all(k, k in ['f:metadata', 'f:spec'])",
                f"{_keys('n', _METADATA)}.all(k, k == 'f:annotations')",
                marks,
                f"{_keys('n', _SPEC)}.all(k, k == '{self._free}')",
                bounded if self._depth else f"(!n{_SPEC}.hasValue() || {held})",
            )
        )

    def merged(self) -> str:
        """That the API server had to merge the oldest updates, and this is what came of them."""
        of_them = f"variables.of.exists(o, o.?operation == {_UPDATE} && k in o{_FIELDS}[?p].orValue({{}}))"
        return (
            f"{_many()} && n.?manager == optional.of('{MERGED}') && n.?operation == {_UPDATE} && !has(n.subresource)"
            f" && n.apiVersion in {self._versions} && {_LENGTH} <= {LONGEST_OWN}"
            f" && {_keys('n', _FIELDS)}.all(p, n{_FIELDS}[?p].orValue({{}}).all(k, {of_them}))"
        )

    def one_entry(self) -> str:
        """That `n` and `o` are the same entry, and nobody has written under it meanwhile."""
        return " && ".join(f"n.?{field} == o.?{field}" for field in _IDENTITY)

    def only_less(self) -> str:
        """That `n` has nothing that `o` has not, and all of it but what an act may change."""
        inner = ["f:metadata", "f:spec"]
        parts = [
            _less(_FIELDS, cel_list(inner), into=cel_list(inner)),
            _less(_METADATA, "['f:annotations']", into="['f:annotations']"),
            _less(_ANNOTATIONS, self._marks),
            _less(_SPEC, f"['{self._free}']", into=f"['{self._free}']" if self._depth else ""),
        ]
        if self._depth:
            part = f"{_SPEC}[?'{self._free}']"
            inwards = f"[{_keys('n', part)}].all(t, [{_keys('o', part)}].all(u, {_within('t', 'u', self._depth)}))"
            parts.append(f"(n{part} == o{part} || {inwards})")
        return " && ".join(parts)

    def may_go(self) -> str:
        """That nothing of `o` need be left."""
        return (
            f"!(o.apiVersion in {self._versions}) || (o.?operation == {_UPDATE} && {_many()})"
            f" || ({_keys('o', _FIELDS)}.all(k, k in ['f:metadata', 'f:spec'])"
            f" && {_keys('o', _METADATA)}.all(k, k == 'f:annotations')"
            f" && {_keys('o', _ANNOTATIONS)}.all(k, k in {self._marks})"
            f" && {_keys('o', _SPEC)}.all(k, k == '{self._free}'))"
        )


def _many() -> str:
    return f"size(variables.of.filter(e, e.?operation == {_UPDATE})) >= {MOST_UPDATERS}"


def _keys(entry: str, part: str) -> str:
    """What an entry has there; of what is absent, as of what is empty, there is no key."""
    return f"{entry}{part}.orValue({{}})"


def _less(part: str, may_go: str, *, into: str = "") -> str:
    """That `n` has there only what `o` has, the same, and all but `may_go`; what is `into` is looked into elsewhere."""
    same = f"n{part}[?k] == o{part}[?k]"
    kept = f"k in {into} ? k in {_keys('o', part)} : {same}" if into else same
    return f"{_keys('n', part)}.all(k, {kept}) && {_keys('o', part)}.all(k, k in {may_go} || k in {_keys('n', part)})"


def _within(new: str, old: str, depth: int, at: int = 0) -> str:
    """That each key of `new` is one of `old`, and so on inwards; CEL cannot call itself, so each level is written out."""
    if depth == 0:
        return f"{new} == {old}"
    key = f"k{at}"
    return f"{new}.all({key}, {key} in {old} && {_within(f'{new}[{key}]', f'{old}[{key}]', depth - 1, at + 1)})"
