"""Which receivers the settings name: none by default, one or several in the ways that people write them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from byteport.audit.notes import SignatureType, key_of
from byteport.contracts.receivers import TargetKind
from byteport.errors import ConfigError
from byteport.settings import Settings, load
from byteport.settings.audit import ExportConfig


def loaded(folder: Path, audit: str = "", **environment: str) -> Settings:
    path = folder / "config.yaml"
    path.write_text(f"cluster: {{name: production}}\n{audit}")
    return load(path, environment)


def test_nothing_is_exported_by_default(tmp_path: Path) -> None:
    assert loaded(tmp_path).audit.export.target == ()


@pytest.mark.parametrize("written", ["s3", "[s3]", '"s3"', "' s3 ,'"])
def test_one_kind_needs_no_list(written: str, tmp_path: Path) -> None:
    read = loaded(tmp_path, f"audit: {{export: {{target: {written}}}}}\n")
    assert read.audit.export.target == (TargetKind.S3,)


@pytest.mark.parametrize("written", ["s3, syslog", "[s3, syslog]"])
def test_several_kinds_by_the_environment(written: str, tmp_path: Path) -> None:
    read = loaded(tmp_path, BYTEPORT_AUDIT_EXPORT_TARGET=written)
    assert read.audit.export.target == (TargetKind.S3, TargetKind.SYSLOG)


def test_an_empty_word_is_none(tmp_path: Path) -> None:
    assert loaded(tmp_path, 'audit: {export: {target: ""}}\n').audit.export.target == ()


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ("target: s4", "audit.export.target"),
        ("target: [s3, s3]", "audit.export.target"),
        ("target: 3", "audit.export.target"),
        ("s3: {bucket: UPPER}", "audit.export.s3.bucket"),
        ("s3: {prefix: /a}", "audit.export.s3.prefix"),
        ("s3: {prefix: a//b}", "audit.export.s3.prefix"),
        ("s3: {prefix: 'a b'}", "audit.export.s3.prefix"),
        ("s3: {owner: '12'}", "audit.export.s3.owner"),
        ("s3: {endpoint: 'http://s3.example'}", "audit.export.s3.endpoint"),
        ("s3: {endpoint: 'https://u:p@s3.example'}", "audit.export.s3.endpoint"),
        ("s3: {verify: false}", "audit.export.s3.verify"),
        ("gcs: {endpoint: 'http://storage.example'}", "audit.export.gcs.endpoint"),
        ("gcs: {project_number: mine}", "audit.export.gcs.project_number"),
        ("gcs: {key_file: key.json}", "audit.export.gcs.key_file"),
    ],
)
def test_what_cannot_be_is_named(section: str, key: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        loaded(tmp_path, f"audit:\n  export:\n    {section}\n")
    assert refused.value.key.startswith(key)


def test_a_path_starts_at_the_settings_file(tmp_path: Path) -> None:
    read = loaded(tmp_path, "audit: {export: {ca_file: ca.pem}}\n")
    assert read.audit.export.ca_file == tmp_path / "ca.pem"


LOG_KEY = str(key_of("example.com/log", SignatureType.ED25519, Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)))
WITNESS_KEY = str(key_of("w.example/1", SignatureType.COSIGNATURE, Ed25519PrivateKey.from_private_bytes(b"\x02" * 32)))


def test_by_default_nobody_signs_the_log(tmp_path: Path) -> None:
    read = loaded(tmp_path).audit
    assert (read.signer.key, read.witnesses, read.checkpoint_seconds) == (None, (), 60)
    assert read.signer.state_file == tmp_path / ".byteport" / "signer" / "state.json"


def test_a_witness_is_named_by_its_key(tmp_path: Path) -> None:
    written = f"[{{url: 'https://w.example/', key: '{WITNESS_KEY}'}}]"
    for read in (
        loaded(tmp_path, f"audit: {{witnesses: {written}}}\n"),
        loaded(tmp_path, BYTEPORT_AUDIT_WITNESSES=written),
    ):
        assert [(one.name, one.url) for one in read.audit.witnesses] == [("w.example/1", "https://w.example/")]


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("http://w.example/", WITNESS_KEY),
        ("https://me:secret@w.example/", WITNESS_KEY),
        ("https://w.example/", LOG_KEY),
        ("https://w.example/", WITNESS_KEY[:-1]),
        ("https://w.example/", "w.example"),
    ],
)
def test_a_witness_that_cannot_be_one_is_one_line(url: str, key: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"audit\.witnesses"):
        loaded(tmp_path, f"audit: {{witnesses: [{{url: '{url}', key: '{key}'}}]}}\n")


def test_a_witness_named_twice_is_one_line(tmp_path: Path) -> None:
    one = f"{{url: 'https://w.example/', key: '{WITNESS_KEY}'}}"
    with pytest.raises(ConfigError, match="names a witness twice"):
        loaded(tmp_path, f"audit: {{witnesses: [{one}, {one}]}}\n")


@pytest.mark.parametrize(
    ("written", "kinds"),
    [("", ["api"]), ("target: s3", ["s3", "api"]), ("target: [api, file]", ["api", "file"])],
    ids=["alone", "besides another", "named already"],
)
def test_the_url_of_a_ledger_names_it_as_a_receiver(written: str, kinds: list[str], tmp_path: Path) -> None:
    read = loaded(tmp_path, f"audit: {{export: {{{written}}}}}\n", BYTEPORT_API_URL="https://ledger.example")
    assert [kind.value for kind in read.audit.export.target] == kinds
    assert read.audit.export.api.url == "https://ledger.example"


def test_a_url_that_is_none_is_refused_by_its_setting(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        loaded(tmp_path, BYTEPORT_API_URL="http://ledger.example")
    assert refused.value.key == "audit.export.api.url"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {"s3": {"bucket": "another"}}),
        ({}, {"s3": {"prefix": "another"}}),
        ({}, {"s3": {"endpoint": "https://store.example"}}),
        ({}, {"gcs": {"bucket": "another"}}),
        ({}, {"gcs": {"endpoint": "https://store.example"}}),
        ({"webhook": {"url": "https://a.example/x"}}, {"webhook": {"url": "https://a.example/y"}}),
        ({"splunk": {"url": "https://a.example"}}, {"splunk": {"url": "https://b.example"}}),
        ({"splunk": {"url": "https://a.example"}}, {"splunk": {"url": "https://a.example", "index": "other"}}),
        ({"syslog": {"address": "a.example:6514"}}, {"syslog": {"address": "b.example:6514"}}),
        ({"file": {"folder": "/a"}}, {"file": {"folder": "/b"}}),
        ({"api": {"url": "https://a.example"}}, {"api": {"url": "https://b.example"}}),
    ],
    ids=str,
)
def test_a_cursor_is_one_of_a_place_and_what_else_is_set_there_leaves_it(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    (kind,) = other
    names = {
        ExportConfig.model_validate(config).cursor(TargetKind(kind), "uid-1")
        for config in (one, other, {**one, "proxy": "http://proxy.example:3128"})
    }
    assert len(names) == 2
    assert all(re.fullmatch(rf"{kind}@[0-9a-f]{{12}}", name) for name in names)


def test_the_default_bucket_by_its_name_is_the_same_place() -> None:
    named = ExportConfig.model_validate({"s3": {"bucket": "byteport-audit-uid-1"}})
    assert named.cursor(TargetKind.S3, "uid-1") == ExportConfig().cursor(TargetKind.S3, "uid-1")
