"""`byteport explain`: what would be done about saved objects, with no cluster and no Temporal.

Files become documents here, documents a world in `byteport/runbooks/bundles.py`, a world an answer in
`byteport/runbooks/explain.py`: the same pure code that production runs.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from byteport.cli.output import plain, print_json, say, table
from byteport.cli.session import AsJson
from byteport.domain.policy import Mode
from byteport.errors import MalformedInput
from byteport.kubernetes import fields
from byteport.kubernetes.world import LogKey

if TYPE_CHECKING:
    from byteport.runbooks.explain import Explained, Incident

MOST_BYTES = 256 * 2**20
MOST_LOG_BYTES = 64 * 1024


def explain(
    bundles: Annotated[
        list[Path],
        typer.Argument(
            metavar="BUNDLE…",
            help="Saved objects: a bundle, or the YAML or JSON that kubectl prints; `-` reads standard input.",
        ),
    ],
    mode: Annotated[
        Mode,
        typer.Option(
            "--mode",
            help="`auto` asks what would be done alone, `dry_run` what would be proposed, `observe` what would be told.",
        ),
    ] = Mode.AUTO,
    logs: Annotated[
        list[str] | None,
        typer.Option(
            "--logs", metavar="NS/POD/CONTAINER=FILE", help="A container's log tail; may be given several times."
        ),
    ] = None,
    now: Annotated[
        str | None,
        typer.Option(
            "--now",
            metavar="TIME",
            help="The moment of the objects, as 2026-03-10T09:00:00Z; default: the bundle's own, else this moment.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what would be done about saved objects, and why.

    Read as on a cluster where the namespaces are enabled, the Deployments allow-listed, a log store named and every
    optional read granted. One file prints one answer, several a list in which each names its bundle.
    """
    at = _instant(now)
    tails = dict(_log(given) for given in logs or [])
    answers = [(str(path), _answer(path, mode, tails, at)) for path in bundles]
    if not as_json:
        for name, answer in answers:
            _tell(name, answer, titled=len(answers) > 1)
    elif len(answers) == 1:
        print_json(_plain(answers[0][1]))
    else:
        print_json([{"bundle": name, **_plain(answer)} for name, answer in answers])


def _answer(path: Path, mode: Mode, tails: dict[LogKey, str], at: datetime | None) -> Explained:
    from byteport.runbooks.bundles import bundle_of
    from byteport.runbooks.explain import assumed_policy, explain

    bundle = bundle_of(str(path), documents_of(path), now=datetime.now(UTC), at=at, logs=tails)
    policy = assumed_policy(bundle.world)
    return explain(bundle.world, policy, mode, alert=bundle.alert, cluster_uid=bundle.cluster_uid)


def _plain(answer: Explained) -> dict[str, Any]:
    return answer.model_dump(mode="json", by_alias=True)


def documents_of(path: Path) -> list[object]:
    """The JSON or YAML documents of a file. Raises `MalformedInput` with the line at fault."""
    text = _text(path)
    name = str(path)
    if text.lstrip()[:1] in ("{", "["):
        try:
            read = json.loads(text)
        except RecursionError as error:
            raise MalformedInput(name, "it is nested too deeply") from error
        except ValueError as error:
            line = f"line {error.lineno}: {error.msg}" if isinstance(error, json.JSONDecodeError) else "not a number"
            raise MalformedInput(name, f"not JSON: {line}") from error
        return read if isinstance(read, list) else [read]
    return _yaml(name, text)


def _yaml(name: str, text: str) -> list[object]:
    import yaml

    from byteport.domain.yaml_text import BoundedLoader

    class Plain(BoundedLoader):
        """YAML without aliases: a few lines of them stand for gigabytes."""

        def compose_node(self, parent: Any, index: Any) -> Any:
            loader: Any = self  # its stubs leave `peek_event` without types
            if loader.check_event(yaml.events.AliasEvent):
                raise yaml.MarkedYAMLError(problem="aliases are not taken", problem_mark=loader.peek_event().start_mark)
            return super().compose_node(parent, index)

    try:
        return [document for document in yaml.load_all(text, Loader=Plain) if document is not None]
    except RecursionError as error:
        raise MalformedInput(name, "it is nested too deeply") from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}: " if mark is not None else ""
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
        raise MalformedInput(name, f"not YAML: {place}{problem}") from error


def _text(path: Path) -> str:
    """All of it or a refusal: half a List would be answered as if it were the whole."""
    try:
        with typer.get_binary_stream("stdin") if str(path) == "-" else path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise MalformedInput(str(path), error.strerror or "cannot be read") from error
    if len(raw) > MOST_BYTES:
        raise MalformedInput(str(path), f"larger than {MOST_BYTES // 2**20} MiB")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MalformedInput(str(path), f"not UTF-8 at byte {error.start}") from error


def _log(given: str) -> tuple[LogKey, str]:
    key, equals, file = given.partition("=")
    parts = [fields.name(part) for part in key.split("/")]
    if not equals or not file or len(parts) != 3 or not all(parts):
        raise MalformedInput("--logs", "NS/POD/CONTAINER=FILE is wanted")
    try:
        raw = b""
        with Path(file).open("rb") as log:  # it may be a pipe, and as long as it likes: only its end counts
            while chunk := log.read(MOST_LOG_BYTES):
                raw = (raw + chunk)[-MOST_LOG_BYTES:]
    except OSError as error:
        raise MalformedInput(f"--logs {file}", error.strerror or "cannot be read") from error
    return LogKey(*parts), raw.decode("utf-8", "replace")


def _instant(given: str | None) -> datetime | None:
    if given is None:
        return None
    read = fields.instant(given)
    if read is None:
        raise MalformedInput("--now", "a time with its zone is wanted, as 2026-03-10T09:00:00Z")
    return read


def _tell(name: str, answer: Explained, *, titled: bool) -> None:
    if titled:
        say(f"\n{name}", style="bold")
    if not answer.incidents:
        say("nothing is wrong that could be seen here")
        return
    table("SIGNAL", "TARGET", "CAUSE", "DONE", "PERSON", "REASONS", rows=[_row(item) for item in answer.incidents])
    for item in answer.incidents:
        _tell_why(item)


def _row(item: Incident) -> Sequence[object]:
    done = item.act if item.rollback_to_revision is None else f"{item.act} to {item.rollback_to_revision}"
    reasons = ", ".join(reason.value for reason in item.reasons)
    person = plain("must take over", "bold") if item.escalate else plain("")
    return (item.signal, item.target, item.cause.value, done, person, reasons)


def _tell_why(item: Incident) -> None:
    if item.command is not None:
        say(f"\n{item.command}")
    if item.culprit is not None:
        say(f"\nlook at {item.culprit}")
    if item.facts:
        say("")
        table("FACT", "VALUE", "OF", rows=[(fact.name, fact.value, fact.about) for fact in item.facts])
