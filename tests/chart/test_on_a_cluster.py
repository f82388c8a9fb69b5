"""The chart on a real API server: admission, the rights as they work, and the script that applies objects."""

import base64
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from support.api import Api, Refused
from support.chart import CHART, NAMESPACE, ci_values, render
from support.cluster import control_plane

from localcluster import tool

TAG = secrets.token_hex(3)
WATCHED, OTHER = f"watched-{TAG}", f"other-{TAG}"


class Cluster:
    """kubectl, and namespaces that go again."""

    def __init__(self, kubeconfig: Path) -> None:
        self.command = [str(tool("kubectl")), f"--kubeconfig={kubeconfig}"]

    def run(self, *arguments: str, text: str = "", check: bool = True) -> str:
        done = subprocess.run([*self.command, *arguments], input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0 or not check, done.stderr
        return done.stdout

    def can(self, account: str, verb: str, resource: str, namespace: str) -> bool:
        user = f"--as=system:serviceaccount:{NAMESPACE}:{account}"
        where = "--all-namespaces" if namespace == "*" else f"--namespace={namespace}"
        resource, _, part = resource.partition(":")
        return self.run("auth", "can-i", verb, resource, f"--subresource={part}", where, user, check=False) == "yes\n"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with control_plane() as kubeconfig:
        yield Cluster(kubeconfig)


@pytest.fixture(scope="module")
def api(cluster: Cluster) -> Iterator[Api]:
    api = Api(Path(cluster.command[1].partition("=")[2]))
    for namespace in (NAMESPACE, WATCHED, OTHER):
        labels = {} if namespace == NAMESPACE else {"pod-security.kubernetes.io/enforce": "restricted"}
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}}
        cluster.run("apply", "--server-side", "--filename=-", text=yaml.safe_dump(body))
    yield api
    api.close()
    cluster.run("delete", "namespace", "--wait=false", WATCHED, OTHER)


@pytest.fixture(scope="module")
def installed(cluster: Cluster, api: Api) -> Iterator[str]:
    """Two releases' rights: one of the whole cluster, one of a namespace. Yields what their names have in common."""
    texts = []
    for release, values in ((f"wide-{TAG}", ""), (f"narrow-{TAG}", f"watchNamespaces: [{WATCHED}]")):
        rendered = render(values=values, release=release)
        kinds = ("ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")
        texts.append(yaml.safe_dump_all([each for kind in kinds for each in rendered.of(kind).values()]))
    text = "---\n".join(texts)
    cluster.run("apply", "--server-side", "--filename=-", text=text)
    yield TAG
    cluster.run("delete", "--wait=false", "--filename=-", text=text)


@pytest.mark.parametrize("name", ["", "ha", "namespaces", "airgap"])
def test_the_server_takes_every_object(cluster: Cluster, api: Api, name: str) -> None:
    rendered = render(*(ci_values(name) if name else ()), release=f"dry-{TAG}")
    skipped = {"ServiceMonitor", "CustomResourceDefinition"}
    objects = [each for each in rendered.objects if each["kind"] not in skipped]
    objects = [each for each in objects if each["metadata"].get("namespace", NAMESPACE) == NAMESPACE]
    arguments = ("create", "--dry-run=server", "--validate=strict", "--filename=-")
    done = cluster.run(*arguments, text=yaml.safe_dump_all(objects))
    assert len(done.splitlines()) == len(objects)


def test_the_servers_own_admission_takes_every_pod(api: Api) -> None:
    for who, pod in render(*ci_values("ha")).pod_templates().items():
        pod = {**pod, "serviceAccountName": "default", "priorityClassName": ""}
        body = {"metadata": {"name": "pod"}, "spec": pod}
        try:
            api.call("POST", f"/api/v1/namespaces/{WATCHED}/pods?dryRun=All", body)
        except Refused as refused:
            pytest.fail(f"{who}: {refused}")


def test_the_definitions_in_the_chart_are_taken(cluster: Cluster) -> None:
    objects = list(render(release=f"dry-{TAG}").of("CustomResourceDefinition").values())
    arguments = ("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--filename=-")
    cluster.run(*arguments, text=yaml.safe_dump_all(objects))


RIGHTS = [
    ("operator", "create", "jobs.batch", True),
    ("operator", "patch", "jobs.batch", True),
    ("operator", "delete", "stages.asynctask.io", True),
    ("operator", "create", "asynctasks.asynctask.io", True),
    ("operator", "delete", "asynctasks.asynctask.io", True),
    ("operator", "patch", "asynctasks.asynctask.io:status", True),
    ("operator", "update", "stages.asynctask.io:finalizers", True),
    ("operator", "update", "taskschedules.asynctask.io:finalizers", True),
    ("operator", "patch", "taskschedules.asynctask.io:status", True),
    ("operator", "patch", "taskschedules.asynctask.io", False),
    ("operator", "watch", "pods", True),
    ("operator", "create", "events.events.k8s.io", True),
    ("operator", "list", "events.events.k8s.io", True),
    ("operator", "patch", "asynctasks.asynctask.io", True),
    ("operator", "patch", "stages.asynctask.io", False),
    ("operator", "patch", "events.events.k8s.io", False),
    ("operator", "update", "stages.asynctask.io", False),
    ("operator", "create", "pods", False),
    ("operator", "delete", "pods", False),
    ("operator", "get", "secrets", False),
    ("operator", "list", "configmaps", False),
    ("operator", "create", "tokenreviews.authentication.k8s.io", False),
    ("gateway", "patch", "stages.asynctask.io:status", True),
    ("gateway", "get", "pods", True),
    ("gateway", "get", "jobs.batch", True),
    ("gateway", "list", "storageendpoints.asynctask.io", True),
    ("gateway", "list", "pods", True),
    ("gateway", "get", "pods:log", True),
    ("gateway", "delete", "pods", False),
    ("gateway", "patch", "asynctasks.asynctask.io:status", True),
    ("gateway", "patch", "asynctasks.asynctask.io", True),
    ("gateway", "patch", "stages.asynctask.io", False),
    ("gateway", "create", "jobs.batch", False),
    ("gateway", "get", "secrets", False),
]


@pytest.mark.parametrize(("account", "verb", "resource", "allowed"), RIGHTS)
def test_rights(cluster: Cluster, installed: str, account: str, verb: str, resource: str, allowed: bool) -> None:
    wide, narrow = (f"{name}-{installed}-asynctask-{account}" for name in ("wide", "narrow"))
    assert cluster.can(wide, verb, resource, OTHER) is allowed
    assert cluster.can(narrow, verb, resource, WATCHED) is allowed
    assert not cluster.can(narrow, verb, resource, OTHER)


def test_rights_without_a_namespace(cluster: Cluster, installed: str) -> None:
    for release in ("wide", "narrow"):
        operator, gateway = (f"{release}-{installed}-asynctask-{account}" for account in ("operator", "gateway"))
        assert cluster.can(operator, "list", "tasktypes.asynctask.io", "*")
        assert cluster.can(operator, "get", "namespaces", "*")
        assert not cluster.can(operator, "patch", "tasktypes.asynctask.io", "*")
        assert cluster.can(gateway, "create", "tokenreviews.authentication.k8s.io", "*")
        lease = f"leases.coordination.k8s.io/{release}-{installed}-asynctask-operator"
        assert cluster.can(operator, "update", lease, NAMESPACE)
        assert not cluster.can(operator, "update", "leases.coordination.k8s.io/other", NAMESPACE)


class Applier:
    """The script of the Job, with the Job's rights."""

    def __init__(self, cluster: Cluster, api: Api, account: str, folder: Path) -> None:
        self.cluster, self.folder = cluster, folder / "objects"
        self.folder.mkdir()
        token = cluster.run("create", "token", account, f"--namespace={NAMESPACE}")
        config = yaml.safe_load(cluster.run("config", "view", "--raw", "--flatten"))["clusters"][0]["cluster"]
        host, _, port = config["server"].removeprefix("https://").rpartition(":")
        (folder / "token").write_text(token)
        (folder / "ca.crt").write_bytes(base64.b64decode(config["certificate-authority-data"]))
        self.environment = {
            **os.environ,
            "ACCOUNT_DIRECTORY": str(folder),
            "KUBERNETES_SERVICE_HOST": host,
            "KUBERNETES_SERVICE_PORT": port,
            "SECONDS_TO_WAIT": "3",
        }

    def __call__(self) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(CHART / "files" / "apply.py"), str(self.folder)]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)

    def put(self, plural: str, kind: str, name: str, spec: object) -> None:
        body = {"apiVersion": "asynctask.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}
        (self.folder / f"{plural}.{name}.yaml").write_text(yaml.safe_dump(body))


@pytest.fixture
def applier(cluster: Cluster, api: Api, installed: str, tmp_path: Path) -> Applier:
    return Applier(cluster, api, f"wide-{installed}-asynctask-objects", tmp_path)


def test_objects_are_applied_and_a_limit_changed_by_hand_is_left(cluster: Cluster, applier: Applier) -> None:
    name = f"applied-{TAG}"
    applier.put("taskqueues", "TaskQueue", name, {"maxRunning": 20})
    applier.put("tasktypes", "TaskType", name, {"stages": [{"name": "a", "wait": {"delaySeconds": 1}}]})
    assert applier().stdout == f"taskqueues/{name}: made\ntasktypes/{name}: made\n"
    applier.put("taskqueues", "TaskQueue", name, {"maxRunning": 30})
    assert applier().stdout == f"taskqueues/{name}: up to date\ntasktypes/{name}: up to date\n"
    for kind, change in (("taskqueue", '{"spec":{"maxRunning":5}}'), ("tasktype", '{"spec":{"defaultPriority":1}}')):
        cluster.run("patch", kind, name, "--type=merge", f"--patch={change}")
    applier.put(
        "tasktypes", "TaskType", name, {"defaultPriority": 2, "stages": [{"name": "a", "wait": {"delaySeconds": 1}}]}
    )
    done = applier()
    assert f"taskqueues/{name}: left as it is:" in done.stdout
    assert done.returncode == 0
    assert cluster.run("get", "taskqueue", name, "--output=jsonpath={.spec.maxRunning}") == "5"
    assert cluster.run("get", "tasktype", name, "--output=jsonpath={.spec.defaultPriority}") == "2"
    cluster.run("delete", f"taskqueue/{name}", f"tasktype/{name}")


def test_an_object_that_is_refused_fails_the_job_with_the_servers_words(applier: Applier) -> None:
    applier.put("taskqueues", "TaskQueue", f"bad-{TAG}", {"maxRunning": -1})
    done = applier()
    assert done.returncode == 1
    assert "spec.maxRunning" in done.stderr


def test_a_definition_that_is_not_there_yet_is_waited_for(cluster: Cluster, applier: Applier) -> None:
    account = f"{NAMESPACE}:wide-{TAG}-asynctask-objects"
    name = f"things-{TAG}"
    cluster.run("create", "clusterrole", name, "--verb=*", "--resource=*.asynctask.io")
    cluster.run("create", "clusterrolebinding", name, f"--clusterrole={name}", f"--serviceaccount={account}")
    applier.put("taskthings", "TaskThing", "x", {})
    started = time.monotonic()
    done = applier()
    cluster.run("delete", f"clusterrole/{name}", f"clusterrolebinding/{name}")
    assert done.returncode == 1
    assert "taskthings/x: 404" in done.stderr
    assert time.monotonic() - started >= 3


def test_the_chart_applies_nothing_that_the_server_refuses(api: Api) -> None:
    for key, text in render().of("ConfigMap")["asynctask-objects"]["data"].items():
        if key != "apply.py":
            body = yaml.safe_load(text)
            api.create({**body, "metadata": {"name": f"dry-{TAG}-{body['metadata']['name']}"}}, keep=False)
