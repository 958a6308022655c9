"""Commands: exactly the words that `byteport.kubernetes.node_commands` knows, in the node helper's own container.

A CONNECT of any other kind (attach, portforward, proxy) is refused, and so are stdin, a terminal, and every namespace
but the helper's; while no helper is installed, every CONNECT is. Both streaming protocols meet this policy. What is
measured is a fixed directory, one pod's emptyDir or logs, or a plain absolute path; CEL cannot see whether a pod of that
node declares it.
"""

from __future__ import annotations

from byteport.boundary.choices import Choices
from byteport.boundary.policies.shape import Rule, cel_list, resources, validating
from byteport.domain.plans import HELPER_CONTAINER, PRUNE_ARGV
from byteport.kubernetes.node_commands import DF, EMPTY_DIRS, FREE, MEASURED, NEVER_MEASURED, PLAIN_PATH
from byteport.kubernetes.port import JSON

NAME = "byteport-exec"

_ONLY_EXEC = Rule(
    "has(request.subResource) && request.subResource == 'exec' && request.resource.resource == 'pods'",
    "only exec in a pod",
)
_NO_TERMINAL = Rule(
    "!(has(object.stdin) && object.stdin) && !(has(object.tty) && object.tty)", "neither stdin nor a terminal"
)
_NOTHING = Rule("false", "no node helper is installed, so that nothing is run anywhere")


def connections(choices: Choices) -> list[JSON]:
    """The validating policy of CONNECT. Without the helper, the namespace of its name may be somebody else's: none is named."""
    rules = _in_helper(choices.helper_namespace) if choices.helper else [_NOTHING]
    return validating(NAME, choices, resources("", "v1", ["CONNECT"], "*/*"), rules)


def _in_helper(where: str) -> list[Rule]:
    """The known words, in the helper's container in that namespace."""
    in_helper = Rule(
        f"request.namespace == '{where}' && has(object.container) && object.container == '{HELPER_CONTAINER}'",
        "only in the node helper's own container",
    )
    exact = sorted({DF, FREE, *PRUNE_ARGV.values()})
    words = "[" + ", ".join(cel_list(argv) for argv in exact) + "]"
    hidden = " || ".join(
        f"object.command[2] == '{root}' || object.command[2].startsWith('{root}/')" for root in NEVER_MEASURED
    )
    measures = (
        "size(object.command) == 3 && object.command[0] == 'du' && object.command[1] == '-sh'"
        f" && (object.command[2] in {cel_list(MEASURED)} || object.command[2].matches('^{EMPTY_DIRS}$')"
        f" || (size(object.command[2]) <= 512 && object.command[2].matches('^{PLAIN_PATH}$') && !({hidden})))"
    )
    known = Rule(f"has(object.command) && (object.command in {words} || ({measures}))", "the command is not known")
    return [_ONLY_EXEC, in_helper, _NO_TERMINAL, known]
