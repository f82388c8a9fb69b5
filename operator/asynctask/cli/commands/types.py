"""Task types: what can be submitted, and which config it takes."""

import json
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.text import Text

from asynctask.api.kinds import TASK_TYPE
from asynctask.cli.options import Output, OutputOption, setup
from asynctask.cli.output import Object, console, pairs, show, table

app = typer.Typer(help="Task types: what can be submitted, with which config.", no_args_is_help=True)


@app.command("list")
def list_types(context: typer.Context, output: OutputOption = Output.TABLE) -> None:
    """List the task types."""
    show(TASK_TYPE, list(setup(context).cluster.list(TASK_TYPE, None)), output)


@app.command("show")
def show_type(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The task type.")],
    output: OutputOption = Output.TABLE,
) -> None:
    """Tell what a type does and which config it takes."""
    found = setup(context).cluster.get(TASK_TYPE, "", name)
    if output not in {Output.TABLE, Output.WIDE}:
        show(TASK_TYPE, [found], output, single=True)
        return
    spec = found["spec"]
    pairs(
        [
            ("Type", name),
            ("Title", spec.get("title", {}).get("en")),
            ("Priority", spec.get("defaultPriority")),
            ("Stages", " → ".join(stage["name"] for stage in spec["stages"])),
        ]
    )
    if spec.get("description"):
        console.print(Text(f"\n{spec['description']}\n"))
    schema = spec.get("configSchema", {})
    if fields := list(_fields(schema)):
        table(
            [
                ("Field", lambda field: field["name"]),
                ("Type", lambda field: field["type"]),
                ("Default", lambda field: field["default"]),
                ("Meaning", lambda field: field["meaning"]),
            ],
            fields,
        )
    required = " ".join(f"-c {field}=…" for field in schema.get("required", ()))
    console.print(f"\nasynctask submit {name} {required}")


def _fields(schema: Object) -> Iterator[dict[str, str]]:
    required = set(schema.get("required", ()))
    properties: dict[str, Any] = schema.get("properties", {})
    for name, field in sorted(properties.items(), key=lambda pair: pair[0] not in required):
        kind = "|".join(map(str, field["enum"])) if "enum" in field else str(field.get("type", "any"))
        yield {
            "name": name,
            "type": kind,
            "default": "(required)" if name in required else json.dumps(field["default"]) if "default" in field else "",
            "meaning": field.get("description") or field.get("title", ""),
        }
