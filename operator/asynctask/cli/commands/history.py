"""History: tasks that are or were, from the archive."""

from typing import Annotated

import typer

from asynctask.cli import formats
from asynctask.cli.options import Namespace, Output, OutputOption, setup
from asynctask.cli.output import console, document, pairs, table

app = typer.Typer(help="History: tasks that are or were, their runs and logs. Needs --gateway.", no_args_is_help=True)
TaskId = Annotated[str, typer.Argument(help="The task's id, as `history list` and `get` show it.", show_default=False)]
TASKS = "/api/v1/tasks"


@app.command("list")
def list_history(
    context: typer.Context,
    namespace: Namespace = None,
    task_type: Annotated[
        list[str] | None, typer.Option("--type", help="Only tasks of this type; may be repeated.")
    ] = None,
    status: Annotated[list[str] | None, typer.Option(help="Only `failed`, `completed`, …; may be repeated.")] = None,
    owner: Annotated[list[str] | None, typer.Option(help="Only what this user submitted.")] = None,
    text: Annotated[str, typer.Option(help="Part of name, type or message.")] = "",
    since: Annotated[str, typer.Option(help="Submitted since then, `2026-11-01T00:00:00Z`.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, newest first.")] = 50,
    output: OutputOption = Output.TABLE,
) -> None:
    """List tasks, live and archived, newest first."""
    found = setup(context)
    query = {"namespace": namespace, "type": task_type, "status": status, "owner": owner, "text": text}
    rows = list(found.gateway.pages(TASKS, limit, **query, submittedSince=since))
    if output in {Output.JSON, Output.YAML}:
        document(rows, output)
        return
    if output is Output.NAME:
        for row in rows:
            typer.echo(row["taskId"])
        return
    table(
        [
            ("Id", lambda row: row["taskId"]),
            ("Task", lambda row: f"{row.get('namespace')}/{row.get('name')}"),
            ("Type", lambda row: row.get("type")),
            ("Status", lambda row: row.get("status")),
            ("Submitted", lambda row: formats.age(row.get("submitTime"))),
            ("Owner", lambda row: row.get("owner")),
            ("Message", lambda row: row.get("message") if output is Output.WIDE else None),
        ],
        rows,
    )


@app.command("get")
def get_history(context: typer.Context, task: TaskId, output: OutputOption = Output.TABLE) -> None:
    """Tell all that is known of a task, also when it has left the cluster."""
    found = setup(context)
    whole = found.gateway.get(f"{TASKS}/{task}").body
    if output in {Output.JSON, Output.YAML}:
        document(whole, output)
        return
    pairs(
        [
            ("Name", f"{whole.get('namespace')}/{whole.get('name')}"),
            ("Type", whole.get("type")),
            ("Status", whole.get("status")),
            ("Message", whole.get("message")),
            ("Submitted", formats.clock(whole.get("submitTime"))),
            ("By", whole.get("owner")),
            ("Started", formats.clock(whole.get("startTime"))),
            ("Ended", formats.clock(whole.get("completionTime"))),
            ("Archived", "yes; it has left the cluster" if whole.get("archived") else None),
            ("Failed items", whole.get("itemErrorCount") or None),
        ]
    )
    console.print("Runs:")
    table(
        [
            ("  Run", lambda run: f"  {run.get('run')}"),
            ("Result", lambda run: run.get("status") or run.get("result")),
            ("Started", lambda run: formats.clock(run.get("startTime"))),
            ("Ended", lambda run: formats.clock(run.get("completionTime"))),
        ],
        found.gateway.pages(f"{TASKS}/{task}/runs", 20),
    )


@app.command("logs")
def history_logs(
    context: typer.Context,
    task: TaskId,
    stage: Annotated[str, typer.Option(help="Only this stage.")] = "",
    tail: Annotated[int, typer.Option(min=1, max=5000, help="The last so many lines.")] = 200,
) -> None:
    """Print what a task's stages said, also when their pods are gone."""
    for line in setup(context).gateway.get(f"{TASKS}/{task}/logs", stage=stage, tail=tail).body["items"]:
        words = (line.get("time"), line.get("level"), f"[{line.get('stage')}]", line.get("text"))
        typer.echo(" ".join(str(word) for word in words if word))
