"""What a person is shown is what they sign."""

import pytest

from byteport.cli.answer import refuse_what_is_not_shown
from byteport.domain.plans import plan_digest
from byteport.errors import NotPermitted
from tests.unit.domain.values import rollback
from tests.unit.trust.people import request


def test_a_plan_that_its_digest_names_may_be_signed() -> None:
    asked = request(plan=rollback(), plan_digest=plan_digest(rollback(), "b" * 64))
    refuse_what_is_not_shown(asked)


@pytest.mark.parametrize("change", [{"to_revision": 7}, {"to_template_digest": "e" * 64}, {"available_before": 9}])
def test_another_plan_beside_the_same_digest_is_refused_before_anything_is_signed(change: dict[str, object]) -> None:
    shown = rollback().model_copy(update=change)
    asked = request(plan=shown, plan_digest=plan_digest(rollback(), "b" * 64))
    with pytest.raises(NotPermitted, match="nothing was signed"):
        refuse_what_is_not_shown(asked)
