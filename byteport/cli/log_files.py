"""Files of a log for `byteport verify-log`: exports, checkpoints and keys, as a stranger was handed them. No store, no settings.

Comes before `verify_log`; what the lines mean, `byteport/audit` knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from byteport.errors import MalformedInput

if TYPE_CHECKING:
    from byteport.audit.bundle import Line
    from byteport.audit.completeness import Given, Trust
    from byteport.audit.findings import Report
    from byteport.audit.heads import Chain
    from byteport.audit.notes import VerifierKey
    from byteport.audit.records import Entry

LARGEST_SMALL = 1 << 20
"""Of a file of keys or of one checkpoint."""
ENDINGS = (".ndjson", ".jsonl", ".ndjson.open")
"""Of the files of a folder that are lines of a log; the last one is the hour that is still being written."""


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
    """The checkpoints of files that hold one signed note each, or lines of an export."""
    from byteport.audit.bundle import cut
    from byteport.audit.completeness import Given
    from byteport.audit.lines import survey
    from byteport.audit.walk import Place

    found: list[Given] = []
    for path in paths:
        text = _small(path, "--checkpoint")
        if text.lstrip().startswith("{"):
            with path.open("rb") as stream:
                found += survey(cut(stream), path.name).checkpoints
        else:
            found.append(Given(text, Place(path.name, 1)))
    return found


def verify_files(paths: Sequence[Path], checkpoints: Sequence[Given], trust: Trust) -> Report:
    """The log in these files and folders, put in order by the first record of each file."""
    from byteport.audit.bundle import cut
    from byteport.audit.lines import chain_of, survey, verify_lines

    surveyed = []
    for path in _files(paths):
        with _opened(path) as stream:
            surveyed.append((survey(cut(stream), path.name), path))
    surveyed.sort(key=lambda one: (one[0].first, one[1].name))
    surveys = [one for one, _ in surveyed]
    given = [*checkpoints, *(checkpoint for one in surveys for checkpoint in one.checkpoints)]
    lines = _lines([path for _, path in surveyed])
    return verify_lines(lines, chain_of(surveys, trust), checkpoints=given, trust=trust)


def entries_in(paths: Sequence[Path], chain: Chain) -> list[Entry]:
    """The records of one chain in these files and folders, in its order, each once however often it was shipped."""
    from byteport.audit.bundle import EntryLine
    from byteport.audit.lines import chain_of_entry

    found: dict[tuple[int, str], Entry] = {}
    for line in _lines(_files(paths)):
        if isinstance(line, EntryLine) and chain_of_entry(line.entry) == chain:
            found.setdefault((line.entry.seq, line.entry.hash), line.entry)
    return sorted(found.values(), key=lambda entry: entry.seq)


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
            found += [parse_vkey(line) for line in lines if line and not line.startswith("#")]
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
        if len(data) > LARGEST_SMALL and option == "--key":
            raise MalformedInput(option, f"{path} is larger than a file of keys")
        return data.decode("utf-8")
    except OSError as error:
        raise MalformedInput(option, f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise MalformedInput(option, f"{path} is not text") from error


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise MalformedInput("--file", f"{path} cannot be read: {error.strerror}") from error
