"""Holds in the enrolment file: what they are about, and what is no hold."""

from __future__ import annotations

import pytest
import yaml

from byteport.api.enrolment import Enrolment, parse
from byteport.audit.heads import Chain
from byteport.errors import ConfigError

UID = "11111111-2222-4333-8444-555555555555"
SECOND = "22222222-2222-4333-8444-555555555555"
IDENTITY = {"name": "a", "role": "reader", "tenant": "acme", "certificate": {"sha256": "0" * 64}}


def read(*holds: dict[str, object] | str) -> Enrolment:
    written = "\n".join(f"- {one}" if isinstance(one, str) else yaml.safe_dump([one]) for one in holds)
    return parse(f"{yaml.safe_dump({'identities': [IDENTITY]})}holds:\n{written}\n".encode(), "file")


def test_a_hold_is_about_a_tenant_or_one_of_its_chains() -> None:
    enrolment = read({"name": "all", "tenant": "acme"}, {"name": "one", "tenant": "acme", "cluster_uid": UID})

    def names(tenant: str, uid: str) -> list[str]:
        return [one.name for one in enrolment.holds_on(Chain(tenant=tenant, cluster_uid=uid))]

    assert names("acme", UID) == ["all", "one"]
    assert names("acme", SECOND) == ["all"]
    assert names("other", UID) == []


def test_times_are_read_as_they_are_usually_written() -> None:
    (hold,) = read(
        "{name: case-7, tenant: acme, since: 2026-03-01T00:00:00Z, until: '2026-04-01T00:00:00+02:00'}"
    ).holds
    assert hold.since is not None
    assert hold.until is not None
    assert (hold.since.isoformat(), hold.until.isoformat()) == (
        "2026-03-01T00:00:00+00:00",
        "2026-03-31T22:00:00+00:00",
    )


@pytest.mark.parametrize(
    "hold",
    [
        {"name": "x", "tenant": "acme", "since": "2026-03-01T00:00:00"},
        {"name": "x", "tenant": "acme", "since": "2026-03-02T00:00:00Z", "until": "2026-03-01T00:00:00Z"},
        {"name": "x", "tenant": "acme", "cluster": UID},
        {"name": "x"},
        {"name": "x", "tenant": "acme", "cluster_uid": "production"},
    ],
)
def test_what_says_no_time_no_tenant_or_something_unknown_is_refused_and_not_taken_for_less(
    hold: dict[str, object],
) -> None:
    with pytest.raises(ConfigError, match=r"holds\.0"):
        read(hold)


def test_a_tenant_whose_hold_alone_is_named_is_looked_after() -> None:
    assert read({"name": "x", "tenant": "gone"}).tenants == ("acme", "gone")
