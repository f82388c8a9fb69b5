"""Queues: what runs, what waits, hold them back and let them go."""

from typing import Annotated

import typer

from asynctask.api.kinds import ASYNC_TASK, TASK_QUEUE
from asynctask.api.names import DEFAULT_QUEUE
from asynctask.api.status import Phase
from asynctask.cli import formats
from asynctask.cli.options import Output, OutputOption, setup
from asynctask.cli.output import conditions, console, pairs, show, table

app = typer.Typer(help="Queues: what runs, what waits; suspend and resume them.", no_args_is_help=True)
Queue = Annotated[str, typer.Argument(help="The queue.")]


@app.command("list")
def list_queues(context: typer.Context, output: OutputOption = Output.TABLE) -> None:
    """List the queues."""
    show(TASK_QUEUE, list(setup(context).cluster.list(TASK_QUEUE, None)), output)


@app.command("get")
def get_queue(context: typer.Context, name: Queue = DEFAULT_QUEUE, output: OutputOption = Output.TABLE) -> None:
    """Tell limits and use of a queue, and who waits in it, first in line first."""
    found = setup(context)
    queue = found.cluster.get(TASK_QUEUE, "", name)
    if output not in {Output.TABLE, Output.WIDE}:
        show(TASK_QUEUE, [queue], output, single=True)
        return
    spec, status = queue["spec"], queue.get("status", {})
    quota, used = spec.get("quota", {}), status.get("used", {})
    waiting_by = status.get("waitingByPriority", ())
    pairs(
        [
            ("Queue", name),
            (
                "Suspended",
                "yes, with what runs" if spec.get("suspendRunning") else "yes" if spec.get("suspend") else None,
            ),
            ("Running", f"{status.get('running', 0)} of {spec.get('maxRunning', 'any number')}"),
            ("CPU", f"{used.get('cpu', 0)} of {quota['cpu']}" if "cpu" in quota else None),
            ("Memory", f"{used.get('memory', 0)} of {quota['memory']}" if "memory" in quota else None),
            ("Waiting", ", ".join(f"{one['count']} of priority {one['priority']}" for one in waiting_by) or 0),
            ("Longest", formats.clock(status.get("waitingSince"))),
            *conditions(queue),
        ]
    )
    waiting = [
        task
        for task in found.cluster.list(ASYNC_TASK, None)
        if task["spec"].get("queueName", DEFAULT_QUEUE) == name and task.get("status", {}).get("phase") == Phase.QUEUED
    ]
    waiting.sort(key=lambda task: (task["status"].get("priority", 3), task["metadata"]["creationTimestamp"]))
    if waiting:
        console.print()
        table(
            [
                ("Waiting", lambda task: f"{task['metadata']['namespace']}/{task['metadata']['name']}"),
                ("Priority", lambda task: task["status"].get("priority")),
                ("For", lambda task: formats.age(task["status"].get("waiting", {}).get("since"))),
                ("Why", lambda task: task["status"].get("waiting", {}).get("message", "")),
            ],
            waiting[:50],
        )
        if len(waiting) > 50:
            console.print(f"… and {len(waiting) - 50} more")


@app.command()
def suspend(
    context: typer.Context,
    name: Queue,
    running: Annotated[bool, typer.Option(help="Also stop what runs, with checkpoints; it goes on later.")] = False,
) -> None:
    """Start nothing from a queue."""
    setup(context).cluster.patch(TASK_QUEUE, "", name, {"spec": {"suspend": True, "suspendRunning": running}})
    typer.echo(
        f"taskqueue/{name} suspended"
        + ("; what runs saves a checkpoint and stops" if running else "; what runs goes on")
    )


@app.command()
def resume(context: typer.Context, name: Queue) -> None:
    """Let a queue go on."""
    setup(context).cluster.patch(TASK_QUEUE, "", name, {"spec": {"suspend": False, "suspendRunning": False}})
    typer.echo(f"taskqueue/{name} resumed")


@app.command()
def limit(
    context: typer.Context,
    name: Queue,
    max_running: Annotated[int, typer.Argument(min=0, help="Tasks that may run at once; 0 holds all back.")],
) -> None:
    """Change how many tasks may run at once. What runs goes on."""
    setup(context).cluster.patch(TASK_QUEUE, "", name, {"spec": {"maxRunning": max_running}})
    typer.echo(f"taskqueue/{name}: {max_running} may run at once")
