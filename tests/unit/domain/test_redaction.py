"""Secrets become `[REDACTED]` whatever they hide in, and what is none stays readable."""

from __future__ import annotations

import base64
import json
import shlex
import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byteport.domain.redaction import REDACTED, redact

SECRET = "hunter2!Xy/+=&%"

printable = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_categories=["Cs", "Cc"]), max_size=60)
secrets = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_categories=["Cs", "Cc", "Zs"]), min_size=8, max_size=24
).filter(lambda word: not set(word) <= set("[]REDACT"))


@pytest.mark.claim("C-105")
@pytest.mark.parametrize(
    "text",
    [
        "mysql --password S3cr3tValue -h db",
        "tool --password=S3cr3tValue",
        "tool --db-password 'S3cr3tValue'",
        'tool --api-key="S3cr3tValue"',
        "tool -token S3cr3tValue",
        "DB_PASSWORD=S3cr3tValue ./run",
        "export AWS_SECRET_ACCESS_KEY=S3cr3tValue",
        "spring.datasource.password: S3cr3tValue",
        "dbPass=S3cr3tValue",
        "apiKey: S3cr3tValue",
        '{"password": "S3cr3tValue", "user": "u"}',
        "{'client_secret': 'S3cr3tValue'}",
        '{\\"token\\": \\"S3cr3tValue\\"}',
        'password="a \\" S3cr3tValue" x',
        "password => S3cr3tValue",
        "postgres://app:S3cr3tValue@db:5432/shop",
        "redis://:S3cr3tValue@cache",
        "amqp://u:p@S3cr3tValue@mq/vhost",
        "amqp://u:p/S3cr3tValue@mq/vhost",
        "https://S3cr3tValue@git.example/x.git",
        "Authorization: Bearer S3cr3tValue",
        'curl -H "Authorization: Basic S3cr3tValue" https://x',
        "curl -u me:S3cr3tValue https://x",
        "Cookie: session=S3cr3tValue; other=S3cr3tValue",
        "sshpass -p S3cr3tValue ssh host",
        "redis-cli -h cache -a S3cr3tValue ping",
        "mysql -uroot -pS3cr3tValue shop",
        "kubectl create secret generic x --from-literal=user=S3cr3tValue",
        "helm upgrade x --set auth.user=S3cr3tValue",
        "https://acct.blob.example/c?sv=1&sig=S3cr3tValue&se=2",
        "DefaultEndpointsProtocol=https;AccountKey=S3cr3tValue;x",
        "PASSWORD = S3cr3tValue",
        "--set-string tls.key=S3cr3tValue",
    ],
)
def test_a_secret_in_its_usual_place_is_masked(text: str) -> None:
    masked = redact(text)
    assert "S3cr3tValue" not in masked
    assert REDACTED in masked


@pytest.mark.claim("C-105")
@pytest.mark.parametrize(
    "token",
    [
        "AKIA" + "A1B2C3D4E5F6G7H8",
        "ghp_" + "a1B2" * 9,
        "github_pat_" + "a1B2" * 9,
        "glpat-" + "a1B2" * 5,
        "xoxb-" + "1234567890-abcdef",
        "sk_live_" + "a1B2" * 6,
        "sk-" + "a1B2" * 8,
        "AIza" + "a1B2" * 9,
        "hvs." + "a1B2" * 7,
        "npm_" + "a1B2" * 9,
        "dop_v1_" + "ab12" * 16,
        "SG." + "a1B2" * 5 + "." + "a1B2" * 8,
        "hf_" + "a1B2" * 8,
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
        "https://hooks.slack.com/services/T0/B0/a1B2c3",
        "AGE-SECRET-KEY-1" + "A1B2" * 10,
        "abcdef.0123456789abcdef",
        "-----BEGIN RSA PRIVATE KEY----- MIIEow abc -----END RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY----- cut off in the midd",
    ],
)
def test_a_providers_token_is_known_by_its_form(token: str) -> None:
    masked = redact(f"seen {token} here")
    assert token.rpartition("/")[2][:24] not in masked
    assert masked.startswith("seen ")
    assert REDACTED in masked


@pytest.mark.claim("C-105")
@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        json.dumps(SECRET),
        urllib.parse.quote(SECRET, safe=""),
        urllib.parse.quote_plus(SECRET),
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
        SECRET.encode().hex(),
        SECRET.encode().hex().upper(),
        shlex.quote(SECRET),
    ],
)
def test_a_known_value_is_masked_in_every_encoding(form: str) -> None:
    assert REDACTED in redact(f"a {form} b", [SECRET])
    assert form.strip("\"'=") not in redact(f"a {form} b", [SECRET])


@given(st.binary(max_size=7), secrets, st.binary(max_size=7))
def test_a_known_value_is_masked_inside_longer_base64(before: bytes, secret: str, after: bytes) -> None:
    blob = base64.b64encode(before + secret.encode() + after).decode()
    masked = redact(blob, [secret])
    assert REDACTED in masked
    left = "".join(masked.split(REDACTED)).rstrip("=")
    assert len(left) <= len(blob) - (len(secret.encode()) - 2) * 4 // 3 + 4


@pytest.mark.claim("C-105")
@given(printable, secrets, printable)
def test_a_known_value_never_comes_through(before: str, secret: str, after: str) -> None:
    assert secret not in "".join(redact(before + secret + after, [secret]).split(REDACTED))


def test_a_key_of_several_lines_is_masked_line_by_line() -> None:
    key = "first-line-of-key\nsecond-line-of-key"
    assert redact("got second-line-of-key alone", [key]) == f"got {REDACTED} alone"


def test_an_empty_known_value_masks_nothing() -> None:
    assert redact("kubectl get pods", ["", "  "]) == "kubectl get pods"


@pytest.mark.parametrize(
    "text",
    [
        "kubectl rollout undo deployment/web -n shop --to-revision=3",
        "kubectl delete pod web-7b9f4c8d66-s8d7f -n shop",
        "byteport approve " + "0123456789abcdef" * 4,
        "sha256:" + "ab" * 32,
        "d0000000-0000-4000-8000-000000000001",
        "2026-03-10T09:00:00.000Z",
        "registry.example/shop/web:1.2.3@sha256:" + "ab" * 32,
        "approved: the compass needle, the passenger list and the tokenizer are fine",
        "rolled back at 03:12, ticket CHG-0001",
        "https://git.example/org/repo@v1",
        "kubectl logs web-1 -c web --previous -n shop",
        "secret",
        "",
    ],
)
def test_what_is_no_secret_stays_readable(text: str) -> None:
    assert redact(text) == text


def test_what_comes_after_a_secret_stays() -> None:
    assert redact("tool --password S3cr3t -h db") == f"tool --password {REDACTED} -h db"
    assert redact('{"password": "S3cr3t", "user": "u"}') == f'{{"password": {REDACTED}, "user": "u"}}'
    assert redact("postgres://app:S3cr3t@db:5432/shop") == f"postgres://{REDACTED}@db:5432/shop"
