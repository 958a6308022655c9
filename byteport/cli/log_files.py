"""Files of a log for `byteport verify-log`: exports, checkpoints and keys, as a stranger was handed them. No store, no settings.

Comes before `verify_log`; what the lines mean, `byteport/audit` knows. Every file is gone through several times, so that
what can be read once alone was copied before (`spooling`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from byteport.errors import MalformedInput

if TYPE_CHECKING:
    from byteport.audit.bundle import Line
    from byteport.audit.completeness import Given, Trust
    from byteport.audit.findings import Report
    from byteport.audit.heads import Chain
    from byteport.audit.lines import Look
    from byteport.audit.notes import VerifierKey
    from byteport.audit.records import Entry

LARGEST_SMALL = 1 << 20
"""Of a file of keys or of one checkpoint."""
ENDINGS = (".ndjson", ".jsonl", ".ndjson.open")
"""Of the files of a folder that are lines of a log; the last one is the hour that is still being written."""


class Verified(NamedTuple):
    """What became of all files together."""

    reports: tuple[Report, ...]
    """One for each log."""
    set_aside: tuple[Chain, ...]
    """Logs that are there too, and of which no key was given."""
    files: dict[Chain, tuple[Path, ...]]
    """Those that each report is about: nothing of the others was verified."""


def trust_of(keys: Sequence[str], witnesses: Sequence[str], quorum: int | None) -> Trust:
    """Whose word counts, as it was typed. Raises `MalformedInput` for what is no key, or a quorum that cannot be reached."""
    from byteport.audit.completeness import Trust, quorum_of
    from byteport.audit.notes import SignatureType

    logs, others = _keys(keys, "--key"), _keys(witnesses, "--witness")
    if any(key.type is not SignatureType.ED25519 for key in logs):
        raise MalformedInput("--key", "is a witness's key; give it as --witness")
    if any(key.type is not SignatureType.COSIGNATURE for key in others):
        raise MalformedInput("--witness", "is a log's key; give it as --key")
    needed = quorum_of(others, quorum)
    if not 0 <= needed <= len({key.public for key in others}):
        raise MalformedInput("--quorum", f"{needed} cosignatures of {len(others)} witness(es) can never be")
    return Trust(keys=logs, witnesses=others, quorum=needed)


def checkpoints_in(paths: Sequence[Path]) -> list[Given]:
    """The checkpoints of files that were kept: of each one signed note, or lines of an export.

    Raises `MalformedInput` for a file in which there is none: whoever gives one must not be told that all is well without it.
    """
    from byteport.audit.bundle import BadLine, cut, read
    from byteport.audit.checkpoint import parse_checkpoint
    from byteport.audit.completeness import Given
    from byteport.audit.lines import given_in
    from byteport.audit.notes import parse_note
    from byteport.audit.walk import Place

    found: list[Given] = []
    for path in paths:
        with _opened(path, "--checkpoint") as stream:
            is_lines = stream.read(1) == b"{"
        is_bad = False
        if is_lines:
            with path.open("rb") as stream:
                given = [one._replace(kept=True) for one in given_in(cut(stream), path.name)]
            with path.open("rb") as stream:
                is_bad = any(isinstance(line, BadLine) for line in read(cut(stream), path.name))
        else:
            given = [Given(_small(path, "--checkpoint"), Place(path.name, 1), kept=True)]
        try:
            for one in given:
                parse_checkpoint(parse_note(one.note).text)
        except MalformedInput:
            given = []
        if not given or is_bad:
            says = 'the note as it was signed, or its line {"checkpoint":"..."} as it was exported'
            raise MalformedInput("--checkpoint", f"{path} holds no signed checkpoint: give {says}")
        found += given
    return found


def verify_files(
    paths: Sequence[Path], checkpoints: Sequence[Given], trust: Trust, *, at_least_once: bool = False
) -> Verified:
    """Each log in these files and folders, put in order by the first record of each file."""
    from byteport.audit.lines import verify_lines

    looks = _looks(paths)
    logs = _grouped(looks, trust)
    origins = {chain.origin for chain in logs}
    reports = []
    for chain, files in logs.items():
        mine = [one for one in checkpoints if one.origin == chain.origin or one.origin not in origins]
        given = _given(mine, files)
        reports.append(verify_lines(_lines(files), chain, checkpoints=given, trust=trust, at_least_once=at_least_once))
    there = dict.fromkeys(look.chain for look, _ in looks if look.chain is not None)
    taken = {path for files in logs.values() for path in files}
    aside = [chain for chain in there if all(path not in taken for look, path in looks if look.chain == chain)]
    return Verified(tuple(reports), tuple(aside), {chain: tuple(files) for chain, files in logs.items()})


def entries_in(paths: Sequence[Path], chain: Chain) -> list[Entry]:
    """The records of one chain in files that were verified, in its order, each once however often it was shipped."""
    from byteport.audit.bundle import EntryLine
    from byteport.audit.lines import chain_of_entry

    found: dict[tuple[int, str], Entry] = {}
    for line in _lines(paths):
        if isinstance(line, EntryLine) and chain_of_entry(line.entry) == chain:
            found.setdefault((line.entry.seq, line.entry.hash), line.entry)
    return sorted(found.values(), key=lambda entry: entry.seq)


def _looks(paths: Sequence[Path]) -> list[tuple[Look, Path]]:
    from byteport.audit.bundle import cut
    from byteport.audit.lines import look

    found = []
    for path in _files(paths):
        with _opened(path) as stream:
            found.append((look(cut(stream), path.name), path))
    return sorted(found, key=lambda one: (one[0].first, one[1].name))


def _grouped(looks: Sequence[tuple[Look, Path]], trust: Trust) -> dict[Chain, list[Path]]:
    """The files of each log that is to be verified: those of the given keys, else all that are there. A file whose first
    record is of one log is of that log; what else is in it is a finding."""
    from byteport.audit.lines import NO_CHAIN, chains_named

    there = dict.fromkeys(look.chain for look, _ in looks if look.chain is not None and look.first)
    there |= dict.fromkeys(look.chain for look, _ in looks if look.chain is not None)
    wanted = chains_named(trust) or list(there) or [NO_CHAIN]
    found: dict[Chain, list[Path]] = {chain: [] for chain in wanted}
    alone = not any(chain in found for chain in there)
    for look, path in looks:
        if look.chain in found:
            found[look.chain].append(path)
        elif look.chain is None or alone:
            found[wanted[0]].append(path)
    return found


def _given(checkpoints: Sequence[Given], paths: Sequence[Path]) -> Iterator[Given]:
    from byteport.audit.bundle import cut
    from byteport.audit.lines import given_in

    yield from checkpoints
    for path in paths:
        with _opened(path) as stream:
            yield from given_in(cut(stream), path.name)


def _lines(paths: Sequence[Path]) -> Iterator[Line]:
    from byteport.audit.bundle import cut, read

    for path in paths:
        with _opened(path) as stream:
            yield from read(cut(stream), path.name)


def _files(paths: Sequence[Path]) -> list[Path]:
    """Of a folder every file in it that may hold lines of a log, however deep; what begins with a dot is left out."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(each for each in path.rglob("*") if each.is_file() and each.name.endswith(ENDINGS))
            found += [each for each in inside if not any(part.startswith(".") for part in each.relative_to(path).parts)]
        elif path.exists():
            found.append(path)
        else:
            raise MalformedInput("--file", f"{path} does not exist")
    return found


def _keys(given: Sequence[str], option: str) -> tuple[VerifierKey, ...]:
    from byteport.audit.notes import parse_vkey

    found: list[VerifierKey] = []
    for text in given:
        try:
            found.append(parse_vkey(text))
        except MalformedInput as error:
            if not _is_file(text):
                raise MalformedInput(
                    option, f"is neither a file nor a key: it {error.message.partition(': ')[2]}"
                ) from None
            lines = [line.strip() for line in _small(Path(text), option).splitlines()]
            here = [parse_vkey(line) for line in lines if line and not line.startswith("#")]
            if not here:
                raise MalformedInput(option, f"{text} holds no key") from None
            found += here
    return tuple(dict.fromkeys(found))


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):
        return False


def _small(path: Path, option: str) -> str:
    try:
        with path.open("rb") as stream:
            data = stream.read(LARGEST_SMALL + 1)
        if len(data) > LARGEST_SMALL:
            raise MalformedInput(option, f"{path} is larger than a file of keys, or of one checkpoint")
        return data.decode("utf-8")
    except OSError as error:
        raise MalformedInput(option, f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise MalformedInput(option, f"{path} is not text") from error


def _opened(path: Path, option: str = "--file") -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise MalformedInput(option, f"{path} cannot be read: {error.strerror}") from error
