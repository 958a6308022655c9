"""`byteport export`: the log for an auditor, in a folder or a file; and `status`, how far each receiver is."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from byteport.cli.exits import Exit
from byteport.cli.ledger import log_of
from byteport.cli.output import facts, note, plain, print_json, say, table
from byteport.cli.session import AsJson, client_of, run, settings_of
from byteport.cli.times import parse_time
from byteport.errors import BytePortError, ConfigError, MalformedInput

if TYPE_CHECKING:
    from byteport.audit.heads import Chain
    from byteport.contracts.export import ExportState
    from byteport.contracts.receivers import TargetKind
    from byteport.ledger.bundling import Bundle
    from byteport.ledger.log import AuditLog
    from byteport.settings import Settings

app = typer.Typer(help="The log outside of the cluster: for an auditor, and how far its receivers are.")


@app.callback(invoke_without_command=True)
def export(
    context: typer.Context,
    to: Annotated[
        Path | None, typer.Option("--to", help="A folder, a file .zip, or .ndjson for the lines alone; none there yet.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="From then on, as in 2026-03-10.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="Before then.")] = None,
    uncovered: Annotated[
        bool, typer.Option("--uncovered", help="The records too that nothing signed covers yet.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write the log, what was signed of it, and the program that checks it, for somebody who trusts neither us nor you."""
    if context.invoked_subcommand is not None:
        return
    if to is None:
        raise MalformedInput("export", "say where: --to FOLDER, or a file .zip or .ndjson")
    from byteport.ledger.bundling import write_bundle

    settings = settings_of(context)
    log = log_of(settings)
    key = _key(settings)
    made = write_bundle(
        log,
        _chain(settings, log),
        to,
        key=key,
        since=_time(since, "--since"),
        until=_time(until, "--until"),
        uncovered=uncovered,
    )
    if as_json:
        print_json(made._asdict() | {"path": str(made.path), "whole": made.whole})
    else:
        _print(made)


def _print(made: Bundle) -> None:
    facts(
        [
            ("written", str(made.path)),
            ("log", made.chain.origin),
            ("records", f"{made.records}, from {made.first} to {made.last} of {made.head}"),
            ("time", f"{made.since} to {made.until}"),
            ("signed", f"the first {made.checkpoint}" if made.checkpoint is not None else None),
        ]
    )
    if made.first > 1:
        note("a part that does not begin with record 1 is for reading: what checks it says that record 1 is missing")
    if made.last > made.asked:
        note(f"it goes on behind record {made.asked}, to those that say why bodies before it are gone")
    if made.last < made.asked:
        note(f"it ends with what was signed; {made.asked - made.last} newer record(s): --uncovered adds them")
    if made.checkpoint is not None and made.last > made.checkpoint:
        note(f"nothing that was signed covers its last {made.last - made.checkpoint} record(s)")
    if made.checkpoint is None:
        note("nothing that was signed of the log is in it: nobody can tell whether its end is missing")
    if not made.keyed:
        note("the key of the log is not in it: `byteport log-key`, where the signer runs, prints it")
    say(f"Check it with: byteport verify-log --file {made.path if made.path.suffix != '.zip' else 'its log.ndjson'}")


class Standing(NamedTuple):
    """One receiver."""

    target: str
    cursor: str
    """Its kind, and a digest of where it lies, as the log has it."""
    named: bool
    """Whether the settings name it."""
    seq: int
    """It holds everything up to this record."""
    behind: int
    seconds: float | None
    """Age of the oldest record that it does not hold; None where no run could be asked."""
    trouble: str | None
    at: str | None
    """The setting or the object at fault."""
    again_at: datetime | None


@app.command()
def status(context: typer.Context, as_json: AsJson = False) -> None:
    """Print how far each receiver of the log is, and what stands in its way; exit 1 when something does."""
    settings = settings_of(context)
    found = run(_standings(settings))
    if as_json:
        print_json(found)
    elif not found:
        say("No receiver is named (audit.export.target), and none ever was: the log leaves nowhere.")
    else:
        table("RECEIVER", "HOLDS", "BEHIND", "OLDEST", "IN THE WAY", "LOOK AT", "AGAIN", rows=map(_row, found))
    if any(one.named and one.trouble for one in found):
        raise typer.Exit(Exit.FINDING)


def _row(one: Standing) -> tuple[object, ...]:
    return (
        one.target if one.named else f"{one.target} (not named any more)",
        one.seq,
        plain(one.behind, "yellow" if one.behind and one.named else ""),
        "" if not one.seconds else f"{one.seconds:.0f} s",
        plain(one.trouble, "red") if one.trouble else "",
        one.at,
        "" if one.again_at is None else f"{one.again_at:%Y-%m-%d %H:%M:%S} UTC",
    )


async def _standings(settings: Settings) -> list[Standing]:
    """The ledger knows how far each is; only its run knows what stands in the way."""
    from byteport.contracts.receivers import TargetKind
    from byteport.ledger import cursors
    from byteport.ledger.opening import open_reader

    named = settings.audit.export.target
    reader = open_reader(settings.ledger, settings.tenant)
    chain = _own_chain(settings)
    with reader.snapshot() as sql:
        row = sql.execute(
            "SELECT seq FROM chain_heads WHERE tenant = ? AND cluster_uid = ?", (chain.tenant, chain.cluster_uid)
        ).fetchone()
        held = cursors.known(sql, chain)
    head = int(row[0]) if row else 0
    kinds = [kind for kind in TargetKind if kind in named]
    states = await _states(settings, kinds)
    ours = {settings.audit.export.cursor(kind, chain.cluster_uid): kind for kind in kinds}
    others = [name for name in held if name not in ours and not name.endswith("/checkpoints")]
    return [
        *(_standing(kind.value, name, True, held.get(name, 0), head, states.get(kind)) for name, kind in ours.items()),
        *(_standing(name, name, False, held[name], head, None) for name in others),
    ]


def _standing(target: str, cursor: str, named: bool, seq: int, head: int, state: ExportState | None) -> Standing:
    obstacle = state.obstacle if state is not None else None
    return Standing(
        target=target,
        cursor=cursor,
        named=named,
        seq=seq,
        behind=max(0, head - seq),
        seconds=state.lag_seconds if state is not None else None,
        trouble=obstacle.trouble.value if obstacle is not None else "not_running" if named and state is None else None,
        at=obstacle.named or None if obstacle is not None else None,
        again_at=state.again_at if state is not None else None,
    )


async def _states(settings: Settings, kinds: list[TargetKind]) -> dict[TargetKind, ExportState]:
    """Of the runs that answer. Without Temporal the ledger's word is all there is."""
    from byteport.settings import installation
    from byteport.temporal.exporting import state_of_export

    found: dict[TargetKind, ExportState] = {}
    if not kinds:
        return found
    try:
        client = await client_of(settings)
        for kind in kinds:
            state = await state_of_export(client, installation(settings), kind)
            if state is not None:
                found[kind] = state
    except BytePortError as error:
        note(f"what stands in the way is not known: {error.message}")
    return found


def _own_chain(settings: Settings) -> Chain:
    from byteport.audit.heads import Chain
    from byteport.settings import installation

    ours = installation(settings)
    return Chain(tenant=ours.tenant, cluster_uid=ours.cluster_uid)


def _chain(settings: Settings, log: AuditLog) -> Chain:
    """This installation's; where nobody knows its cluster's uid, the only one that there is."""
    try:
        return _own_chain(settings)
    except ConfigError:
        chains = log.chains()
        if len(chains) != 1:
            raise
        return chains[0]


def _key(settings: Settings) -> str | None:
    """The log's public key, where the signer's key can be read."""
    from byteport.cli.signer import verifier_of

    try:
        return str(verifier_of(settings))
    except ConfigError:
        return None


def _time(text: str | None, option: str) -> datetime | None:
    return None if text is None else parse_time(option, text, zone=UTC)
