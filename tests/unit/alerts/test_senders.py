"""By what name a sender is known: the settings' own, whatever proves it, short, plain and nobody else's."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byteport.alerts import senders
from byteport.alerts.callers import MOST_TOKENS, TokensFile
from byteport.contracts.issuers import CertificateIdentity, TokenIdentity
from byteport.contracts.symptoms import OutsideSymptom
from byteport.errors import ConfigError

ONE, TWO, THREE = ("abc"[number] * 32 for number in range(3))


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    made = tmp_path / "tokens"
    made.touch(mode=0o600)
    return made


@pytest.mark.claim("C-930")
@pytest.mark.parametrize(
    ("text", "names"),
    [
        (ONE, [""]),
        (f"{ONE}\n\n  {TWO}  \n", ["", ""]),
        (f"prod {ONE}\nprod {TWO}\n", ["prod", "prod"]),
        (f"prod\t{ONE}\n{TWO}\n", ["prod", ""]),
        (f"am.eu-1   {ONE}", ["am.eu-1"]),
    ],
)
def test_a_line_is_a_token_or_its_senders_name_and_the_token(tokens: Path, text: str, names: list[str]) -> None:
    tokens.write_text(text)
    assert [one.name for one in TokensFile(tokens).current()] == names


@pytest.mark.parametrize(
    "text",
    [
        "",
        "short",
        f"prod {'x' * 31}",
        f"{'x' * 63} {'x' * 31}",
        f"Prod {ONE}",
        f"-prod {ONE}",
        f"{'p' * 64} {ONE}",
        f"a b {ONE}",
        f"prod|x {ONE}",
        f"{ONE} prod",
        "\n".join([ONE] * (MOST_TOKENS + 1)),
    ],
)
def test_a_line_that_is_neither_lets_nobody_in_and_is_not_repeated(tokens: Path, text: str) -> None:
    tokens.write_text(text)
    with pytest.raises(ConfigError) as refused:
        TokensFile(tokens).current()
    assert ONE not in str(refused.value)


def test_that_tokens_without_a_name_are_one_sender_is_said_once_for_each_change(
    tokens: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = TokensFile(tokens)
    with caplog.at_level(logging.WARNING):
        for text, said in ((f"{ONE}\nprod {TWO}", 0), (f"{ONE}\n{TWO}", 1), (f"{ONE}\n{TWO}\n{THREE}", 2)):
            tokens.write_text(text)
            for _ in range(3):
                file.current()
            assert len(caplog.records) == said
    assert ONE not in caplog.text


def test_each_kind_of_sender_has_its_own_names() -> None:
    assert senders.of_token("") == "token"
    assert senders.of_token("prod") == "token/prod"
    assert senders.of_topic("arn:aws:sns:eu-west-1:123456789012:runbooks") == (
        "sns/arn:aws:sns:eu-west-1:123456789012:runbooks"
    )
    spiffe = CertificateIdentity(spiffe="spiffe://mesh.example/monitoring/alertmanager")
    assert senders.of_certificate(spiffe) == f"certificate/{spiffe.spiffe}"
    ours = TokenIdentity(issuer="own", subject="system:serviceaccount:monitoring:alertmanager")
    assert senders.of_workload(ours) == f"workload/own/{ours.subject}"
    fingerprints = {senders.of_certificate(CertificateIdentity(sha256=one * 64)) for one in "abc"}
    assert len(fingerprints) == 3


@given(st.text(min_size=1, max_size=500), st.text(min_size=1, max_size=500))
def test_whatever_the_settings_say_a_name_is_short_plain_and_nobody_elses(one: str, other: str) -> None:
    names = [senders.of_workload(TokenIdentity(issuer="own", subject=subject)) for subject in (one, other)]
    assert (names[0] == names[1]) is (one == other)
    for name in names:
        assert OutsideSymptom.model_fields["sender"].metadata
        assert len(name) <= 100
        assert name.isascii()
        assert not set(name) & set(" |\n<>&`*_[]()") - {"_"}
