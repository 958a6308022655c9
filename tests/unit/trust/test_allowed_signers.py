"""The `allowed_signers` file, and the list of revoked keys: what is read, and what is refused by name."""

from datetime import UTC, datetime

import pytest

from byteport.errors import ConfigError
from byteport.trust.allowed_signers import parse_allowed_signers, parse_revoked_keys
from byteport.trust.private_keys import new_private_key

KEY = new_private_key().public_key
OTHER = new_private_key().public_key


def refused(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_allowed_signers(text.encode())
    assert caught.value.key == "approvals.allowed_signers"
    return caught.value.message


def test_a_line_of_git_is_read_with_comments_and_blank_lines_around_it() -> None:
    file = parse_allowed_signers(f"# ours\n\n  ada@example.com {KEY.line} laptop of ada\r\n".encode())
    (entry,) = file.entries
    assert (entry.names, entry.key, entry.namespaces) == (("ada@example.com",), KEY, None)
    assert entry.covers("byteport-approval")


def test_options_are_read_in_any_case_and_order() -> None:
    text = f'ada Valid-Before="20270101Z",NAMESPACES="git,byteport-*",valid-after="202601011230Z" {KEY.line}'
    (entry,) = parse_allowed_signers(text.encode()).entries
    assert entry.valid_after == datetime(2026, 1, 1, 12, 30, tzinfo=UTC)
    assert entry.valid_before == datetime(2027, 1, 1, tzinfo=UTC)
    assert entry.covers("byteport-approval")
    assert entry.covers("git")
    assert not entry.covers("file")


def test_a_negated_namespace_is_not_covered() -> None:
    (entry,) = parse_allowed_signers(f'ada namespaces="*,!git" {KEY.line}'.encode()).entries
    assert entry.covers("byteport-approval")
    assert not entry.covers("git")


def test_brackets_in_a_namespace_are_no_pattern() -> None:
    (entry,) = parse_allowed_signers(f'ada namespaces="g[i]t" {KEY.line}'.encode()).entries
    assert not entry.covers("git")
    assert entry.covers("g[i]t")


def test_quoted_names_may_hold_spaces_and_aliases() -> None:
    file = parse_allowed_signers(f'"Ada Lovelace,ada" {KEY.line}\n"Ada Lovelace" {OTHER.line}'.encode())
    assert file.people() == {"Ada Lovelace"}
    assert file.person("ada") == "Ada Lovelace"
    assert file.person("bob") == "bob"


def test_an_empty_file_allows_nobody() -> None:
    assert parse_allowed_signers(b"").entries == ()


def test_a_key_of_two_people_is_refused() -> None:
    assert "is given to ada and to bob" in refused(f"ada {KEY.line}\nbob {KEY.line}")


def test_an_alias_of_two_people_is_refused() -> None:
    assert "names both" in refused(f"ada,ops {KEY.line}\nbob,ops {OTHER.line}")


@pytest.mark.parametrize("pattern", ["*", "*@example.com", "ada,!bob", "a?a"])
def test_a_pattern_is_no_person(pattern: str) -> None:
    assert "patterns cannot be counted" in refused(f"{pattern} {KEY.line}")


@pytest.mark.parametrize("option", ["cert-authority", 'cert-authority,namespaces="git"', "CERT-AUTHORITY"])
def test_a_certificate_authority_is_refused_by_name(option: str) -> None:
    assert "line 1: certificate authorities" in refused(f"ada {option} {KEY.line}")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("ada", "must be: principal"),
        ("ada ssh-ed25519", "no public key"),
        ('ada verify-required="x" KEY', "unknown option"),
        ("ada no-touch-required,namespaces KEY", "unknown option"),
        ("ada namespaces KEY", 'namespaces="…"'),
        ('ada namespaces="git",namespaces="file" KEY', "once"),
        ('ada valid-before="20270101" KEY', "in UTC"),
        ('ada valid-before="2027-01-01Z" KEY', "in UTC"),
        ('ada valid-before="20271301Z" KEY', "is no date"),
        ("ada ssh-ed25519 notbase64!", "not base64"),
        ("ada ssh-rsa " + KEY.line.split()[1], "says 'ssh-rsa'"),
        ("ada ssh-dss AAAAB3NzaC1kc3M=", "not supported"),
        ("ada ssh-ed25519 " + KEY.line.split()[1][:-8], "ends too early"),
    ],
    ids=lambda text: text[:18],
)
def test_a_line_that_cannot_be_read_is_named(line: str, said: str) -> None:
    message = refused("# a comment\n" + line.replace("KEY", KEY.line))
    assert "line 2" in message
    assert said in message


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(ConfigError, match="not UTF-8"):
        parse_allowed_signers(b"\xff\xfe")


def test_revoked_keys_are_read_one_a_line() -> None:
    revoked = parse_revoked_keys(f"# lost laptop\n{KEY.line} ada\n".encode())
    assert revoked.holds(KEY)
    assert not revoked.holds(OTHER)


def test_a_binary_revocation_list_is_refused_with_what_to_do_instead() -> None:
    with pytest.raises(ConfigError, match="binary KRL; list the revoked public keys"):
        parse_revoked_keys(b"SSHKRL\n\0" + bytes(40))


def test_a_revoked_line_that_cannot_be_read_is_an_error_and_never_skipped() -> None:
    with pytest.raises(ConfigError, match=r"approvals\.revoked_keys: line 1"):
        parse_revoked_keys(b"SHA256:abc\n")
