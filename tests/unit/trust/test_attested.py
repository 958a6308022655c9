"""Whether an answer that an identity provider attests holds now: replayed, forged, stale, too late, by the wrong person."""

import base64
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byteport.domain.approvals import Answer, ApprovalRequest, Least, NotTaken, Rejection, SignedAnswer, Taken
from byteport.domain.reasons import Reason
from byteport.errors import ConfigError
from byteport.trust.allowed_signers import RevokedKeys, parse_allowed_signers
from byteport.trust.answers import quorum_met, verify_answers
from byteport.trust.attested_issuers import Attesters, parse_issuers, parse_keys
from byteport.trust.files import SignersFiles
from tests.unit.trust.people import NOW, allowing, person, request
from tests.unit.trust.providers import KIND, Provider, private_key, public_jwk

LOGIN = Provider()
LISTED = LOGIN.listed()
ADA = person("ada")


def verdicts(
    answers: list[SignedAnswer],
    asked: ApprovalRequest | None = None,
    listed: Attesters = LISTED,
    *,
    later: timedelta = timedelta(seconds=10),
    least: Least = Least.ATTESTED,
    first_heard: bool = True,
    aliases: str = "",
) -> tuple[Taken | NotTaken, ...]:
    allowed = parse_allowed_signers(aliases.encode()) if aliases else allowing(ADA)
    return verify_answers(
        answers,
        asked or request(),
        allowed=allowed,
        revoked=RevokedKeys(),
        now=NOW + later,
        auto_possible=False,
        accept_unsigned=False,
        attesters=listed,
        least=least,
        first_heard=first_heard,
    )


def because(
    answer: SignedAnswer, asked: ApprovalRequest | None = None, listed: Attesters = LISTED, **how: Any
) -> object:
    (verdict,) = verdicts([answer], asked, listed, **how)
    assert isinstance(verdict, NotTaken), verdict
    return verdict.because


@pytest.mark.claim("C-440")
@pytest.mark.parametrize("algorithm", list(KIND))
def test_a_token_made_for_exactly_this_answer_is_its_persons_yes(algorithm: str) -> None:
    (verdict,) = verdicts([LOGIN.answers(request(), algorithm=algorithm)])
    assert isinstance(verdict, Taken), verdict
    assert (verdict.principal, verdict.answer, verdict.signed) == ("ada", Answer.APPROVE, False)
    assert verdict.attested_by == LOGIN.issuer
    assert verdict.proven
    assert (verdict.key_fingerprint or "").startswith("jwk SHA256:")


@pytest.mark.claim("C-440")
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"tenant": "umbrella"}, Rejection.OTHER_TENANT),
        ({"cluster_uid": "22222222-2222-4222-8222-222222222222"}, Rejection.OTHER_CLUSTER),
        ({"plan_digest": "b" * 64}, Rejection.OTHER_PLAN),
        ({"incident_id": "inc-000000000000000000000002"}, Rejection.OTHER_INCIDENT),
        ({"reasons": (Reason.MODE_DRY_RUN, Reason.FROZEN)}, Rejection.OTHER_PLAN),
    ],
)
def test_review_9_an_attested_answer_cannot_be_replayed_elsewhere(
    changes: dict[str, object], expected: Rejection
) -> None:
    assert because(LOGIN.answers(request()), request(**changes)) is expected


@pytest.mark.claim("C-440")
def test_review_9_a_token_attests_one_text_and_no_other() -> None:
    """A yes to another plan, a no made a yes, the same yes with another random id: none of them is what was attested."""
    said = LOGIN.answers(request())
    others = [
        LOGIN.answers(request(plan_digest="b" * 64)),
        LOGIN.answers(request(), answer=Answer.REJECT),
        LOGIN.answers(request(), number=2),
    ]
    for other in others:
        assert because(said.model_copy(update={"token": other.token})) is Rejection.OTHER_ANSWER
    assert because(LOGIN.answers(request(), nonce=None)) is Rejection.OTHER_ANSWER


@pytest.mark.claim("C-440")
def test_review_9_the_same_attested_answer_twice_counts_once() -> None:
    answer = LOGIN.answers(request())
    first, again = verdicts([answer, answer], request(quorum=2))
    assert isinstance(first, Taken)
    assert isinstance(again, NotTaken)
    assert again.because is Rejection.ALREADY_ANSWERED
    assert not quorum_met((first, again), 2)


@pytest.mark.claim("C-441")
@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"aud": "another-client"}, Rejection.UNKNOWN_ISSUER),
        ({"aud": [LOGIN.client, "another-client"]}, Rejection.MALFORMED),
        ({"azp": "another-client"}, Rejection.MALFORMED),
        ({"iss": "https://login.example.com/umbrella"}, Rejection.UNKNOWN_ISSUER),
        ({"sub": "sub-mallory"}, Rejection.NOT_AN_APPROVER),
        ({"sub": ["sub-ada"]}, Rejection.NOT_AN_APPROVER),
        ({"auth_time": None}, Rejection.STALE_SIGN_IN),
        ({"auth_time": int(NOW.timestamp()) - 3600}, Rejection.STALE_SIGN_IN),
        ({"iat": int(NOW.timestamp()) - 3600}, Rejection.STALE_SIGN_IN),
        ({"iat": None}, Rejection.MALFORMED),
        ({"exp": None}, Rejection.MALFORMED),
        ({"exp": True}, Rejection.MALFORMED),
        ({"iat": 1e300}, Rejection.MALFORMED),
        ({"iat": int(NOW.timestamp()) + 3600, "exp": int(NOW.timestamp()) + 7200}, Rejection.NOT_YET_VALID),
    ],
)
def test_a_token_with_one_claim_wrong_is_refused(claims: dict[str, Any], expected: Rejection) -> None:
    assert because(LOGIN.answers(request(), **claims)) is expected


@pytest.mark.claim("C-441")
def test_a_sign_in_of_hours_ago_attests_nothing_however_early_the_text_claims_to_begin() -> None:
    """A page that lies can date its text back, and fetch a token without the person by a session at the provider."""
    earlier = NOW - timedelta(hours=3)
    answer = LOGIN.answers(request(), at=earlier, iat=int(NOW.timestamp()), exp=int(NOW.timestamp()) + 300)
    for first_heard in (True, False):
        assert because(answer, first_heard=first_heard) is Rejection.STALE_SIGN_IN


@pytest.mark.claim("C-441")
def test_review_9_a_forged_token_is_refused() -> None:
    """Another key under the known id, no signature, the public key as a shared secret, a claim exchanged in it."""
    answer = LOGIN.answers(request())
    claims = LOGIN.claims(answer.text)
    header, body, signature = str(answer.token).split(".")

    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    forged = {
        "another key": LOGIN.token(claims, number=1),
        "none": f"{part({'alg': 'none', 'kid': 'RSA-0'})}.{part(claims)}.",
        "HS256": f"{part({'alg': 'HS256', 'kid': 'RSA-0'})}.{body}.{signature}",
        "unknown key": f"{part({'alg': 'RS256', 'kid': 'RSA-7'})}.{body}.{signature}",
        "another algorithm": f"{part({'alg': 'PS256', 'kid': 'RSA-0'})}.{body}.{signature}",
        "another person": f"{header}.{part({**claims, 'sub': 'sub-bob'})}.{signature}",
    }
    for name, token in forged.items():
        assert because(answer.model_copy(update={"token": token})) is Rejection.BAD_SIGNATURE, name


@given(st.text(max_size=200) | st.from_regex(r"\A[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,60}\.[A-Za-z0-9_-]{0,40}\Z"))
def test_review_24_what_is_no_token_is_refused_and_nothing_breaks(token: str) -> None:
    answer = LOGIN.answers(request()).model_copy(update={"token": token})
    assert because(answer) in (Rejection.MALFORMED, Rejection.UNKNOWN_ISSUER, Rejection.BAD_SIGNATURE)


def test_a_token_nested_without_end_is_refused() -> None:
    deep = base64.urlsafe_b64encode(b'{"alg":"RS256","kid":' + b"[" * 5000 + b"]" * 5000 + b"}").rstrip(b"=").decode()
    answer = LOGIN.answers(request()).model_copy(update={"token": f"{deep}.e30.AAAA"})
    assert because(answer) is Rejection.MALFORMED


def test_an_answer_with_a_signature_and_a_token_is_neither() -> None:
    both = ADA.says(request()).model_copy(update={"token": LOGIN.answers(request()).token})
    assert because(both) is Rejection.MALFORMED


@pytest.mark.claim("C-442")
def test_review_9_whoever_was_taken_out_of_the_list_has_given_no_answer() -> None:
    without = Provider(people={"sub-bob": "bob"}).listed()
    assert because(LOGIN.answers(request()), listed=without, first_heard=False) is Rejection.NOT_AN_APPROVER


@pytest.mark.claim("C-442")
def test_a_provider_or_a_key_that_was_taken_out_voids_what_it_attested() -> None:
    answer = LOGIN.answers(request())
    assert because(answer, listed=Attesters()) is Rejection.UNKNOWN_ISSUER
    assert because(answer, listed=LOGIN.listed(Provider.jwks("EC"))) is Rejection.BAD_SIGNATURE


@pytest.mark.claim("C-442")
@pytest.mark.parametrize(
    ("later", "first_heard", "expected"),
    [
        (timedelta(hours=4), False, Rejection.EXPIRED),
        (timedelta(hours=1), True, Rejection.EXPIRED),
        (timedelta(hours=-1), True, Rejection.NOT_YET_VALID),
        (timedelta(hours=-1), False, Rejection.NOT_YET_VALID),
    ],
)
def test_review_9_an_attested_answer_holds_only_in_its_time_by_whoevers_clock(
    later: timedelta, *, first_heard: bool, expected: Rejection
) -> None:
    assert because(LOGIN.answers(request()), later=later, first_heard=first_heard) is expected


@pytest.mark.claim("C-442")
def test_a_token_that_ended_after_it_was_heard_still_holds_at_the_act() -> None:
    (verdict,) = verdicts([LOGIN.answers(request())], later=timedelta(hours=1), first_heard=False)
    assert isinstance(verdict, Taken)


@pytest.mark.claim("C-443")
def test_review_9_whoever_asked_cannot_answer_through_the_browser_either() -> None:
    assert because(LOGIN.answers(request()), request(requester="ada")) is Rejection.REQUESTER


@pytest.mark.claim("C-443")
def test_one_person_with_a_key_and_a_token_is_one_person() -> None:
    both = verdicts([ADA.says(request(quorum=2)), LOGIN.answers(request(quorum=2))], request(quorum=2))
    assert [isinstance(verdict, Taken) for verdict in both] == [True, False]
    assert not quorum_met(both, 2)
    bob = LOGIN.answers(request(quorum=2), "sub-bob")
    assert quorum_met(verdicts([ADA.says(request(quorum=2)), bob], request(quorum=2)), 2)


@pytest.mark.claim("C-443")
def test_an_alias_in_the_list_of_providers_is_the_person_that_it_names() -> None:
    line = ADA.line.replace("ada ", "ada,ada@example.com ", 1)
    aliased = Provider(people={"sub-ada": "ada@example.com"}).listed()
    (verdict,) = verdicts([LOGIN.answers(request())], listed=aliased, aliases=line)
    assert isinstance(verdict, Taken)
    assert verdict.principal == "ada"


@pytest.mark.claim("C-443")
@pytest.mark.parametrize("names", [("Ada",), ("\uff41da",), ("Bob", "bob")])
def test_a_name_that_is_written_in_two_ways_is_refused_before_one_person_counts_twice(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    listed = Provider(people={f"sub-{number}": name for number, name in enumerate(names)}).mount(tmp_path)
    allowed = tmp_path / "allowed_signers"
    allowed.write_text(ADA.line + "\n")
    with pytest.raises(ConfigError, match=r"approvals\.issuers.*would be two people"):
        SignersFiles(allowed, None, listed).read()
    allowed.write_text(ADA.line.replace("ada ", "ada,Ada ", 1) + "\n")
    either = Provider(people={"sub-ada": "ada", "sub-2": "Ada"}).mount(tmp_path)
    signers = SignersFiles(allowed, None, either).read()
    assert {signers.allowed.person(name) for name in signers.attesters.people()} == {"ada"}


@pytest.mark.claim("C-444")
def test_a_runbook_takes_signatures_only_unless_its_rule_says_otherwise() -> None:
    assert because(LOGIN.answers(request()), least=Least.SIGNED) is Rejection.TOO_WEAK
    (signed,) = verdicts([ADA.says(request())], least=Least.ATTESTED)
    assert isinstance(signed, Taken)
    assert signed.signed


def test_an_address_counts_only_when_the_provider_has_verified_it() -> None:
    by_email = Provider(people={"ada@example.com": "ada"}, claim="email")
    claims: dict[str, Any] = {"email": "ada@example.com"}
    assert because(by_email.answers(request(), **claims), listed=by_email.listed()) is Rejection.NOT_AN_APPROVER
    (verdict,) = verdicts([by_email.answers(request(), **claims, email_verified=True)], listed=by_email.listed())
    assert isinstance(verdict, Taken)


def test_an_algorithm_that_the_provider_is_not_listed_with_is_refused() -> None:
    only = Provider(algorithms=("ES256",))
    assert because(LOGIN.answers(request()), listed=only.listed()) is Rejection.BAD_SIGNATURE


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("issuers: 3", "issuers"),
        ("{}", "issuers"),
        ("issuers: [{issuer: 'http://x.example', client_id: c, keys: k, people: {}}]", "issuers.0.issuer"),
        ("issuers: [{issuer: 'https://x.example', client_id: c, keys: ../k, people: {}}]", "issuers.0.keys"),
        ("issuers: [{issuer: 'https://x.example', client_id: c, keys: k, people: {a: '*'}}]", "one person's name"),
        ("issuers: [{issuer: 'https://x.example', client_id: c, keys: k, people: {}, any: 1}]", "any"),
        (
            "issuers: [{issuer: 'https://x.example', client_id: c, keys: k, people: {}, algorithms: [HS256]}]",
            "algorithms",
        ),
        ("issuers: [{issuer: 'https://x.example', client_id: c, keys: k, people: {a: b, a: c}}]", "twice"),
        ("issuers: [{issuer: 'https://x.example', client_id: c, keys: k, people: {a: 'ada '}}]", "no space"),
        (
            "issuers: [{issuer: 'https://x.example', client_id: c, keys: k, people: {}, claim: preferred_username}]",
            "sub",
        ),
        ("issuers: [" + "{issuer: 'https://x.example', client_id: c, keys: k, people: {}}, " * 2 + "]", "twice"),
        ("[" * 200, "nested"),
    ],
)
def test_a_list_of_providers_that_cannot_be_meant_names_what_is_wrong(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=r"approvals\.issuers") as caught:
        parse_issuers(text.encode())
    assert says in str(caught.value)


def test_only_public_keys_of_the_kinds_that_are_taken_are_read() -> None:
    weak = [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "one"},
        {**public_jwk("EC"), "crv": "P-384"},
        {**public_jwk("RSA"), "use": "enc"},
        {name: value for name, value in public_jwk("RSA").items() if name != "kid"},
        {**public_jwk("OKP"), "alg": "HS256"},
        "no key",
    ]
    for one in weak:
        with pytest.raises(ConfigError):
            parse_keys(json.dumps({"keys": [one]}).encode(), "k")
    (key,) = parse_keys(json.dumps({"keys": [*weak, public_jwk("RSA")]}).encode(), "k")
    assert key.algorithms == {"RS256", "PS256"}
    assert private_key("RSA", 0).public_key() == key.key.key
