"""A real API server, etcd and controller-manager; the operator as a process; the kubelet acted."""

import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.api import Api
from support.auditlog import AuditLog
from support.cluster import own_name
from support.estate import Estate
from support.kubelet import ActedKubelet
from support.operators import OperatorProcess
from support.queues import Queue

from localcluster import Cluster

CRDS = Path(__file__).parents[2] / "crds"
NAME = own_name("operator")

pytestmark = pytest.mark.timeout(300)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes minutes begins first, so that the workers end together."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A cluster of this worker's own: its components are killed. One run at a time."""
    cluster = Cluster(NAME, "control-plane", audit=True)
    cluster.state.parent.mkdir(parents=True, exist_ok=True)
    with (cluster.state.parent / f".{NAME}.user").open("a") as user:
        fcntl.flock(user, fcntl.LOCK_EX)
        cluster.up()
        cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRDS))
        cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", "-f", str(CRDS))
        yield cluster
        if "ASYNCTASK_KEEP_TEST_CLUSTER" not in os.environ:
            cluster.down()


@pytest.fixture(scope="session")
def audit(cluster: Cluster) -> AuditLog:
    return AuditLog(cluster.audit_log)


@pytest.fixture(scope="module")
def estate(cluster: Cluster) -> Iterator[Estate]:
    """A namespace that admits restricted pods only."""
    api = Api(cluster.kubeconfig, namespace=f"estate-{secrets.token_hex(3)}")
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    api.call("POST", "/api/v1/namespaces", {"metadata": {"name": api.namespace, "labels": labels}})
    with ActedKubelet(cluster.kubeconfig, api.namespace) as kubelet:
        estate = Estate(cluster.kubeconfig, api.namespace, kubelet)
        accounts = f"/api/v1/namespaces/{api.namespace}/serviceaccounts/default"
        estate.api.until(accounts, bool, within=30, why="the namespace has its service account")
        yield estate
        api.close()
        estate.close()


@pytest.fixture
def queue(estate: Estate, request: pytest.FixtureRequest) -> Iterator[Queue]:
    """A queue of the test's own, which lets nothing run yet."""
    queue = Queue(estate, f"{estate.namespace}-{abs(hash(request.node.name)) % 10_000}", maxRunning=0)
    yield queue
    queue.delete()


@pytest.fixture(scope="module")
def new_operator(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., OperatorProcess]:
    """Makes replicas; `with` starts one and waits until it leads."""

    def make(identity: str = "one", kubeconfig: Path = cluster.kubeconfig, **settings: object) -> OperatorProcess:
        log = tmp_path_factory.getbasetemp() / f"operator-{identity}-{secrets.token_hex(2)}.log"
        return OperatorProcess(kubeconfig, log, identity, **settings)

    return make


@pytest.fixture(scope="module")
def operator(new_operator: Callable[..., OperatorProcess]) -> Iterator[OperatorProcess]:
    """One replica with its default settings."""
    with new_operator() as operator:
        yield operator
