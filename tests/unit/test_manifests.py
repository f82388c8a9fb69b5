"""The Jobs and Stages that are made: safe by themselves, and exactly what the user wrote."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import podsecurity
from support.scenes import Scene, make_task

from asynctask.api import names
from asynctask.api.stage import Stage
from asynctask.api.storageendpoint import StorageEndpoint
from asynctask.core import manifests
from asynctask.core.facts import PodSettings, Resolved
from asynctask.core.problems import Problem

RESOURCES = {bound: {"cpu": "1", "memory": "1Gi"} for bound in ("requests", "limits")}
GATEWAY = PodSettings(gateway_url="http://gateway", service_account="stage")


def job_of(scene: Scene, settings: PodSettings = PodSettings(), attempt: int = 1) -> dict[str, Any]:  # noqa: B008
    resolved = scene.resolved
    assert isinstance(resolved, Resolved), resolved
    return manifests.job(scene.task, resolved.graph.stages[0], resolved, attempt, settings)


def pod_of(scene: Scene, settings: PodSettings = PodSettings()) -> dict[str, Any]:  # noqa: B008
    pod: dict[str, Any] = job_of(scene, settings)["spec"]["template"]["spec"]
    return pod


def one(spec: dict[str, Any] | None = None, **job: Any) -> Scene:
    return make_task(**(spec or {})).stage("scan", job={"image": "example/copy:1", **job})


def env_of(scene: Scene) -> dict[str, str]:
    return {item["name"]: item.get("value", "") for item in pod_of(scene)["containers"][0]["env"]}


@pytest.mark.parametrize(
    "scene",
    [one(resources=RESOURCES), one(resources=RESOURCES, workspace=True), one({"runAs": {"user": 1000, "fsGroup": 5}}, resources=RESOURCES)],
    ids=["plain", "workspace", "as a user"],
)  # fmt: skip
@pytest.mark.parametrize("settings", [PodSettings(), GATEWAY], ids=["without gateway", "with gateway"])
def test_a_pod_is_restricted(scene: Scene, settings: PodSettings) -> None:
    assert podsecurity.violations(pod_of(scene, settings)) == []


def test_a_pod_gets_no_token_of_the_cluster_and_is_never_restarted() -> None:
    pod = pod_of(one(), GATEWAY)
    assert (pod["automountServiceAccountToken"], pod["restartPolicy"], pod["serviceAccountName"]) == (
        False,
        "Never",
        "stage",
    )
    (token,) = [v["projected"]["sources"][0]["serviceAccountToken"] for v in pod["volumes"] if "projected" in v]
    assert token["audience"] == names.GATEWAY_AUDIENCE


def test_a_job_makes_one_pod_and_tries_nothing_by_itself() -> None:
    spec = job_of(one())["spec"]
    assert (spec["backoffLimit"], spec["completions"], spec["parallelism"]) == (0, 1, 1)
    assert spec["podReplacementPolicy"] == "Failed"


def test_the_data_owner_profile_adds_what_it_needs_and_no_more() -> None:
    scene = replace(one(securityProfile="DataOwner"), data_owner_allowed=True)
    container = pod_of(scene)["containers"][0]["securityContext"]
    assert set(container["capabilities"]["add"]) == {"CHOWN", "DAC_OVERRIDE", "FOWNER"}
    assert container["capabilities"]["drop"] == ["ALL"]
    assert container["allowPrivilegeEscalation"] is False
    refused = one(securityProfile="DataOwner").resolved
    assert isinstance(refused, Problem)
    assert (refused.reason, refused.path) == ("ProfileNotAllowed", "spec.stages[0].job.securityProfile")


@pytest.mark.parametrize(
    "value", ["$(HOME)", "$(ASYNCTASK_TASK)", "$$(HOME)", "a$(b)c$(d)", "$($(x))", "$", "$$", "100$"]
)
def test_what_a_user_wrote_in_a_config_stays_as_it_is(value: str) -> None:
    env = env_of(one({"config": {"path": value}}))
    assert expanded(env["CONFIG_PATH"], {"HOME": "/root", "ASYNCTASK_TASK": "t", "b": "!", "d": "!", "x": "!"}) == value
    assert json.loads(expanded(env["ASYNCTASK_CONFIG"], {"HOME": "/root"})) == {"path": value}


@given(st.text(alphabet="$()HOME a", max_size=30))
def test_no_config_value_is_ever_expanded(value: str) -> None:
    assert expanded(env_of(one({"config": {"path": value}}))["CONFIG_PATH"], {"HOME": "/root", "": "?"}) == value


def expanded(text: str, known: dict[str, str]) -> str:
    """Kubernetes' own rule: `$(NAME)` is replaced if known, `$$` is `$`."""
    result, at = "", 0
    while at < len(text):
        if text[at] == "$" and at + 1 < len(text):
            if text[at + 1] == "$":
                result, at = result + "$", at + 2
                continue
            if text[at + 1] == "(" and (end := text.find(")", at + 2)) >= 0:
                name = text[at + 2 : end]
                result, at = result + known.get(name, f"$({name})"), end + 1
                continue
        result, at = result + text[at], at + 1
    return result


def test_config_fields_become_variables() -> None:
    config = {
        "sourcePath": "/a",
        "target_path": "/b",
        "depth": 3,
        "deep": {"x": [1, "ä"]},
        "on": True,
        "none": None,
        "a-b.c": "d",
    }
    env = env_of(one({"config": config}))
    assert json.loads(env["ASYNCTASK_CONFIG"]) == config
    assert {key: env[key] for key in env if key.startswith("CONFIG_")} == {
        "CONFIG_SOURCE_PATH": "/a", "CONFIG_TARGET_PATH": "/b", "CONFIG_DEPTH": "3", "CONFIG_DEEP": '{"x":[1,"ä"]}',
        "CONFIG_ON": "true", "CONFIG_NONE": "null", "CONFIG_A_B_C": "d",
    }  # fmt: skip


def test_a_stage_s_own_variables_can_t_take_the_operator_s_names() -> None:
    scene = one(env=[{"name": "ASYNCTASK_TASK", "value": "x"}, {"name": "CONFIG_PATH", "value": "x"}, {"name": "TZ", "value": "UTC"},
                     {"name": "PASSWORD", "secretKeyRef": {"name": "s", "key": "k"}}])  # fmt: skip
    env = pod_of(scene)["containers"][0]["env"]
    assert [item for item in env if item["name"] in {"TZ", "PASSWORD", "CONFIG_PATH"}] == [
        {"name": "TZ", "value": "UTC"},
        {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
    ]
    assert len({item["name"] for item in env}) == len(env)


@pytest.mark.parametrize("key", ["hostNetwork", "hostPID", "containers", "volumes", "securityContext", "serviceAccountName", "nodeName", "initContainers", "automountServiceAccountToken", "restartPolicy"])  # fmt: skip
def test_a_pod_override_takes_no_other_field(key: str) -> None:
    problem = one(podOverride={"dnsPolicy": "None", key: True}).resolved
    assert isinstance(problem, Problem)
    assert (problem.reason, problem.path) == ("InvalidPodOverride", "spec.stages[0].job.podOverride")
    assert key in problem.message


def test_a_pod_override_is_taken_over() -> None:
    assert pod_of(one(podOverride={"schedulerName": "mine", "priorityClassName": "low"}))["schedulerName"] == "mine"


def endpoint(name: str, **spec: Any) -> StorageEndpoint:
    return StorageEndpoint.model_validate({"metadata": {"name": name}, "spec": spec})


def stored(access: dict[str, str], config: dict[str, Any], limits: dict[str, Any] | None = None) -> Scene:
    known = [
        endpoint("photos", path="/nas/photos", volume={"claimName": "p", "subPath": "x"}, limits=limits or {}),
        endpoint("backup", path="/nas/backup", volume={"claimName": "b"}),
        endpoint("cloud", remote={"type": "S3", "url": "https://s3", "secretName": "keys"}),
    ]
    locations = [{"field": field, "access": how} for field, how in access.items()]
    scene = make_task(locations=locations, config=config).stage("scan")
    return replace(scene, endpoints={item.metadata.name: item for item in known})


def test_storage_is_mounted_where_users_know_it() -> None:
    pod = pod_of(stored({"source": "Read", "target": "Write"}, {"source": "/nas/photos/a", "target": "/nas/backup"}))
    mounts = {item["mountPath"]: item for item in pod["containers"][0]["volumeMounts"]}
    assert (mounts["/nas/photos"]["readOnly"], mounts["/nas/photos"]["subPath"]) == (True, "x")
    assert mounts["/nas/backup"]["readOnly"] is False
    claims = {
        v["name"]: v["persistentVolumeClaim"]["claimName"] for v in pod["volumes"] if "persistentVolumeClaim" in v
    }
    assert claims[mounts["/nas/photos"]["name"]] == "p"


@pytest.mark.parametrize(
    ("limits", "rate"),
    [
        ({"megabytesPerSecond": 7}, "7000000"),
        ({"megabytesPerSecond": 7, "timetable": {"periods": [{"megabytesPerSecond": 2}, {"streams": 1}]}}, "2000000"),
        ({"streams": 1}, None),
    ],
)
def test_a_stage_knows_the_tightest_limit_until_it_hears_of_its_share(limits: dict[str, Any], rate: str | None) -> None:
    scene = stored({"source": "Read", "target": "Write"}, {"source": "/nas/photos/a", "target": "/nas/backup"}, limits)
    assert env_of(scene).get("ASYNCTASK_BYTES_PER_SECOND") == rate


def test_one_writer_makes_the_mount_writable() -> None:
    pod = pod_of(stored({"source": "Read", "target": "Write"}, {"source": "/nas/backup/a", "target": "/nas/backup/b"}))
    assert [m["readOnly"] for m in pod["containers"][0]["volumeMounts"] if m["mountPath"] == "/nas/backup"] == [False]


def test_a_remote_s_secret_is_mounted_and_never_copied() -> None:
    pod = pod_of(stored({"source": "Read"}, {"source": "cloud:bucket"}))
    assert [v["secret"] for v in pod["volumes"] if "secret" in v] == [{"secretName": "keys"}]


@pytest.mark.parametrize("name", ["a" * 253, "a." * 126 + "b", "a-" * 126 + "b", "x", "1.2.3"])
@pytest.mark.parametrize("stage", ["s", "s" * 30])
def test_names_of_children_fit_whatever_the_task_is_called(name: str, stage: str) -> None:
    import re

    for run, attempt in ((1, 1), (1_000_000, 999)):
        made = names.child_name(name, "uid", stage, run, attempt)
        assert len(made) <= 63
        assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", made)
        assert made.endswith(f"-{stage}-r{run}-a{attempt}")
    job = job_of(make_task(name).stage(stage))
    assert all(len(value) <= 63 for value in job["metadata"]["labels"].values())


def test_names_differ_by_task_run_stage_and_attempt() -> None:
    made = {
        names.child_name(name, uid, stage, run, attempt)
        for name in ("a" * 253, "a" * 252)
        for uid in ("1", "2")
        for stage in ("x", "x-r1")
        for run in (1, 11)
        for attempt in (None, 1, 11)
    }
    assert len(made) == 2 * 2 * 2 * 3  # long names differ by uid alone: two tasks never have the same


def test_a_stage_object_reads_back_as_it_was_written() -> None:
    scene = one(
        {"config": {"a": 1}},
        args=["$(CONFIG_A)"],
        env=[{"name": "TZ", "value": "UTC"}],
        podOverride={"dnsPolicy": "None"},
    )
    body = manifests.stage(scene.task, (scene.task.spec.stages or ())[0], (), ())
    body["metadata"]["uid"] = "u"
    assert Stage.model_validate(body).spec.template == (scene.task.spec.stages or ())[0]
    json.dumps(body)


@pytest.mark.parametrize(("field", "variable"), {
    "source_path": "CONFIG_SOURCE_PATH", "sourcePath": "CONFIG_SOURCE_PATH", "a": "CONFIG_A", "a1B2": "CONFIG_A1_B2",
    "URL": "CONFIG_URL", "with space": "CONFIG_WITH_SPACE", "日本": "CONFIG___", "=": "CONFIG__",
}.items())  # fmt: skip
def test_a_variable_s_name(field: str, variable: str) -> None:
    assert names.config_variable(field) == variable
