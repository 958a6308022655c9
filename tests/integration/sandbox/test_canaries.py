"""The demo, on a cluster full of secrets and with everything connected that tells of it: none of them is anywhere afterwards.

`tests/workflows/test_canaries.py` looks at two remediations in the same way, from within. Here whole programs run, and whatever they
write, print, send, serve and keep is searched. That a leak would be found is shown for each place by a run that leaks.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.integration.sandbox.canary_words import SECRETS, SPELLED, TAIL, WORDS, Place, found, spellings, unpacked

ROOT = Path(__file__).parents[3]
SCENARIOS = ("full-disk", "bad-release", "crash-loop", "out-of-memory")
"""An act by a command, one that waits for a yes, one alone, and an escalation that pages: everything that tells is told."""
WAYS = (
    *("histories", "histories-opened", "metrics", "support.tar.gz", "support-said", "traces", "channel"),
    *("stdout", "stderr", "export", "records", "ledger", "notices", "log", "temporal"),
)
"""By each of these something is told."""


class Shown(NamedTuple):
    code: int
    looked: Mapping[str, bytes]
    met: Mapping[str, int]
    report: Any


def shown(folder: Path, *words: str) -> Shown:
    secret = {"DATABASE_PASSWORD": SECRETS[Place.PROCESS], "API_TOKEN": WORDS[Place.PROCESS]}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BYTEPORT_")}
    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.sandbox.seeded_demo", str(folder), *words],
        cwd=ROOT,
        env=kept | secret,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=150,
        check=False,
    )
    seen = {path.name: path.read_bytes() for path in sorted((folder / "seen").iterdir())}
    assert "met.json" in seen, done.stderr.decode(errors="replace")[-3000:]
    home, export = folder / "home", folder / "export"
    looked = seen | {
        "stdout": done.stdout,
        "stderr": done.stderr,
        "export": b"".join(_contents(export)),
        "ledger": b"".join(_contents(home, "ledger.db*")) + b"".join(_contents(home, "tampered.db*")),
        "notices": b"".join(_contents(home, "notices*")),
        "log": (home / "logs" / "demo.log").read_bytes(),
        "temporal": (home / "logs" / "temporal.log").read_bytes(),
        "every other file": b"".join(_contents(home)),
    }
    return Shown(done.returncode, looked, json.loads(seen["met.json"]), json.loads(done.stdout.splitlines()[-1]))


def _contents(folder: Path, pattern: str = "**/*") -> Iterator[bytes]:
    """Names too, without the keys themselves."""
    for path in sorted(folder.glob(pattern)):
        if path.is_file() and path.parent.name != "keys":
            yield b"\n".join([path.name.encode(), *unpacked(path.read_bytes()), b""])


@pytest.mark.peers
@pytest.mark.timeout(200)
@pytest.mark.claim("C-461")
def test_review_12_after_a_demo_full_of_secrets_none_is_anywhere_in_any_spelling(tmp_path: Path) -> None:
    done = shown(tmp_path / "demo", *SCENARIOS)
    assert done.code == 0, done.report
    assert {one["name"] for one in done.report["scenarios"]} == set(SCENARIOS)
    outside = {Place.PROCESS, Place.HEADERS, Place.BACKEND, Place.TOLD}
    assert done.met.keys() == {place.value for place in Place if place not in outside}
    assert {where: there for where, data in done.looked.items() if (there := found(data))} == {}
    assert [where for where in WAYS if not done.looked[where] and where not in ("stderr", "temporal")] == []
    assert b"crictl rmi --prune" in done.looked["histories-opened"]
    assert b"webhook-signature" in done.looked["channel"], "what the backend holds was read, and has signed"
    assert b"kubectl rollout undo" in b"".join(done.looked[where] for where in ("export", "channel", "notices"))


@pytest.mark.peers
@pytest.mark.timeout(200)
@pytest.mark.claim("C-461")
def test_review_12_a_leak_is_found_by_whichever_way_it_is_told(tmp_path: Path) -> None:
    done = shown(tmp_path / "demo", "leaking", "bad-release")
    leaks = [where for where in WAYS if (Place.TOLD, "plain") in found(done.looked[where])]
    tells_of_no_cluster = {"support-said", "temporal"}
    assert (
        set(WAYS) - set(leaks) == {"ledger"} | tells_of_no_cluster
    )  # what the ledger's file holds is encrypted: `records`


@pytest.mark.parametrize("pack", ["as it is", "gzip", "several gzips", "tar in gzip"])
@pytest.mark.parametrize("place", Place)
def test_review_12_a_secret_is_found_in_every_spelling_and_packing(place: Place, pack: str) -> None:
    for way, form in spellings(WORDS[place]).items():
        assert (place, way) in found(_packed(b'{"a": "' + form + b'"}\n', pack)), way


def _packed(data: bytes, pack: str) -> bytes:
    match pack:
        case "gzip":
            return gzip.compress(data)
        case "several gzips":
            return gzip.compress(b"before") + gzip.compress(data)
        case "tar in gzip":
            whole = io.BytesIO()
            with tarfile.open(fileobj=whole, mode="w:gz") as archive:
                entry = tarfile.TarInfo("records.ndjson")
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
            return whole.getvalue()
        case _:
            return data


@given(before=st.binary(max_size=9), after=st.binary(max_size=9), place=st.sampled_from(Place))
def test_review_12_whatever_stands_around_a_secret_its_encodings_are_found(
    before: bytes, after: bytes, place: Place
) -> None:
    whole = before + SECRETS[place].encode() + after
    for encoded in (
        base64.b64encode(whole),
        base64.urlsafe_b64encode(whole),
        whole.hex().encode(),
        json.dumps(whole.decode("latin-1")).encode(),
        (before.decode("latin-1") + SECRETS[place] + after.decode("latin-1")).encode("utf-16-le"),
    ):
        assert {where for where, _ in found(encoded)} == {place}


def test_review_12_no_word_is_a_part_of_another_and_a_text_without_one_is_clean() -> None:
    assert all(a is b or WORDS[a] not in SECRETS[b] for a in Place for b in Place)
    assert found(TAIL.encode() + b"canary-" + bytes(1000)) == set()
    assert len({form for _, _, form in SPELLED}) > 7 * len(Place)
