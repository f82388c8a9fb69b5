"""Rights: least privilege, and all of it in the watched namespaces when these are given."""

from collections.abc import Iterator
from typing import Any

import pytest
from support.chart import Rendered, ci_values, render

SETS = ["", "ha", "minimal", "namespaces"]


def roles(rendered: Rendered) -> Iterator[tuple[str, dict[str, Any]]]:
    for kind in ("Role", "ClusterRole"):
        for name, role in rendered.of(kind).items():
            for rule in role["rules"]:
                yield f"{kind} {name}", rule


@pytest.mark.parametrize("name", SETS)
def test_no_role_has_a_wildcard_reads_secrets_or_becomes_another(name: str) -> None:
    for role, rule in roles(render(*(ci_values(name) if name else ()))):
        said = {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}
        assert not said & {"*", "secrets", "configmaps", "escalate", "bind", "impersonate", "pods/exec", "nodes"}, role


@pytest.mark.parametrize("name", SETS)
def test_every_binding_binds_a_role_and_an_account_that_are_there(name: str) -> None:
    rendered = render(*(ci_values(name) if name else ()))
    bindings = {**rendered.of("RoleBinding"), **rendered.of("ClusterRoleBinding")}
    for where, binding in bindings.items():
        namespace = where.rpartition("/")[0]
        role = binding["roleRef"]["name"]
        in_namespace = f"{namespace}/{role}" if namespace and binding["roleRef"]["kind"] == "Role" else role
        assert in_namespace in rendered.of(binding["roleRef"]["kind"])
        for subject in binding["subjects"]:
            assert subject["name"] in rendered.of("ServiceAccount")
            assert subject["namespace"] == "asynctask-system"


def test_operator_and_gateway_have_roles_of_their_own() -> None:
    bound = {
        (binding["subjects"][0]["name"], binding["roleRef"]["name"])
        for kind in ("RoleBinding", "ClusterRoleBinding")
        for binding in render().of(kind).values()
    }
    assert {role for account, role in bound if account == "asynctask-gateway"} == {
        "asynctask-gateway",
        "asynctask-gateway-cluster",
        "asynctask-gateway-lease",
    }
    assert {role for account, role in bound if account == "asynctask-operator"} == {
        "asynctask-operator",
        "asynctask-operator-cluster",
        "asynctask-operator-lease",
    }


def test_with_watched_namespaces_nothing_namespaced_is_granted_to_the_cluster() -> None:
    rendered = render(*ci_values("namespaces"))
    cluster_wide = {
        resource
        for binding in rendered.of("ClusterRoleBinding").values()
        for rule in rendered.of("ClusterRole")[binding["roleRef"]["name"]]["rules"]
        for resource in rule["resources"]
    }
    assert cluster_wide == {
        "tasktypes", "tasktypes/status", "taskqueues", "taskqueues/status", "namespaces", "tokenreviews",
        "subjectaccessreviews",
    }  # fmt: skip
    for account in ("operator", "gateway"):
        assert {f"nas/asynctask-{account}", f"media/asynctask-{account}"} <= set(rendered.of("Role"))


def test_the_namespaced_rights_are_the_same_either_way() -> None:
    everywhere, limited = render(), render(*ci_values("namespaces"))
    for account in ("operator", "gateway"):
        rules = everywhere.of("ClusterRole")[f"asynctask-{account}"]["rules"]
        assert limited.of("Role")[f"nas/asynctask-{account}"]["rules"] == rules


def test_only_approvers_and_the_services_write_to_a_stages_status() -> None:
    writers = {
        role
        for role, rule in roles(render())
        if "stages/status" in rule["resources"] and set(rule["verbs"]) & {"patch", "update"}
    }
    assert writers == {
        "ClusterRole asynctask-operator",
        "ClusterRole asynctask-gateway",
        "ClusterRole asynctask-approver",
    }


def test_people_get_their_rights_through_kubernetes_own_roles() -> None:
    labels = {name: role["metadata"]["labels"] for name, role in render().of("ClusterRole").items()}
    for role, target in (("viewer", "view"), ("editor", "edit"), ("admin", "admin")):
        assert labels[f"asynctask-{role}"][f"rbac.authorization.k8s.io/aggregate-to-{target}"] == "true"
    for role in ("approver", "reviewer"):
        assert not any("aggregate-to" in key for key in labels[f"asynctask-{role}"])


def test_reviewers_decide_by_way_of_the_gateway_alone() -> None:
    of = {name: role["rules"] for name, role in render().of("ClusterRole").items()}
    reviews = {name for name, rules in of.items() if any("review" in rule["verbs"] for rule in rules or ())}
    assert reviews == {"asynctask-approver", "asynctask-reviewer"}
    verbs = {verb for rule in of["asynctask-reviewer"] for verb in rule["verbs"]}
    assert verbs == {"get", "list", "watch", "review"}


def test_rights_that_only_some_queues_need_are_given_when_asked_for() -> None:
    def rights(*values: str) -> set[tuple[str, str]]:
        rules = [rule for name, rule in roles(render(*values)) if "operator" in name]
        return {(group, one) for rule in rules for group in rule["apiGroups"] for one in rule["resources"]}

    asked = rights("--set", "operator.nodeMetrics.enabled=true", "--set", "kueue.enabled=true") - rights()
    assert asked == {("", "nodes"), ("metrics.k8s.io", "nodes"), ("kueue.x-k8s.io", "workloads")}
