"""The ledger's grant: one act, one target, one cluster, until then; refused in any other hand."""

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from byteport.domain.warrants import Grant, GrantBody
from byteport.errors import ConfigError, NotPermitted, PreconditionFailed
from byteport.trust.grants import Call, GrantSigner, GrantVerifier
from byteport.trust.private_keys import new_private_key, private_key
from tests.unit.trust.people import NOW

SIGNER = GrantSigner(new_private_key())
VERIFIER = GrantVerifier(SIGNER.public_key)
BODY = GrantBody(
    action_id="a" * 64,
    act="kubernetes.delete_pod",
    arguments_digest="b" * 64,
    plan_digest="c" * 64,
    cluster_uid="uid-1",
    record_hash="sha256:" + "d" * 64,
    seq=7,
    lease_until=NOW + timedelta(seconds=60),
    again=False,
)
GRANT = SIGNER.sign(BODY)
CALL = Call(
    act=BODY.act,
    action_id=BODY.action_id,
    arguments_digest=BODY.arguments_digest,
    plan_digest=BODY.plan_digest,
    cluster_uid=BODY.cluster_uid,
    client_timeout=timedelta(seconds=12),
)


def admit(grant: Grant = GRANT, call: Call = CALL, *, later: float = 0) -> None:
    VERIFIER.admit(grant, call, now=NOW + timedelta(seconds=later))


def test_the_call_that_was_granted_is_admitted_until_its_lease_would_end_first() -> None:
    admit(later=48)
    with pytest.raises(PreconditionFailed, match="lease"):
        admit(later=48.001)


@pytest.mark.claim("C-072")
@pytest.mark.parametrize(
    ("field", "what"),
    [
        ("act", "act"),
        ("action_id", "action"),
        ("arguments_digest", "target or arguments"),
        ("plan_digest", "plan"),
        ("cluster_uid", "cluster"),
    ],
)
def test_any_other_call_is_refused(field: str, what: str) -> None:
    other = Call(**{**CALL.__dict__, field: "x"})
    with pytest.raises(NotPermitted, match=f"another {what}"):
        admit(call=other)


@pytest.mark.parametrize("field", GrantBody.model_fields)
def test_a_body_changed_after_it_was_signed_is_refused(field: str) -> None:
    values = {"seq": 8, "lease_until": NOW + timedelta(days=1), "again": True}
    forged = GRANT.model_copy(update={"body": BODY.model_copy(update={field: values.get(field, "x")})})
    with pytest.raises(NotPermitted, match="not signed by the ledger"):
        VERIFIER.verify(forged)


@given(st.text(alphabet="0123456789abcdefxyz\n", max_size=140))
def test_no_other_signature_is_taken(signature: str) -> None:
    with pytest.raises(NotPermitted):
        VERIFIER.verify(GRANT.model_copy(update={"signature": signature}))


@pytest.mark.claim("C-072")
def test_another_ledgers_grant_is_refused() -> None:
    with pytest.raises(NotPermitted):
        admit(GrantSigner(new_private_key()).sign(BODY))


def test_a_grant_survives_being_carried_as_json() -> None:
    admit(Grant.model_validate_json(GRANT.model_dump_json()))


def test_a_key_of_another_kind_is_one_clear_error_on_either_side() -> None:
    curve = private_key(ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(ConfigError, match=r"ledger\.grant_key: must be an Ed25519 key"):
        GrantSigner(curve)
    with pytest.raises(ConfigError, match=r"cluster\.grant_public_key: must be an Ed25519 key"):
        GrantVerifier(curve.public_key)
