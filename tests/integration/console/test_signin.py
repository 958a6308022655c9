"""Who gets in, by what, and what a browser is told: every step over TLS against a strict provider."""

import logging
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from temporalio.client import Client

from tests.integration.console.provider import SECRET, Provider
from tests.integration.console.room import Certificates, Room, Visitor, issuers, room
from tests.integration.ledger.world import INSTALLATION, World

pytestmark = pytest.mark.peers

LIES: tuple[dict[str, object], ...] = (
    {"aud": "another"},
    {"aud": ["byteport-console", "another"]},
    {"iss": "https://127.0.0.1:1"},
    {"nonce": "another"},
    {"exp": 1},
    {"iat": 1 << 35, "exp": 1 << 36},
    {"azp": "another"},
    {"sub": None},
)
PLACES = (
    "//evil.example/log",
    "https://evil.example",
    "/\\evil.example",
    "/log/../../x",
    "javascript:alert(1)",
    "/%0d%0aX: y",
    "/signout",
)
ELSEWHERE = (
    {"Origin": "https://evil.example"},
    {"Origin": ""},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
)


def asked(where: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(where).query).items()}


@pytest.mark.claim("C-446")
async def test_whoever_is_among_the_viewers_gets_in_and_out(visitor: Visitor, provider: Provider) -> None:
    status, _, answer = await visitor.get("/log")
    assert (status, answer.headers["Location"]) == (303, "/signin?to=/log")
    status, _, answer = await visitor.sign_in("ada")
    assert (status, answer.headers["Location"]) == (303, "/log")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-byteport=")
    assert {"HttpOnly", "Secure", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    status, page, _ = await visitor.get("/log")
    assert status == 200
    assert "keys of now" not in page
    assert provider.refusals == []
    status, page, _ = await visitor.post("/signout", {"form_token": visitor.form_token(page)})
    assert status == 200
    assert (await visitor.get("/log"))[0] == 303


@pytest.mark.claim("C-446")
async def test_whoever_is_not_among_the_viewers_sees_nothing(visitor: Visitor) -> None:
    status, page, _ = await visitor.sign_in("mallory")
    assert status == 403
    assert "not among those who may see" in page
    assert (await visitor.get("/log"))[0] == 303


@pytest.mark.claim("C-446")
async def test_a_claim_of_any_other_form_is_nobodys(visitor: Visitor, provider: Provider) -> None:
    for groups in (None, "sres", {"sre": True}, ["SRE"], [["sre"]], 7):
        provider.claims = {"groups": groups}
        assert (await visitor.sign_in("ada"))[0] == 403, groups


@pytest.mark.claim("C-447")
async def test_what_is_asked_of_the_provider_binds_the_answer_to_this_browser(visitor: Visitor, served: Room) -> None:
    first, second = asked(await visitor.to_provider()), asked(await visitor.to_provider())
    assert first["response_type"] == "code"
    assert first["code_challenge_method"] == "S256"
    assert first["redirect_uri"] == f"{served.url}/callback"
    assert all(first[name] != second[name] for name in ("state", "nonce", "code_challenge"))


@pytest.mark.claim("C-447")
async def test_a_way_back_that_another_browser_began_or_that_was_gone_once_is_refused(
    visitor: Visitor, served: Room
) -> None:
    back = await visitor.at_provider(await visitor.to_provider(), "ada")
    other = served.visitor()
    await other.to_provider()
    assert (await other.get(back))[0] == 403
    await other.http.close()
    assert (await visitor.get(back))[0] == 303
    assert (await visitor.get(back))[0] == 403


@pytest.mark.claim("C-447")
async def test_a_session_gets_a_new_name_when_somebody_signs_in(visitor: Visitor, served: Room) -> None:
    await visitor.to_provider()
    (before,) = [cookie.value for cookie in visitor.http.cookie_jar if cookie.key == "__Host-byteport"]
    await visitor.sign_in("ada")
    (after,) = [cookie.value for cookie in visitor.http.cookie_jar if cookie.key == "__Host-byteport"]
    assert before != after
    fixed = served.visitor()
    assert (await fixed.get("/log", headers={"Cookie": f"__Host-byteport={before}"}))[0] == 303
    await fixed.http.close()


@pytest.mark.claim("C-447")
async def test_a_token_that_is_not_for_this_sign_in_lets_nobody_in(visitor: Visitor, provider: Provider) -> None:
    for lie in LIES:
        provider.claims = lie
        assert (await visitor.sign_in("ada"))[0] == 403, lie


@pytest.mark.claim("C-447")
async def test_an_answer_of_another_provider_is_refused(visitor: Visitor, provider: Provider) -> None:
    provider.names_itself = "https://evil.example"
    assert (await visitor.sign_in("ada"))[0] == 403


async def test_the_provider_refuses_a_code_without_its_verifier(visitor: Visitor, provider: Provider) -> None:
    """The strictness of the provider itself, on which the rest leans."""
    back = await visitor.at_provider(await visitor.to_provider(), "ada")
    next(iter(provider.codes.values()))["code_challenge"] = "x" * 43
    assert (await visitor.get(back))[0] == 503
    assert provider.refusals == ["token: verifier or redirect_uri"]


async def test_a_new_key_of_the_provider_is_fetched_and_that_answers_would_not_be_taken_is_said(
    visitor: Visitor, provider: Provider
) -> None:
    provider.rotate()
    assert (await visitor.sign_in("ada"))[0] == 303
    assert "keys of now" in (await visitor.get("/log"))[1]


@pytest.mark.claim("C-448")
async def test_a_sign_in_leads_back_to_a_page_of_ours_and_to_no_other_place(visitor: Visitor) -> None:
    for to in PLACES:
        status, _, answer = await visitor.sign_in("ada", "/signin?" + urlencode({"to": to}))
        assert (status, answer.headers["Location"]) == (303, "/"), to


@pytest.mark.claim("C-448")
async def test_a_form_from_elsewhere_does_nothing(visitor: Visitor) -> None:
    await visitor.sign_in("ada")
    token = visitor.form_token((await visitor.get("/log"))[1])
    for headers in ELSEWHERE:
        assert (await visitor.post("/signout", {"form_token": token}, **headers))[0] == 403, headers
    assert (await visitor.post("/signout", {"form_token": "guessed"}))[0] == 403
    assert (await visitor.get("/log"))[0] == 200


@pytest.mark.claim("C-448")
async def test_a_form_whose_token_is_of_another_session_does_nothing(visitor: Visitor, served: Room) -> None:
    await visitor.sign_in("ada")
    grace = served.visitor()
    await grace.sign_in("grace")
    fields = {"form_token": grace.form_token((await grace.get("/log"))[1])}
    await grace.http.close()
    assert (await visitor.post("/signout", fields))[0] == 403


@pytest.mark.claim("C-448")
async def test_no_page_can_be_framed_kept_or_run_a_script(visitor: Visitor) -> None:
    await visitor.sign_in("ada")
    for path in ("/log", "/nothing", "/style.css"):
        _, page, answer = await visitor.get(path)
        policy = answer.headers.getall("Content-Security-Policy")
        assert policy == [
            "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        ]
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Strict-Transport-Security"].startswith("max-age=")
        assert answer.headers.getall("Referrer-Policy") == ["same-origin"]
        assert path == "/style.css" or answer.headers.getall("Cache-Control") == ["no-store"]
        assert "<script" not in page
        assert "style=" not in page


@pytest.mark.claim("C-449")
async def test_review_13_names_that_somebody_chose_do_nothing_on_the_page(visitor: Visitor) -> None:
    await visitor.sign_in("ada")
    _, page, _ = await visitor.get("/log")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert not {"\u202e", "\x1b"} & set(page)


async def test_the_log_is_shown_with_its_verdicts_some_records_at_a_time(visitor: Visitor) -> None:
    await visitor.sign_in("ada")
    _, page, _ = await visitor.get("/log")
    assert "30 records" in page
    assert page.count('<time datetime="') == 25
    older = page.split('href="/log?after=')[1].split('"')[0]
    _, rest, _ = await visitor.get(f"/log?after={older}")
    assert rest.count('<time datetime="') == 5
    assert (await visitor.get("/log?after=x%27--"))[0] == 400


@pytest.mark.claim("C-450")
async def test_a_session_that_asks_too_much_is_told_to_wait(visitor: Visitor) -> None:
    await visitor.sign_in("ada")
    for _ in range(2000):
        status, _, answer = await visitor.get("/runs/no-run")
        if status != 404:
            break
    assert status == 429
    assert int(answer.headers["Retry-After"]) >= 1


@pytest.mark.claim("C-450")
async def test_a_form_that_is_too_large_is_not_read(visitor: Visitor) -> None:
    await visitor.sign_in("ada")
    page = (await visitor.get("/log"))[1]
    assert (await visitor.post("/signout", {"form_token": visitor.form_token(page), "more": "x" * 20_000}))[0] == 413


@pytest.mark.claim("C-447")
async def test_nothing_of_a_sign_in_is_in_a_log_line(
    visitor: Visitor, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "byteport")
    back = await visitor.at_provider(await visitor.to_provider(), "ada")
    await visitor.get(back)
    await visitor.get(back)
    provider.claims = {"nonce": "another"}
    await visitor.sign_in("ada")
    (state, code) = (asked(back)[name] for name in ("state", "code"))
    assert caplog.text
    assert not [one for one in (state, code, SECRET, *provider.tokens) if one in caplog.text]


@pytest.mark.claim("C-453")
async def test_whoever_was_taken_out_of_the_list_since_takes_nothing_over(
    visitor: Visitor, provider: Provider, tmp_path: Path
) -> None:
    await visitor.sign_in("ada")
    _, page, _ = await visitor.get("/log")
    issuers(tmp_path, provider, {"sub-grace": "grace"})
    fields = {"form_token": visitor.form_token(page), "note": "mine"}
    status, page, _ = await visitor.post("/runs/remediate:uid-1:shop:Deployment:web:bad_rollout/acknowledge", fields)
    assert status == 403
    assert "only people whom the list of approvers names" in page.lower()


@pytest.mark.claim("C-446")
async def test_an_address_that_the_provider_has_not_verified_lets_nobody_see(
    tmp_path: Path, provider: Provider, tls: Certificates
) -> None:
    (tmp_path / "ledger").mkdir()
    world = World(tmp_path / "ledger")
    nowhere = await Client.connect("127.0.0.1:1", lazy=True)
    may_see: dict[str, Any] = {"viewers_claim": "email", "viewers": ["ada@example.com"]}
    async with room(tmp_path, provider, tls, nowhere, INSTALLATION, world.log, **may_see) as served:
        visitor = served.visitor()
        for verified, expected in ((None, 403), ("true", 403), (True, 303)):
            provider.claims = {"email": "ada@example.com", "email_verified": verified}
            assert (await visitor.sign_in("ada"))[0] == expected, verified
        await visitor.http.close()
    world.store.close()


async def test_a_run_of_another_installation_is_not_taken_over_here(visitor: Visitor) -> None:
    await visitor.sign_in("ada")
    _, page, _ = await visitor.get("/log")
    fields = {"form_token": visitor.form_token(page), "note": "mine"}
    status, page, _ = await visitor.post("/runs/remediate:uid-10:shop:Deployment:web:bad_rollout/acknowledge", fields)
    assert (status, "another installation" in page) == (403, True)
