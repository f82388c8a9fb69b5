"""The Job controller never hears that its pod was created, and makes another."""

from collections.abc import Callable, Iterator

import pytest
from support.estate import Estate, check, job
from support.kubelet import Script
from support.operators import OperatorProcess
from support.proxy import FaultProxy

from localcluster import Cluster

CONTROLLERS = "kube-controller-manager"
NewOperator = Callable[..., OperatorProcess]


@pytest.fixture(scope="module")
def wire(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultProxy]:
    """What the controllers reach the API server through."""
    own = cluster.state / f"{CONTROLLERS}.kubeconfig"
    direct = own.read_text()
    with FaultProxy(cluster.kubeconfig) as proxy:
        cluster.stop(CONTROLLERS)
        own.write_text(proxy.kubeconfig(tmp_path_factory.mktemp("wire")).read_text())
        cluster.start(CONTROLLERS)
        yield proxy
        cluster.stop(CONTROLLERS)
        own.write_text(direct)
        cluster.start(CONTROLLERS)


@pytest.fixture
def replica(wire: FaultProxy, new_operator: NewOperator) -> Iterator[OperatorProcess]:
    with new_operator("hearer") as replica:
        yield replica


@pytest.mark.parametrize("seconds", [0.5, 15], ids=["short", "long"])
def test_a_pod_whose_creation_was_not_answered_has_the_stage_alone(
    estate: Estate, wire: FaultProxy, replica: OperatorProcess, seconds: float
) -> None:
    name = f"unanswered-{seconds}".replace(".", "-")
    estate.kubelet.plays(name, "", Script(runs=seconds))
    doubles = len(estate.kubelet.doubles)
    wire.silence_watches(lambda path: path.endswith("/pods"))
    wire.lose_an_answer(lambda path: path.endswith("/pods"))
    estate.submit(job("copy"), job("check"), name=name)
    replica.until(lambda: len(estate.kubelet.doubles) > doubles, within=30)
    wire.behave()
    wire.cut_watches()
    estate.until(name, "True Succeeded", within=60)
    lives = estate.kubelet.lives_of(name)
    check(lives)
    assert [(life.stage, life.attempt, life.exit_code) for life in lives] == [("copy", 1, 0), ("check", 1, 0)]
    assert len(wire.lost) > 0
