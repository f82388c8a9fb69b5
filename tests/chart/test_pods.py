"""Every pod of the chart meets the `restricted` standard; and the checker would tell if one didn't."""

import copy
from typing import Any

import pytest
from support.chart import ci_values, render
from support.podsecurity import violations

SETS = ["", "ha", "minimal", "namespaces", "airgap"]


@pytest.mark.parametrize("name", SETS)
def test_every_pod_is_restricted(name: str) -> None:
    pods = render(*(ci_values(name) if name else ())).pod_templates()
    assert {who: found for who, pod in pods.items() if (found := violations(pod))} == {}


def test_the_jobs_of_hooks_are_among_those_checked() -> None:
    assert {"Job/asynctask-objects", "Job/asynctask-test"} <= set(render().pod_templates())


@pytest.mark.parametrize("name", SETS)
def test_accounts_are_mounted_only_where_they_are_used(name: str) -> None:
    rendered = render(*(ci_values(name) if name else ()))
    assert all(each["automountServiceAccountToken"] is False for each in rendered.of("ServiceAccount").values())
    for pod in rendered.pod_templates().values():
        assert pod["serviceAccountName"] in rendered.of("ServiceAccount")


SPOILT: dict[str, tuple[tuple[str | int, ...], Any]] = {
    "container may gain privileges": (("containers", 0, "securityContext", "allowPrivilegeEscalation"), True),
    "container keeps capabilities": (("containers", 0, "securityContext", "capabilities"), {}),
    "container adds capabilities": (
        ("containers", 0, "securityContext", "capabilities"),
        {"drop": ["ALL"], "add": ["CHOWN"]},
    ),
    "container is privileged": (("containers", 0, "securityContext", "privileged"), True),
    "container may write to its image": (("containers", 0, "securityContext", "readOnlyRootFilesystem"), False),
    "container may run as root": (("securityContext", "runAsNonRoot"), None),
    "container runs as root": (("containers", 0, "securityContext", "runAsUser"), 0),
    "container has no seccomp profile": (("securityContext", "seccompProfile"), {}),
    "container has no limits of memory": (("containers", 0, "resources", "limits"), {"cpu": "1"}),
    "hostNetwork is set": (("hostNetwork",), True),
    "volume data is a hostPath": (("volumes",), [{"name": "data", "hostPath": {"path": "/"}}]),
}


@pytest.mark.parametrize(("words", "spoilt"), SPOILT.items(), ids=SPOILT.keys())
def test_the_checker_tells(words: str, spoilt: tuple[tuple[str | int, ...], Any]) -> None:
    pod = copy.deepcopy(render().pod_templates()["Deployment/asynctask-operator"])
    path, value = spoilt
    parent: Any = pod
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = value
    assert violations(pod) == [words.replace("container", "operator")]
