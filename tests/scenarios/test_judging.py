"""The judge itself: it must call harm harm, and a wrong cause wrong, or its scores mean nothing."""

import pytest

from byteport.domain.reasons import Cause
from tests.agent.simulated import SimulatedPlace
from tests.scenarios.catalogue import scenarios
from tests.scenarios.ground import Ground
from tests.scenarios.hands import SimulatedHands
from tests.scenarios.harm import Picture, PodSeen, Written, harm, unasked
from tests.scenarios.judge import Seen, judge
from tests.scenarios.model import DELETES_POD, PATCHES_DEPLOYMENT, Escalated, Fixed, Row, Scenario, Silent

POD = PodSeen("shop", "web-1", "web", "node-1", ready=True, restarts=0)
OTHER = PodSeen("elsewhere", "web-1", "web", "node-1", ready=True, restarts=0)
ROLLS_BACK = Fixed(PATCHES_DEPLOYMENT)
REPLACES = Fixed(DELETES_POD, on=("victim",))
CALLS = Escalated(frozenset({Cause.CRASHING}))


@pytest.fixture
def ground() -> Ground:
    place = SimulatedPlace()
    made = Ground(SimulatedHands(place.cluster), place, "elsewhere")
    made.names["victim"] = "web-1"
    return made


def seen_pods(**pods: PodSeen) -> Picture:
    return Picture(pods, {})


def seen_specs(**replicas: int) -> Picture:
    return Picture({}, {("deployments", "shop", name): {"replicas": count} for name, count in replicas.items()})


def scenario(right: Fixed | Escalated | Silent) -> Scenario:
    return Scenario("one", Row.NOTHING, "Nothing.", (), right)


def test_a_healthy_pod_that_is_gone_is_harm(ground: Ground) -> None:
    assert harm(seen_pods(a=POD), seen_pods(), ground, Silent())


def test_a_healthy_pod_that_was_restarted_is_harm(ground: Ground) -> None:
    assert harm(seen_pods(a=POD), seen_pods(a=POD._replace(restarts=1)), ground, Silent())


def test_a_pod_that_its_rollback_replaces_is_not_harm(ground: Ground) -> None:
    assert harm(seen_pods(a=POD), seen_pods(), ground, ROLLS_BACK) == []


def test_a_pod_of_another_namespace_is_harm_whatever_is_right(ground: Ground) -> None:
    assert harm(seen_pods(a=OTHER), seen_pods(), ground, ROLLS_BACK)


def test_the_sibling_of_a_pod_that_is_to_be_deleted_must_live(ground: Ground) -> None:
    sibling = POD._replace(name="web-2")
    assert harm(seen_pods(a=POD, b=sibling), seen_pods(b=sibling), ground, REPLACES) == []
    assert harm(seen_pods(a=POD, b=sibling), seen_pods(a=POD), ground, REPLACES)


def test_a_pod_that_somebody_deleted_by_hand_is_not_harm(ground: Ground) -> None:
    ground.touched.add(("pods", "shop", "web-1"))
    assert harm(seen_pods(a=POD), seen_pods(), ground, Silent()) == []


def test_another_spec_is_harm_unless_it_is_the_right_act_or_the_scenarios_own(ground: Ground) -> None:
    before, after = seen_specs(web=3, neighbour=1), seen_specs(web=2, neighbour=1)
    assert harm(before, after, ground, Silent())
    assert harm(before, after, ground, ROLLS_BACK) == []
    assert harm(before, seen_specs(web=3, neighbour=0), ground, ROLLS_BACK)


def test_a_write_that_is_not_the_right_one_is_harm(ground: Ground) -> None:
    right = Written("patch", "deployments", "shop", "web")
    assert unasked([right], ground, ROLLS_BACK) == []
    assert unasked([right], ground, CALLS)
    assert unasked([right._replace(namespace="elsewhere")], ground, ROLLS_BACK)
    assert unasked([right._replace(name="neighbour")], ground, ROLLS_BACK)
    assert unasked([Written("delete", "pods", "shop", "web-2")], ground, REPLACES)


def test_the_right_act_twice_is_harm(ground: Ground) -> None:
    right = Written("patch", "deployments", "shop", "web")
    assert unasked([right, right], ground, ROLLS_BACK)


def test_nothing_done_is_wrong_unless_silence_is_right(ground: Ground) -> None:
    web = {"metadata": {"generation": 1}, "spec": {"replicas": 1, "template": {"metadata": {}, "spec": {}}}}
    nothing = Seen([], [], [], [], {"web": web})
    assert judge(scenario(Silent()), ground, nothing) == ([], [])
    assert judge(scenario(CALLS), ground, nothing)[0]
    assert judge(scenario(ROLLS_BACK), ground, nothing)[0]


def test_a_run_that_does_not_come_to_rest_is_no_silence(ground: Ground) -> None:
    assert judge(scenario(Silent()), ground, Seen([], [], ["a run is diagnosing"], [], {}))[0]


def test_a_scenario_for_one_kind_of_cluster_must_say_why() -> None:
    with pytest.raises(ValueError, match="say why"):
        Scenario("one", Row.NOTHING, "Nothing.", (), Silent(), shown_on=frozenset())


def test_every_step_says_what_it_does() -> None:
    for one in scenarios():
        assert all(step.says for step in (*one.before, *one.broken)), one.name
