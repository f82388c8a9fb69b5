"""What the chart makes of its values."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.chart import CHART, ChartRefusedError, ci_values, render

from asynctask.api.kinds import KINDS
from asynctask.crdgen.definition import crd_name
from asynctask.settings import GatewaySettings, OperatorSettings


def test_by_default_two_operators_compete_and_one_gateway_serves() -> None:
    deployments = render().of("Deployment")
    assert deployments["asynctask-operator"]["spec"]["replicas"] == 2
    assert deployments["asynctask-gateway"]["spec"]["replicas"] == 1
    assert set(render().of("PodDisruptionBudget")) == {"asynctask-operator"}


def test_every_definition_is_there_and_kept() -> None:
    definitions = render().of("CustomResourceDefinition")
    assert set(definitions) == {crd_name(kind) for kind in KINDS}
    for definition in definitions.values():
        assert definition["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
        assert definition["metadata"]["labels"]["app.kubernetes.io/part-of"] == "asynctask"


def test_definitions_are_those_of_the_crds_folder() -> None:
    for name, definition in render(kubernetes="1.30.0").of("CustomResourceDefinition").items():
        assert definition["spec"] == yaml.safe_load((CHART.parents[1] / "crds" / f"{name}.yaml").read_text())["spec"]


def test_definitions_go_with_the_release_if_so_wished() -> None:
    definitions = render("--set", "crds.keep=false").of("CustomResourceDefinition")
    assert all("annotations" not in definition["metadata"] for definition in definitions.values())


@pytest.mark.parametrize(("kubernetes", "served"), [("1.29.0", False), ("1.30.14", False), ("1.31.0", True)])
def test_selectable_fields_only_where_they_are_known(kubernetes: str, served: bool) -> None:
    definition = render(kubernetes=kubernetes).of("CustomResourceDefinition")["asynctasks.asynctask.io"]
    assert ("selectableFields" in definition["spec"]["versions"][0]) is served


def test_a_kubernetes_that_is_too_old_is_refused() -> None:
    with pytest.raises(ChartRefusedError, match="incompatible with Kubernetes"):
        render(kubernetes="1.28.9")


def test_minimal_is_the_operator_alone() -> None:
    rendered = render(*ci_values("minimal"))
    assert set(rendered.of("Deployment")) == {"asynctask-operator"}
    assert rendered.environment("asynctask-operator")["ASYNCTASK_GATEWAY_URL"] == ""
    absent = ("CustomResourceDefinition", "PodDisruptionBudget", "PersistentVolumeClaim", "NetworkPolicy", "ConfigMap")
    assert not [kind for kind in absent if set(rendered.of(kind)) - {"asynctask-test"}]


def test_ha_has_replicas_budgets_monitoring_and_policies() -> None:
    rendered = render(*ci_values("ha"))
    assert rendered.of("Deployment")["asynctask-operator"]["spec"]["replicas"] == 3
    assert set(rendered.of("PodDisruptionBudget")) == {"asynctask-operator", "asynctask-gateway"}
    assert set(rendered.of("NetworkPolicy")) == {"asynctask-operator", "asynctask-gateway", "asynctask-objects"}
    assert rendered.of("ServiceMonitor")["asynctask"]["metadata"]["labels"]["release"] == "prometheus"
    assert set(rendered.of("PersistentVolumeClaim")) == {"asynctask-artifacts"}
    assert rendered.environment("asynctask-operator")["ASYNCTASK_WRITES_PER_SECOND"] == "250.5"
    assert rendered.environment("asynctask-operator")["ASYNCTASK_WORKERS"] == "64"


def test_several_gateways_need_shared_artifacts() -> None:
    with pytest.raises(ChartRefusedError, match=r"gateway\.artifacts\.existingClaim"):
        render("--set", "gateway.replicas=2")


def test_artifacts_are_on_the_claim_that_is_given() -> None:
    pod = render("--set", "gateway.artifacts.existingClaim=mine").pod_templates()["Deployment/asynctask-gateway"]
    assert {"name": "artifacts", "persistentVolumeClaim": {"claimName": "mine"}} in pod["volumes"]


def test_the_channels_of_notifications_come_from_a_secret() -> None:
    rendered = render("--set", "gateway.notifications.configSecret=mine")
    pod = rendered.pod_templates()["Deployment/asynctask-gateway"]
    assert {"name": "notifications", "secret": {"secretName": "mine"}} in pod["volumes"]
    mount = next(each for each in pod["containers"][0]["volumeMounts"] if each["name"] == "notifications")
    file = rendered.environment("asynctask-gateway")["ASYNCTASK_NOTIFICATIONS_FILE"]
    assert file == f"{mount['mountPath']}/notifications.yaml"
    assert "ASYNCTASK_NOTIFICATIONS_FILE" not in render().environment("asynctask-gateway")


def test_the_gateway_may_be_let_out_to_more() -> None:
    values = "networkPolicy: {enabled: true, gatewayEgress: [{ports: [{port: 587, protocol: TCP}]}]}"
    policies = render(values=values).of("NetworkPolicy")
    mail = {"ports": [{"port": 587, "protocol": "TCP"}]}
    assert mail in policies["asynctask-gateway"]["spec"]["egress"]
    assert mail not in policies["asynctask-operator"]["spec"]["egress"]


def test_a_mirror_takes_the_place_of_every_registry() -> None:
    rendered = render(*ci_values("airgap"))
    images = {each["image"] for pod in rendered.pod_templates().values() for each in pod["containers"]}
    assert images == {"mirror.example.com/library/asynctask/operator@sha256:" + "0" * 64}
    assert all(pod["imagePullSecrets"] == [{"name": "mirror"}] for pod in rendered.pod_templates().values())
    assert rendered.of("ConfigMap")["asynctask-note"]["data"] == {"note": "mirrored"}


def test_common_labels_are_on_every_object_and_pod() -> None:
    for each in render(*ci_values("namespaces")).objects:
        assert each["metadata"]["labels"]["team"] == "storage", each["metadata"]["name"]
        if "template" in each.get("spec", {}):
            assert each["spec"]["template"]["metadata"]["labels"]["team"] == "storage"


def test_names_follow_the_release() -> None:
    rendered = render(release="nas")
    assert "nas-asynctask-operator" in rendered.of("Deployment")
    url = rendered.environment("nas-asynctask-operator")["ASYNCTASK_GATEWAY_URL"]
    assert url == "http://nas-asynctask-gateway.asynctask-system.svc:8080"
    assert "nas-asynctask-gateway" in rendered.of("Service")


@pytest.mark.parametrize("name", ["", "ha", "minimal", "namespaces", "airgap"])
def test_services_and_budgets_select_pods_that_are_there(name: str) -> None:
    rendered = render(*(ci_values(name) if name else ()))
    pods = [each["spec"]["template"]["metadata"]["labels"] for each in rendered.of("Deployment").values()]
    selectors = [each["spec"]["selector"] for each in rendered.of("Service").values()]
    selectors += [each["spec"]["selector"]["matchLabels"] for each in rendered.of("PodDisruptionBudget").values()]
    for selector in selectors:
        assert sum(selector.items() <= labels.items() for labels in pods) == 1


def test_every_variable_is_a_setting() -> None:
    for deployment, settings in (("operator", OperatorSettings), ("gateway", GatewaySettings)):
        known = {f"ASYNCTASK_{name.upper()}" for name in settings.model_fields}
        assert set(render(*ci_values("ha")).environment(f"asynctask-{deployment}")) <= known


def test_what_the_chart_sets_the_settings_understand(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = render(*ci_values("namespaces"), *ci_values("ha")).environment("asynctask-operator")
    for name, value in environment.items():
        monkeypatch.setenv(name, value or "from-elsewhere")
    settings = OperatorSettings()
    assert settings.watch_namespaces == ("nas", "media")
    assert settings.writes_per_second == 250.5
    assert settings.metrics_port == 9090


def test_probes_and_ports_are_those_of_the_settings() -> None:
    ports = {"operator": {"metrics": 9090}, "gateway": {"http": 8080, "api": 8088, "metrics": 9091}}
    for name, expected in ports.items():
        container = render().pod_templates()[f"Deployment/asynctask-{name}"]["containers"][0]
        assert {port["name"]: port["containerPort"] for port in container["ports"]} == expected
        assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "metrics"}
        assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "metrics"}


def test_the_default_queue_has_the_limit_that_is_given() -> None:
    assert queue("--set", "defaultQueue.maxRunning=7")["spec"] == {"maxRunning": 7}
    assert queue()["spec"] == {"maxRunning": 20}


def queue(*arguments: str) -> dict[str, Any]:
    """The default queue that the chart applies."""
    text = render(*arguments).of("ConfigMap")["asynctask-objects"]["data"]["taskqueues.default.yaml"]
    parsed: dict[str, Any] = yaml.safe_load(text)
    return parsed


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    """A copy of the chart with one task type more."""
    copied = tmp_path / "asynctask"
    shutil.copytree(CHART, copied)
    (copied / "files" / "tasktypes" / "made-up.yaml").write_text(MADE_UP)
    return copied


MADE_UP = """\
apiVersion: asynctask.io/v1alpha1
kind: TaskType
metadata: {name: made-up}
spec:
  stages:
    - {name: scan, job: {image: "asynctask/stage-scan:dev"}}
    - {name: copy, job: {image: "asynctask/stage-copy:dev", imagePullPolicy: Never, args: ["asynctask/stage-copy:dev"]}}
    - {name: pause, wait: {delaySeconds: 1}}
"""


def shipped(chart: Path, *arguments: str) -> dict[str, Any]:
    """The task types that the chart applies."""
    data = render(*arguments, chart=chart).of("ConfigMap")["asynctask-objects"]["data"]
    return {key: yaml.safe_load(text) for key, text in data.items() if key.startswith("tasktypes.")}


def test_every_task_type_is_applied_with_this_releases_images(chart: Path) -> None:
    digest = "sha256:" + "1" * 64
    values = f"stageImages.registry=r.example.com,stageImages.tag=v9,stageImages.digests.scan={digest}"
    types = shipped(chart, "--set", values)
    assert set(types) == {f"tasktypes.{path.stem}.yaml" for path in task_type_files()} | {"tasktypes.made-up.yaml"}
    scan, copy, pause = types["tasktypes.made-up.yaml"]["spec"]["stages"]
    assert scan["job"] == {"image": f"r.example.com/asynctask/stage-scan@{digest}", "imagePullPolicy": "IfNotPresent"}
    assert copy["job"]["image"] == "r.example.com/asynctask/stage-copy:v9"
    assert copy["job"]["imagePullPolicy"] == "Never"
    assert copy["job"]["args"] == ["asynctask/stage-copy:dev"]
    assert pause == {"name": "pause", "wait": {"delaySeconds": 1}}


def test_by_default_stage_images_have_the_charts_version(chart: Path) -> None:
    job = shipped(chart)["tasktypes.made-up.yaml"]["spec"]["stages"][0]["job"]
    assert job["image"] == "asynctask/stage-scan:0.1.0"


def test_a_task_type_with_an_image_of_another_form_is_refused(chart: Path) -> None:
    spoilt = MADE_UP.replace("asynctask/stage-scan:dev", "asynctask/stage-scan:latest")
    (chart / "files" / "tasktypes" / "made-up.yaml").write_text(spoilt)
    with pytest.raises(ChartRefusedError, match="expected asynctask/stage-NAME:dev"):
        render(chart=chart)


def test_shipped_task_types_follow_the_convention() -> None:
    for path in task_type_files():
        document = yaml.safe_load(path.read_text())
        assert document["metadata"]["name"] == path.stem
        for stage in document["spec"]["stages"]:
            assert re.fullmatch(
                r"asynctask/stage-[a-z0-9-]+:dev", stage.get("job", {}).get("image", "asynctask/stage-x:dev")
            )


def task_type_files() -> list[Path]:
    """The task types that come with the chart."""
    return sorted((CHART / "files" / "tasktypes").glob("*.yaml"))


MISTAKES = {
    "a mistyped key": "replicaCount: 3",
    "a mistyped key deep down": "operator: {replica: 3}",
    "a number in words": "operator: {replicas: three}",
    "no replicas": "operator: {replicas: 0}",
    "a mistyped setting": "operator: {settings: {writes_per_secnd: 10}}",
    "a setting out of bounds": "operator: {settings: {workers: 0}}",
    "a setting of the chart's own": "operator: {settings: {namespace: other}}",
    "a gateway's setting for the operator": "operator: {settings: {artifact_max_bytes: 10}}",
    "a pull policy that doesn't exist": "image: {pullPolicy: Sometimes}",
    "a digest that is none": "image: {digest: latest}",
    "a namespace that can't be": "watchNamespaces: [NAS]",
    "a negative limit": "defaultQueue: {maxRunning: -1}",
    "a size without a unit": "gateway: {artifacts: {size: '10'}}",
}


@pytest.mark.parametrize("values", MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_in_the_values_is_refused(values: str) -> None:
    with pytest.raises(ChartRefusedError, match="values don't meet the specifications"):
        render(values=values)


def test_the_schema_knows_every_default() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    assert set(yaml.safe_load((CHART / "values.yaml").read_text())) == set(schema["properties"])
