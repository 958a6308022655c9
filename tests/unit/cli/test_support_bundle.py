"""`byteport support-bundle`: what is in it, that no secret is, and that it writes over nothing."""

from __future__ import annotations

import hashlib
import json
import secrets
import stat
import tarfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from activities.clock import utc_now
from byteport.audit.words import Event
from byteport.cli.support_bundle import packed
from byteport.cli.support_masking import Masking, known_secrets
from byteport.cli.support_parts import Gathered, Part, gathered
from byteport.domain.secret_forms import forms
from byteport.errors import Unavailable
from byteport.ledger.append import append
from byteport.ledger.keys import read_body_keys
from byteport.ledger.sqlite import SqliteStore
from byteport.settings import load
from tests.unit.cli.conftest import Run
from tests.unit.cli.test_report import draft

SECRET = 'canary-7f3a/"ü+<&%'
TOKEN = "canary-of-the-collector"
SPELLINGS = [form for word in (SECRET, TOKEN) for form in forms(word)]


@pytest.fixture
def planted(configured: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Secrets in a variable, in private files, in the settings, in a log and in a record, in every spelling."""
    state = configured.parent
    monkeypatch.setenv("DATABASE_PASSWORD", SECRET)
    monkeypatch.setenv("KUBECONFIG", str(state / "none"))
    headers = state / "keys" / "headers"
    headers.write_text(f"Authorization: Bearer {TOKEN}\n")
    headers.chmod(0o600)
    settings = yaml.safe_load(configured.read_text()) | {
        "telemetry": {"traces": {"endpoint": "https://collector.example/v1/traces", "headers_file": "keys/headers"}},
        "audit": {"export": {"webhook": {"url": f"https://hooks.example/in?token={TOKEN}"}}},
    }
    configured.write_text(yaml.safe_dump(settings))
    (state / "logs").mkdir()
    (state / "logs" / "worker.log").write_text("".join(f"started with {form}\n" for form in SPELLINGS))
    store = SqliteStore(
        state / "ledger.db",
        keys=read_body_keys(state / "keys" / "bodies.key"),
        clock=utc_now,
        randomness=secrets.token_bytes,
    )
    with store.transaction() as tx:
        for number, form in enumerate(SPELLINGS):
            append(tx, draft(Event.ACKNOWLEDGED, incident_id=f"i{number}", note=f"said {form}", approver="ada"))
    store.close()
    return configured


def opened(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        entries = archive.getmembers()
        assert all(entry.isfile() and not entry.mtime and not entry.uid for entry in entries)
        return {entry.name: archive.extractfile(entry).read() for entry in entries}  # type: ignore[union-attr]  # files


@pytest.mark.claim("C-470")
@pytest.mark.parametrize("bodies", [(), ("--bodies",)])
def test_review_12_no_secret_of_this_machine_is_in_it_in_any_encoding(
    byteport: Run, planted: Path, folder: Path, bodies: tuple[str, ...]
) -> None:
    values = folder / "values.yaml"
    values.write_text(f"secret: {SECRET}\nother: [{TOKEN}]\n")
    said = byteport("support-bundle", "--out", "bundle.tar.gz", "--values", "values.yaml", *bodies)
    assert said.code == 6
    files = opened(folder / "bundle.tar.gz")
    for name, content in files.items():
        assert [form for form in SPELLINGS if form.encode() in content] == [], name
    key = (planted.parent / "keys" / "payload.key").read_text().strip()
    assert [name for name, content in files.items() if key.encode() in content] == []
    assert b"started with [REDACTED]" in files["byteport-support/logs/worker.log"]
    assert b"[REDACTED]" in files["byteport-support/values.yaml"]
    assert (b"said [REDACTED]" in files["byteport-support/records.ndjson"]) is bool(bodies)
    assert (b'"ada"' in files["byteport-support/records.ndjson"]) is bool(bodies)


@pytest.mark.claim("C-471")
def test_the_manifest_names_every_file_and_says_why_it_is_there_or_is_not(
    byteport: Run, planted: Path, folder: Path
) -> None:
    said = byteport("support-bundle", "--out", "bundle.tar.gz", "--records", "3", "--json")
    assert said.code == 6
    files = opened(folder / "bundle.tar.gz")
    first, *rest = files
    assert first == "byteport-support/MANIFEST.json"
    manifest = json.loads(files[first])["files"]
    assert [entry["name"] for entry in manifest] == sorted(entry["name"] for entry in manifest)
    there = [entry for entry in manifest if entry["missing"] is None]
    assert [f"byteport-support/{entry['name']}" for entry in there] == rest
    for entry in there:
        content = files[f"byteport-support/{entry['name']}"]
        assert (entry["bytes"], entry["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
        assert entry["why"]
    missing = {entry["name"] for entry in manifest if entry["missing"]}
    assert missing == {"runs.json", "timelines.json", "health.json", "metrics.txt"}
    assert json.loads(said.out)["parts"] == manifest
    lines = files["byteport-support/records.ndjson"].decode().splitlines()
    assert [json.loads(line)["seq"] for line in lines] == [len(SPELLINGS) - 2, len(SPELLINGS) - 1, len(SPELLINGS)]
    assert json.loads(files["byteport-support/verify-log.json"])[0]["intact"] == "intact"
    assert {one["name"] for one in json.loads(files["byteport-support/doctor.json"])} >= {"log", "temporal"}
    settings = json.loads(files["byteport-support/settings.json"])
    assert settings["cluster"]["name"] == "test"
    assert settings["telemetry"]["traces"]["headers_file"].endswith("keys/headers")


def test_only_its_owner_reads_it_and_nothing_is_written_over(byteport: Run, configured: Path, folder: Path) -> None:
    assert byteport("support-bundle", "--out", "bundle.tar.gz").code == 6
    made = folder / "bundle.tar.gz"
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    before = made.read_bytes()
    said = byteport("support-bundle", "--out", "bundle.tar.gz")
    assert said.code == 2
    assert "is there already" in said.err
    assert made.read_bytes() == before
    assert byteport("support-bundle", "--out", "nowhere/bundle.tar.gz").code == 2


def test_the_same_parts_are_the_same_bytes() -> None:
    made = [Gathered("a.json", "why", b"{}", None), Gathered("b.json", "why", None, "nobody answers")]
    assert packed(made) == packed(list(made))


async def test_what_fails_names_its_class_and_none_of_its_words() -> None:
    async def broken() -> bytes:
        raise RuntimeError(SECRET)

    async def silent() -> bytes:
        raise Unavailable(f"nobody answers at {SECRET}")

    masking = Masking([SECRET])
    told = [await gathered(Part("x", "why", part), masking) for part in (broken, silent)]
    assert told[0].missing == "failed: RuntimeError"
    assert told[1].missing == "nobody answers at [REDACTED]"


@pytest.mark.claim("C-470")
@given(
    secret=st.text(min_size=8, max_size=40).filter(lambda text: len(text.strip()) >= 8 and "REDACTED" not in text),
    before=st.text(max_size=30),
    after=st.text(max_size=30),
)
def test_a_known_value_is_in_no_document_whatever_stands_around_it(secret: str, before: str, after: str) -> None:
    written = Masking([secret]).document({"a": [before + secret + after], "b": {before: secret}})
    assert [form for form in forms(secret) if form.encode("utf-8", "replace") in written] == []


def test_what_everybody_may_read_is_no_secret_and_is_not_masked(configured: Path) -> None:
    policy = configured.parent / "policy.yaml"
    policy.write_text("mode: dry_run\n")
    kubeconfig = configured.parent / "kubeconfig"
    kubeconfig.write_text("server: https://api.example\n    token: of-the-cluster\n    client-key-data: LS0tLS1C\n")
    for path in (policy, kubeconfig):
        path.chmod(0o600)
    configured.write_text(configured.read_text().replace("name: test", "name: test, kubeconfig: kubeconfig"))
    known = set(known_secrets(load(configured, {}), {"TOKEN_FILE": "/run/token", "API_TOKEN": "abcdefgh"}))
    assert {"abcdefgh", "of-the-cluster", "LS0tLS1C"} <= known
    assert not {"mode: dry_run", "dry_run", "/run/token", "https://api.example"} & known


@pytest.mark.parametrize(("mode", "in_memory"), [(0o400, False), (0o440, False), (0o640, False), (0o644, True)])
def test_a_token_that_a_kubelet_gave_to_the_pod_is_a_secret_whatever_its_mode(
    configured: Path, monkeypatch: pytest.MonkeyPatch, mode: int, in_memory: bool
) -> None:
    token = configured.parent / "projected"
    token.write_text(f"{TOKEN}\n")
    token.chmod(mode)
    vault = {"address": "https://vault.example", "auth": "token-file", "token_file": str(token)}
    settings = yaml.safe_load(configured.read_text()) | {"secret": {"backend": "vault", "vault": vault}}
    configured.write_text(yaml.safe_dump(settings))
    monkeypatch.setattr("activities.secrets.tmpfs.on_tmpfs", lambda _: in_memory)
    assert TOKEN in set(known_secrets(load(configured, {}), {}))
