"""The way to the API server does harm: cut, expired and silent watches, refused writes."""

import os
import random
from collections.abc import Callable, Iterator
from time import monotonic, sleep

import pytest
from support.estate import Estate, check, job
from support.kubelet import Script
from support.operators import OperatorProcess
from support.proxy import FaultProxy

from localcluster import Cluster

NewOperator = Callable[..., OperatorProcess]
TASKS = int(os.environ.get("ASYNCTASK_NETWORK_TASKS", "30"))
SEED = int(os.environ.get("ASYNCTASK_FAULT_SEED", "1"))
RETRY = {"backoffSeconds": 1, "maxBackoffSeconds": 2}


@pytest.fixture(scope="module")
def wire(cluster: Cluster) -> Iterator[FaultProxy]:
    with FaultProxy(cluster.kubeconfig, SEED) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def replica(wire: FaultProxy, new_operator: NewOperator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:  # fmt: skip
    """An operator that reaches the API server through the proxy only."""
    with new_operator("far", wire.kubeconfig(tmp_path_factory.mktemp("proxy")), resync_seconds=10) as replica:
        yield replica


@pytest.fixture
def proxy(wire: FaultProxy) -> Iterator[FaultProxy]:
    """The proxy, which does no harm before the test and after it."""
    wire.refused = wire.expired = 0
    yield wire
    wire.behave()
    wire.cut_watches()


def submit(estate: Estate, prefix: str, count: int = TASKS, seconds: float = 0.3) -> list[str]:
    chance, names = random.Random(SEED), []
    for number in range(count):
        name = f"{prefix}-{number}"
        estate.kubelet.plays(name, "", Script(runs=chance.random() * seconds))
        names.append(estate.submit(job("scan"), job("copy"), name=name, retry=RETRY))
    return names


def ended(estate: Estate, names: list[str], within: float = 90) -> None:
    """The one checker: all succeeded, each stage ran once."""
    found = estate.until_all_ended(names, within=within)
    assert {task["status"]["phase"] for task in found.values()} == {"Succeeded"}
    check([life for name in names for life in estate.kubelet.lives_of(name)])
    for name in names:
        assert [(life.stage, life.attempt) for life in estate.kubelet.lives_of(name)] == [("scan", 1), ("copy", 1)]


@pytest.mark.parametrize("statuses", [(409,), (429,), (500, 503), (409, 429, 500, 503)], ids=str)
def test_a_share_of_the_writes_is_refused(
    estate: Estate, proxy: FaultProxy, replica: OperatorProcess, statuses: tuple[int, ...]
) -> None:
    proxy.refuse_writes(0.3, *statuses)
    names = submit(estate, "refused-" + "-".join(map(str, statuses)), 10 if 429 in statuses else TASKS)
    ended(estate, names)
    assert proxy.refused > 5


def test_a_storm_of_429_passes(estate: Estate, proxy: FaultProxy, replica: OperatorProcess) -> None:
    proxy.refuse_writes(1.0, 429)
    names = submit(estate, "storm", 10)
    sleep(4)  # the storm
    during = proxy.refused
    assert during < 100, "the operator must give way"
    proxy.behave()
    begun = monotonic()
    ended(estate, names)
    assert monotonic() - begun < 60


def test_watches_are_cut_again_and_again(estate: Estate, proxy: FaultProxy, replica: OperatorProcess) -> None:
    names = []
    for number in range(5):
        names += submit(estate, f"cut-{number}", TASKS // 5)
        proxy.cut_watches()
        sleep(0.3)  # the moment is what is tested
    ended(estate, names)


def test_watches_expire(estate: Estate, proxy: FaultProxy, replica: OperatorProcess) -> None:
    names = submit(estate, "expired", TASKS // 2)
    proxy.expire_watches()
    names += submit(estate, "expired-later", TASKS // 2)
    sleep(5)  # so long every watch is answered with 410
    listings = proxy.expired
    proxy.behave()
    ended(estate, names)
    assert listings > 5
    assert listings < 7 * 2 * 30, "it must not list in a tight loop"


def test_a_deletion_that_the_watch_lost_is_repaired(
    estate: Estate, proxy: FaultProxy, replica: OperatorProcess
) -> None:
    keeper = "lost-keeper"
    estate.kubelet.plays(keeper, "copy", Script(runs=60))
    estate.submit(job("copy"), name=keeper)
    estate.until_running(keeper, "copy")
    known = replica.metric("asynctask_tasks")
    repaired = replica.metric("asynctask_resync_repairs_total")
    proxy.silence_watches(lambda path: path.endswith("/asynctasks"))
    estate.api.call("DELETE", estate.path("asynctasks", keeper))
    estate.api.until_gone(estate.path("asynctasks", keeper), within=10)
    proxy.behave()
    replica.until(lambda: replica.metric("asynctask_tasks") == known - 1, within=25)
    assert replica.metric("asynctask_resync_repairs_total") > repaired


@pytest.mark.parametrize("plural", ["asynctasks", "stages", "jobs", "pods"])
def test_a_watch_that_is_silent_delays_but_stops_nothing(
    estate: Estate, proxy: FaultProxy, replica: OperatorProcess, plural: str
) -> None:
    proxy.silence_watches(lambda path: path.endswith(f"/{plural}"))
    names = submit(estate, f"silent-{plural}", 5)
    ended(estate, names, within=80)


def test_a_watch_that_is_silent_is_given_up(estate: Estate, proxy: FaultProxy, replica: OperatorProcess) -> None:
    """Every watch is opened anew within the time that bookmarks should have come in."""
    if "ASYNCTASK_FAULT_LONG" not in os.environ:
        pytest.skip("takes two minutes; set ASYNCTASK_FAULT_LONG")
    before = len(proxy.watches)
    proxy.silence_watches()
    replica.until(lambda: {path.rsplit("/", 1)[1] for path in proxy.watches[before:]} >= {"pods", "jobs", "stages", "asynctasks"}, 130)  # fmt: skip
    proxy.behave()
    proxy.cut_watches()
    ended(estate, submit(estate, "woken", 5))
