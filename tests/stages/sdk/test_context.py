"""What a stage is given."""

from pathlib import Path

import pytest

from asynctask_stage import PermanentError
from asynctask_stage.testing import run_stage


def test_gives_config_outputs_and_names(pod, workspace):
    seen = {}

    def main(stage):
        seen.update(config=dict(stage.config), entries=stage.outputs["metadata"]["entries"])
        seen.update(run=stage.context.run, stage=stage.context.stage, workspace=stage.workspace)

    pod.variables["ASYNCTASK_WORKSPACE"] = str(workspace)
    assert pod.run(main) == 0
    assert seen == {
        "config": {"source_path": "/nas/a"},
        "entries": 7,
        "run": 1,
        "stage": "content",
        "workspace": workspace,
    }


def test_works_with_nothing_but_a_config(make_pod, tmp_path):
    seen = {}
    pod = make_pod()
    log = pod.variables["ASYNCTASK_TERMINATION_LOG"]
    pod.variables = {"ASYNCTASK_CONFIG": '{"n": 3}', "ASYNCTASK_TERMINATION_LOG": log}

    def main(stage):
        seen.update(n=stage.config["n"], workspace=stage.workspace, checkpoint=stage.checkpoint)
        seen.update(outputs=stage.outputs, durable=stage.save({"a": 1}, now=True))
        stage.bandwidth.take(10**12)
        return {"n": 3}

    assert pod.run(main) == 0
    assert seen == {"n": 3, "workspace": None, "checkpoint": None, "outputs": {}, "durable": False}
    assert pod.termination["outputs"] == {"n": 3}


def test_without_a_gateway_the_limit_of_the_environment_holds_and_the_gateway_outranks_it(make_pod, gateway):
    seen = []
    pod = make_pod()
    pod.variables |= {"ASYNCTASK_BYTES_PER_SECOND": "5000"}
    assert pod.run(lambda stage: seen.append(stage.bandwidth.rate)) == 0
    gateway.down()
    assert pod.run(lambda stage: seen.append(stage.bandwidth.rate)) == 0
    assert seen == [None, 5000]


@pytest.mark.parametrize("text", ["{", "[1]", '"secret"'])
def test_a_config_that_is_no_object_is_permanent(pod, text):
    pod.variables["ASYNCTASK_CONFIG"] = text
    assert pod.run(lambda stage: None) == 65
    assert pod.termination["reason"] == "InvalidConfig"
    assert "secret" not in pod.termination["message"]


@pytest.mark.parametrize(
    ("path", "kind", "value"),
    [("a.b", int, 3), ("a.b", float, 3.0), ("name", str, "x"), (r"dotted\.key", int, 1), ("a", dict, {"b": 3})],
)
def test_config_is_read_by_path_and_type(path, kind, value):
    config = {"a": {"b": 3}, "name": "x", "dotted.key": 1, "flag": True}
    result = run_stage(lambda stage: {"value": stage.config.path(path, kind)}, config=config)
    assert result.outputs == {"value": value}


def test_a_default_serves_for_a_missing_field():
    result = run_stage(lambda stage: {"value": stage.config.path("a.b", int, 4), "get": stage.config.get("c", 5)})
    assert result.outputs == {"value": 4, "get": 5}


@pytest.mark.parametrize(
    "read",
    [
        lambda config: config["missing"],
        lambda config: config.path("name.deeper"),
        lambda config: config.path("name", int),
        lambda config: config.path("flag", int),
        lambda config: config.path("name", int, 4),
    ],
)
def test_a_wrong_or_missing_field_is_permanent_and_named(read):
    result = run_stage(lambda stage: read(stage.config), config={"name": "hunter2", "flag": True})
    assert (result.exit_code, result.reason) == (65, "InvalidConfig")
    assert result.message.startswith("config.")
    assert "hunter2" not in result.message


def test_the_config_never_prints_its_values():
    def main(stage):
        raise PermanentError(repr(stage.config))

    assert "hunter2" not in run_stage(main, config={"password": "hunter2"}).message


def test_outputs_of_an_unknown_stage_are_a_permanent_error():
    result = run_stage(lambda stage: stage.outputs["scan"], outputs={"other": {}})
    assert (result.exit_code, result.reason) == (65, "MissingOutputs")


def test_outputs_of_a_gateway_that_stays_away_are_a_transient_error(gateway, make_pod):
    gateway.down()
    pod = make_pod(patience=0.3)
    assert pod.run(lambda stage: {"n": len(stage.outputs)}) == 75
    assert pod.termination["reason"] == "GatewayAway"


def test_outputs_are_waited_for_when_the_gateway_comes_late(gateway, make_pod):
    gateway.down()
    pod = make_pod(patience=0.6)

    def main(stage):
        gateway.up()
        return {"entries": stage.outputs["metadata"]["entries"]}

    assert pod.run(main) == 0
    assert gateway.completions[-1]["outputs"] == {"entries": 7}


def test_the_package_needs_nothing_but_python():
    import tomllib

    project = Path(__file__).parents[3] / "stage-images" / "sdk" / "pyproject.toml"
    assert tomllib.loads(project.read_text())["project"]["dependencies"] == []
