"""An identity provider whose documents are not what they should be lets nobody in, and is told as one that cannot be asked."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
import pytest

from byteport.serving import discovery
from byteport.serving.people import People
from byteport.serving.problems import Code, Problem

ISSUER = "https://login.example.com"
NOW = datetime(2026, 11, 27, tzinfo=UTC)


@pytest.mark.parametrize(
    "place",
    [
        None,
        3,
        "",
        "http://login.example.com/keys",
        "https://169.254.169.254/latest/meta-data",
        "https://[fe80::1]/keys",
        "https://0x7f.1/keys",
        "https://ada:secret@login.example.com/keys",
        "https://login.example.com:99999/keys",
        "https://login.example.com/k\u00e9ys",
        "https://login.example.com/a b",
        "https://[::1/keys",
    ],
    ids=str,
)
async def test_one_that_names_a_place_for_its_keys_that_is_not_spoken_to_is_one_that_cannot_be_asked(
    place: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def said(url: str, _: Path | None, **__: Any) -> bytes:
        asked.append(url)
        return json.dumps({"issuer": ISSUER, "jwks_uri": place}).encode()

    monkeypatch.setattr(discovery, "fetch", said)
    people = People(ISSUER, "byteport", None, "codec.issuer", now=lambda: NOW, clock=lambda: 0.0)
    token = jwt.encode({"iss": ISSUER, "aud": "byteport", "sub": "ada"}, "k" * 32, "HS256", headers={"kid": "1"})
    for _ in range(2):
        with pytest.raises(Problem) as refused:
            await people.identify(token)
        assert refused.value.code is Code.KEYS_UNAVAILABLE
    assert asked == [f"{ISSUER}/.well-known/openid-configuration"], "and it is not asked again at once"
