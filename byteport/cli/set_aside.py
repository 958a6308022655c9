"""`byteport ledger set-aside`: the way out of a fork, for whoever runs the ledger outside and has found out which log is true."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from byteport.cli.output import print_json, say
from byteport.cli.session import AsJson, person, settings_of
from byteport.errors import ConfigError, MalformedInput

if TYPE_CHECKING:
    from byteport.api.asides import Carried, Parting
    from byteport.audit.heads import Chain
    from byteport.ledger.store import Store
    from byteport.settings import Settings

FORGED, RECORD = "set-aside.ndjson", "set-aside.json"


def set_aside(
    context: typer.Context,
    tenant: Annotated[str, typer.Option("--tenant", help="Of the chain that is refused.")],
    cluster_uid: Annotated[str, typer.Option("--cluster-uid", help="Of the chain that is refused.")],
    true_log: Annotated[
        Path, typer.Option("--true-log", help="The log that is true, of its agent: `byteport export --to FILE.ndjson`.")
    ],
    into: Annotated[Path, typer.Option("--into", help="Settings whose `ledger` is the new copy, which must be empty.")],
    evidence: Annotated[
        Path,
        typer.Option("--evidence", help="A new folder for the records that are not carried over, and what was done."),
    ],
    reason: Annotated[str, typer.Option("--reason", help="What was found out, and by whom.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say where the two logs part.")] = False,
    as_json: AsJson = False,
) -> None:
    """After a fork that was looked into: make a new copy that goes on from the last record of both logs.

    `byteport api` must not run meanwhile. The copy of the settings is only read: it stays as it is, with what was forged.
    """
    from activities.clock import utc_now
    from byteport.api.asides import parting
    from byteport.audit.heads import Chain
    from byteport.ledger.opening import open_store
    from byteport.settings import load

    settings = settings_of(context, without_cluster=True)
    target = load(into, {}, without_cluster=True)
    if settings.ledger == target.ledger:
        raise ConfigError("--into", "names the copy itself; name a new one")
    chain = Chain(tenant=tenant, cluster_uid=cluster_uid)
    copy = open_store(settings.ledger, tenant, clock=utc_now, randomness=secrets.token_bytes)
    try:
        with _opened(true_log) as lines:
            found = parting(lines, copy, chain)
        carried: list[Carried] = []
        if not dry_run:
            new = open_store(target.ledger, tenant, clock=utc_now, randomness=secrets.token_bytes)
            try:
                told = _told(settings, chain, found, copy, new, reason)
                carried = _carry(settings, copy, new, chain, found, evidence, told)
            finally:
                new.close()
    finally:
        copy.close()
    if as_json:
        print_json({"agreed": found.agreed.seq, "last": found.last.seq, "chains": len(carried), "done": not dry_run})
        return
    say(
        f"both logs have records 1 to {found.agreed.seq}; the copy's own from there to {found.last.seq} are not the true log's"
    )
    for one in carried:
        say(f"  {one.chain.origin}: {one.records} records, {one.checkpoints} checkpoints")
    if carried:
        say(f"kept aside: {evidence}; the copy before stays as it is: {copy.name}")
        say(f"start `byteport api` with {into}; the agent goes on by itself")


def _carry(
    settings: Settings, copy: Store, new: Store, chain: Chain, found: Parting, evidence: Path, told: dict[str, object]
) -> list[Carried]:
    from byteport.api.asides import carry_over, left
    from byteport.api.enrolment import EnrolmentFile
    from byteport.ledger.bundle_files import new_container

    if settings.api.enrolment is None:
        raise ConfigError("api.enrolment", "must be set; it says which tenants there are")
    if evidence.suffix:
        raise MalformedInput("--evidence", "is a folder; name it without an ending")
    tenants = EnrolmentFile(settings.api.enrolment).current().tenants
    with new_container(evidence) as container:
        with container.file(FORGED) as file:
            file.writelines(left(copy, chain, found.agreed.seq))
        container.text(RECORD, json.dumps(told, indent=1, ensure_ascii=False) + "\n")
        return list(carry_over(copy, new, tenants, chain, found.agreed.seq))


def _told(settings: Settings, chain: Chain, found: Parting, copy: Store, new: Store, reason: str) -> dict[str, object]:
    from activities.clock import utc_now

    return {
        "at": utc_now().isoformat(timespec="seconds"),
        "by": person(settings),
        "reason": reason,
        "chain": chain.origin,
        "agreed": found.agreed.model_dump(),
        "last": found.last.model_dump(),
        "true": found.true.model_dump(),
        "copy": copy.name,
        "new": new.name,
    }


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise MalformedInput("--true-log", f"{path}: {error.strerror or 'cannot be read'}") from None
