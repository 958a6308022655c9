"""`byteport verify-log --against`: the third verdict, from files that an API server wrote.

Opens what `byteport/audit/apiserver.py` reads: one file or several, rotated, compressed or not, in any order. Comes after
`verify_log.py`, which says of which chain.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, NamedTuple, cast

import typer

from byteport.cli.output import say
from byteport.cli.spooling import readable_again
from byteport.errors import MalformedInput

if TYPE_CHECKING:
    from byteport.audit.apiserver import BadLine, Event
    from byteport.audit.findings import NotChecked, Report
    from byteport.audit.heads import Chain
    from byteport.audit.matched import Matching
    from byteport.audit.records import Entry

LONGEST_LINE = 64 << 20
"""An event holds at most one object and one answer; what is longer is no event."""
DEFAULT_SKEW = 5.0
SHOWN = 20
"""Findings and gaps for a person; `--json` has more of them, and counts them all."""
_GZIP = b"\x1f\x8b"
_NAMES = re.compile(r"([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?):([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?)")

AgainstFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--against",
        metavar="AUDIT.log",
        help="The API server's own audit log of the same time (`--audit-log-path`); again for each rotated file.",
    ),
]
Account = Annotated[
    str | None,
    typer.Option(
        "--service-account", metavar="NAMESPACE:NAME", help="Whose writes those are. [default: byteport-agent's own]"
    ),
]
ClockSkew = Annotated[
    float,
    typer.Option(
        "--clock-skew",
        min=0,
        max=3600,
        metavar="SECONDS",
        help="How far the API server's clock may be from the ledger's.",
    ),
]


Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="UID",
        help="Of which cluster that audit log is, where the ledger has the chains of several.",
    ),
]


class Against(NamedTuple):
    """What to hold the log against."""

    files: tuple[Path, ...]
    account: str | None = None
    """As it was typed; None for the agent's own."""
    clock_skew: float = DEFAULT_SKEW
    cluster: str | None = None
    """Of whose chain; None where there is one."""

    def must_fit(self, *, whole: bool) -> None:
        """Raises `MalformedInput` for what cannot be asked together."""
        if self.files and not whole:
            raise MalformedInput("--against", "holds the whole log against an audit log; give --all or --file")
        if not self.files and (self.account or self.cluster):
            raise MalformedInput("--service-account, --cluster", "say whose audit log it is; give that as --against")


def with_matching(
    reports: Sequence[Report], against: Against, entries: Callable[[Chain], Iterable[Entry]]
) -> tuple[Report, ...]:
    """`reports` with the third verdict where it was asked for. `entries` gives the records of a chain.

    Raises `MalformedInput` when it is not clear whose audit log it is.
    """
    if not against.files:
        return tuple(reports)
    meant = [one for one in reports if against.cluster in (None, one.chain.cluster_uid)]
    if len(meant) != 1:
        known = ", ".join(sorted({one.chain.cluster_uid for one in reports}))
        raise MalformedInput("--cluster", f"must name the one cluster whose audit log it is; there are: {known}")
    with readable_again(against.files, "--against") as files:
        found = _believed(matched(against._replace(files=tuple(files)), entries(meant[0].chain)), meant[0])
    return tuple(one.model_copy(update={"matched": found}) if one is meant[0] else one for one in reports)


def _believed(found: Matching, report: Report) -> Matching | NotChecked:
    """Records that are not intact prove no match. What they do not match is a finding all the same."""
    from byteport.audit.findings import NotChecked, Verdict
    from byteport.audit.matched import MatchVerdict

    if found.verdict is MatchVerdict.MATCHED and report.intact is not Verdict.INTACT:
        return NotChecked(needs="records that are intact")
    return found


def matched(against: Against, entries: Iterable[Entry]) -> Matching:
    """The verdict for one chain. Raises `MalformedInput` for a file that cannot be opened, or an account that is none."""
    from byteport.audit.acts import acts_of
    from byteport.audit.matching import match
    from byteport.audit.requests import Requests
    from byteport.boundary.by_design import rules

    account, apart = _account(against.account), timedelta(seconds=against.clock_skew)
    acts, ours = acts_of(entries), rules(account, apart=apart)
    requests = Requests(account, {act.audit_id for act in acts.in_order()}, ours.idle)
    for path in _each_once(against.files):
        requests.take(events(path))
    return match(acts, requests, ours)


def events(path: Path) -> Iterator[Event | BadLine]:
    """Every line of one file, as what it is; of a compressed one that breaks off, what could be read."""
    from byteport.audit.apiserver import BadLine, Flaw, Place, read

    read_so_far = 0

    def lines(file: BinaryIO) -> Iterator[bytes]:
        nonlocal read_so_far
        while line := file.readline(LONGEST_LINE):
            read_so_far += 1
            yield line

    try:
        with path.open("rb") as raw:
            packed = raw.read(len(_GZIP)) == _GZIP
            raw.seek(0)
            file = cast("BinaryIO", gzip.GzipFile(fileobj=raw)) if packed else raw
            yield from read(lines(file), str(path))
    except EOFError:
        at = Place(file=str(path), line=read_so_far + 1)
        yield BadLine(flaw=Flaw.TRUNCATED, at=at, says="is where the compressed file breaks off")
    except (gzip.BadGzipFile, zlib.error):
        at = Place(file=str(path), line=read_so_far + 1)
        yield BadLine(flaw=Flaw.OTHER_FORMAT, at=at, says="cannot be decompressed")
    except OSError as error:
        raise MalformedInput(str(path), error.strerror or "cannot be read") from error


def print_matched(found: Matching | NotChecked) -> None:
    """The third verdict, or what it would need."""
    from byteport.audit.matched import Matching

    if isinstance(found, Matching):
        print_matching(found)
    else:
        say(f"matched: not checked; needs {found.needs}", style="dim")


def print_matching(found: Matching) -> None:
    """The verdict on a line, what it stands for, and each finding on a line of its own."""
    good = found.verdict.value == "matched"
    window = f" from {found.since:%Y-%m-%dT%H:%M:%SZ} to {found.until:%Y-%m-%dT%H:%M:%SZ}" if found.since else ""
    say(
        f"matched: {'yes' if good else 'NO'} ({found.verdict.value}; {found.matched} of {found.acts} act(s){window})",
        style="green" if good else "bold red",
    )
    if not found.lines_of_account:
        say(f"  the audit log has no request of {found.account}: nothing to match", style="red")
    if found.objects_unknown:
        say(f"  {found.objects_unknown} of them by id and time alone: their records' bodies are gone", style="dim")
    for gap in found.gaps[:SHOWN]:
        say(f"  the audit log has nothing from {gap.after:%Y-%m-%dT%H:%M:%SZ} to {gap.before:%Y-%m-%dT%H:%M:%SZ}")
    if found.gap_count > SHOWN:
        say(f"  and {found.gap_count - SHOWN} more such gaps of more than {found.silence_seconds:.0f} s")
    for because in sorted({one.because.value for one in found.not_covered}):
        these = [one for one in found.not_covered if one.because.value == because]
        say(
            f"  not covered: {len(these)} act(s), first record {these[0].seq} ({these[0].id}) [{because}]",
            style="yellow",
        )
    for notice in found.notices:
        where = f"{notice.at}: " if notice.at else f"record {notice.seq}: " if notice.seq else ""
        say(
            f"  {where}{notice.first or 'see the record'} [{notice.remark.value}, {notice.count} in all]",
            style="yellow",
        )
    for finding in found.findings[:SHOWN]:
        place = f"{finding.at}" if finding.at else ""
        record = f"record {finding.seq} ({finding.id})" if finding.seq else ""
        say(
            f"  {', '.join(filter(None, (place, record)))} {finding.says} [{finding.cause.value}]".rstrip(), style="red"
        )
    more = sum(one.count for one in found.counts) - min(len(found.findings), SHOWN)
    if more > 0:
        counts = ", ".join(f"{one.count} {one.cause.value}" for one in found.counts)
        say(f"  and {more} more, in all {counts}; --json names more of them", style="red")


def _account(typed: str | None) -> str:
    from byteport.boundary.names import AGENT

    if typed is None:
        return AGENT
    found = _NAMES.fullmatch(typed)
    if found is None:
        raise MalformedInput("--service-account", "is no NAMESPACE:NAME")
    return f"system:serviceaccount:{found[1]}:{found[3]}"


def _each_once(files: Sequence[Path]) -> Iterator[Path]:
    """A file that is named twice is read once."""
    seen: set[Path] = set()
    for path in files:
        real = path.resolve()
        if real not in seen:
            seen.add(real)
            yield path
