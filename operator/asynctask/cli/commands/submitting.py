"""Submit a task: from a type and its config, or from a manifest."""

import json
import secrets
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from asynctask.api import names
from asynctask.api.kinds import ASYNC_TASK, TASK_TYPE
from asynctask.cli import completion
from asynctask.cli.commands.watching import follow
from asynctask.cli.failures import NOT_FOUND, USAGE, Failure
from asynctask.cli.options import Namespace, Output, OutputOption, Setup, setup
from asynctask.cli.output import Object, show
from asynctask.core.config import effective_config

STDIN = "-"


def submit(
    context: typer.Context,
    task_type: Annotated[
        str | None,
        typer.Argument(
            metavar="TYPE", help="A task type; `asynctask types list` names them.", autocompletion=completion.task_types
        ),
    ] = None,
    config: Annotated[
        list[str] | None,
        typer.Option(
            "--config", "-c", help="A config field, `source_path=/nas/projects`. Values are read by the type's schema."
        ),
    ] = None,
    config_file: Annotated[str | None, typer.Option(help="The config as JSON or YAML; - reads standard input.")] = None,
    file: Annotated[
        str | None,
        typer.Option("--file", "-f", help="A whole AsyncTask manifest in place of TYPE; - reads standard input."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="The task's name; made from the type's when absent.")] = None,
    priority: Annotated[
        int | None, typer.Option("--priority", "-p", min=1, max=5, help="1 is the most urgent, 5 the least.")
    ] = None,
    queue: Annotated[str | None, typer.Option(help="The queue it waits in.")] = None,
    paused: Annotated[bool, typer.Option(help="Submit it paused.")] = False,
    dry_run: Annotated[bool, typer.Option(help="Check everything, submit nothing.")] = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Stay and watch it to its end.")] = False,
    namespace: Namespace = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Submit a task.

    asynctask submit file-backup -c source_path=/nas/projects -c destination_path=/nas/backup/projects --watch
    """
    found = setup(context)
    if (task_type is None) == (file is None):
        raise Failure("give either a TYPE or a manifest with --file", "asynctask types list", USAGE)
    body = _manifest(file) if file else _from_type(found, str(task_type), config or [], config_file)
    spec, meta = body.setdefault("spec", {}), body.setdefault("metadata", {})
    space = found.namespace(namespace or meta.get("namespace"))
    if name:
        meta["name"] = name
    elif not meta.get("name"):
        meta["name"] = f"{spec.get('type', 'task')}-{secrets.token_hex(3)}"
    meta["namespace"] = space
    given = {"priority": priority, "queueName": queue, "suspend": paused or None}
    spec |= {key: value for key, value in given.items() if value is not None}
    made = found.cluster.create(ASYNC_TASK, space, body, dry_run=dry_run)
    if output is not Output.TABLE:
        show(ASYNC_TASK, [made], output, single=True)
    elif dry_run:
        typer.echo(f"asynctask/{meta['name']} is well formed; nothing was submitted")
    else:
        typer.echo(f"asynctask/{meta['name']} submitted")
        if not watch:
            typer.echo(f"  watch it: asynctask watch {meta['name']} -n {space}")
    if watch and not dry_run:
        raise typer.Exit(follow(found, space, [meta["name"]]))


def _manifest(file: str) -> Object:
    found = _read(file)
    if not isinstance(found, dict) or found.get("kind") != "AsyncTask" or found.get("apiVersion") != names.API_VERSION:
        raise Failure(
            f"{file} is not an AsyncTask of {names.API_VERSION}", "other kinds are applied with kubectl", USAGE
        )
    return found


def _from_type(found: Setup, task_type: str, fields: list[str], config_file: str | None) -> Object:
    try:
        schema = found.cluster.get(TASK_TYPE, "", task_type)["spec"].get("configSchema", {})
    except Failure as failure:
        if failure.code != NOT_FOUND:
            raise
        known = ", ".join(one["metadata"]["name"] for one in found.cluster.list(TASK_TYPE, None))
        raise Failure(f"there is no task type {task_type}", f"there are: {known or 'none'}", NOT_FOUND) from None
    config = _read(config_file) if config_file else {}
    if not isinstance(config, dict):
        raise Failure(f"{config_file} holds no object", code=USAGE)
    for field in fields:
        key, equals, value = field.partition("=")
        if not equals:
            raise Failure(f"-c {field}: write it as field=value", code=USAGE)
        config[key] = _value(value, schema.get("properties", {}).get(key, {}))
    _, problems = effective_config(config, schema)
    if problems:
        said = "\n  ".join(map(str, problems))
        raise Failure(f"the config does not fit {task_type}:\n  {said}", f"asynctask types show {task_type}", USAGE)
    body: Object = {"apiVersion": names.API_VERSION, "kind": "AsyncTask", "spec": {"type": task_type, "config": config}}
    return body


def _value(text: str, schema: dict[str, Any]) -> Any:
    """What a value on the command line means: text where the schema wants text, else JSON where it is JSON."""
    wanted = schema.get("type")
    if wanted == "string" or (wanted is None and "enum" in schema and text in schema["enum"]):
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text.split(",") if wanted == "array" else text


def _read(file: str) -> Any:
    try:
        text = sys.stdin.read() if file == STDIN else Path(file).read_text(encoding="utf-8")
        return yaml.safe_load(text)
    except OSError as error:
        raise Failure(f"{file} can't be read: {error.strerror}", code=USAGE) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Failure(f"{file} is neither YAML nor JSON: {error}", code=USAGE) from None
