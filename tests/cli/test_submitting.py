"""Submitting: from a type, from a manifest, and everything that can be wrong with either."""

import json
from pathlib import Path

import yaml
from cli.conftest import CommandLine
from support.estate import Estate


def test_a_task_is_made_from_a_type(run: CommandLine, estate: Estate, task_type: str) -> None:
    said = run.here(
        "submit", task_type, "-c", "label=42", "-c", "count=7", "-c", "skip=a,b", "--name", "typed", "-p", "2"
    )
    assert "asynctask/typed submitted" in said.out
    spec = estate.task("typed")["spec"]
    assert spec["config"] == {"label": "42", "count": 7, "skip": ["a", "b"]}
    assert spec["priority"] == 2
    estate.until("typed", "True Succeeded")


def test_the_config_may_come_from_standard_input(run: CommandLine, estate: Estate, task_type: str) -> None:
    run.here("submit", task_type, "--config-file", "-", "--name", "piped", stdin="label: from a pipe\n")
    assert estate.task("piped")["spec"]["config"] == {"label": "from a pipe"}


def test_a_config_that_does_not_fit_is_refused_with_its_fields(
    run: CommandLine, estate: Estate, task_type: str
) -> None:
    said = run.here("submit", task_type, "-c", "count=0", "--name", "unfit", code=2)
    assert "spec.config.count" in said.err
    assert "label" in said.err
    assert f"asynctask types show {task_type}" in said.err
    run.here("get", "unfit", code=4)


def test_an_unknown_type_names_those_that_there_are(run: CommandLine, task_type: str) -> None:
    said = run.here("submit", "copie", code=4)
    assert "there is no task type copie" in said.err
    assert task_type in said.err


def test_a_dry_run_submits_nothing(run: CommandLine, task_type: str) -> None:
    assert "nothing was submitted" in run.here("submit", task_type, "-c", "label=x", "--name", "dry", "--dry-run").out
    run.here("get", "dry", code=4)


def test_a_manifest_is_submitted_whole(run: CommandLine, estate: Estate, tmp_path: Path) -> None:
    manifest = {
        "apiVersion": "asynctask.io/v1alpha1",
        "kind": "AsyncTask",
        "metadata": {"name": "whole"},
        "spec": {"stages": [{"name": "a", "job": {"image": "example/acted:1"}}]},
    }
    (tmp_path / "task.yaml").write_text(yaml.safe_dump(manifest))
    said = run.here("submit", "-f", str(tmp_path / "task.yaml"), "-o", "json")
    assert json.loads(said.out)["metadata"]["name"] == "whole"
    estate.until("whole", "True Succeeded")


def test_a_field_that_there_is_not_is_refused_by_name(run: CommandLine, tmp_path: Path) -> None:
    manifest = {
        "apiVersion": "asynctask.io/v1alpha1",
        "kind": "AsyncTask",
        "metadata": {"name": "typo"},
        "spec": {"prio": 1, "stages": [{"name": "a", "job": {"image": "x"}}]},
    }
    (tmp_path / "task.yaml").write_text(yaml.safe_dump(manifest))
    assert "spec.prio" in run.here("submit", "-f", str(tmp_path / "task.yaml"), code=5).err


def test_what_is_no_task_is_refused(run: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("kind: ConfigMap\napiVersion: v1\n")
    assert "is not an AsyncTask" in run.here("submit", "-f", str(tmp_path / "other.yaml"), code=2).err
    (tmp_path / "broken.yaml").write_text("{")
    assert "neither YAML nor JSON" in run.here("submit", "-f", str(tmp_path / "broken.yaml"), code=2).err
    assert "can't be read" in run.here("submit", "-f", str(tmp_path / "absent.yaml"), code=2).err
    assert "either a TYPE or a manifest" in run.here("submit", code=2).err


def test_submitting_may_stay_to_the_end(run: CommandLine, task_type: str) -> None:
    said = run.here("submit", task_type, "-c", "label=x", "--name", "watched", "--watch")
    assert "watched: Succeeded" in said.out
