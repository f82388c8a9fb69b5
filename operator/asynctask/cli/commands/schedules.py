"""Schedules: when they run next, run one now, hold one back."""

from typing import Annotated

import typer

from asynctask.api.kinds import TASK_SCHEDULE
from asynctask.cli import formats
from asynctask.cli.options import AllNamespaces, Namespace, Output, OutputOption, setup
from asynctask.cli.output import conditions, pairs, show

app = typer.Typer(help="Schedules: next times, run now, suspend and resume.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The schedule.", show_default=False)]


@app.command("list")
def list_schedules(
    context: typer.Context,
    namespace: Namespace = None,
    all_namespaces: AllNamespaces = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """List the schedules."""
    found = setup(context)
    space = None if all_namespaces else found.namespace(namespace)
    show(TASK_SCHEDULE, list(found.cluster.list(TASK_SCHEDULE, space)), output, spaces=all_namespaces)


@app.command("get")
def get_schedule(
    context: typer.Context, name: Name, namespace: Namespace = None, output: OutputOption = Output.TABLE
) -> None:
    """Tell all about a schedule."""
    found = setup(context)
    schedule = found.cluster.get(TASK_SCHEDULE, found.namespace(namespace), name)
    if output not in {Output.TABLE, Output.WIDE}:
        show(TASK_SCHEDULE, [schedule], output, single=True)
        return
    spec, status = schedule["spec"], schedule.get("status", {})
    last, out = status.get("lastSuccess") or {}, status.get("lastLeftOut") or {}
    pairs(
        [
            ("Name", f"{schedule['metadata']['namespace']}/{name}"),
            ("Schedule", f"{spec['schedule']} ({spec.get('timeZone', 'UTC')})"),
            ("Suspended", "yes" if spec.get("suspend") else None),
            ("Type", spec["taskTemplate"]["spec"].get("type")),
            *(("Next", formats.clock(when)) for when in status.get("nextScheduleTimes", ())),
            ("Running", ", ".join(status.get("active", ()))),
            ("Last", _task(status.get("lastTask"), status.get("lastScheduleTime"))),
            ("Last success", _task(last.get("task"), last.get("completionTime"))),
            ("Left out", _task(out.get("message") or out.get("reason"), out.get("time"))),
            *conditions(schedule),
        ]
    )


@app.command()
def run(context: typer.Context, name: Name, namespace: Namespace = None) -> None:
    """Make a task now, whatever the clock says. It waits for the run before."""
    found = setup(context)
    space = found.namespace(namespace)
    schedule = found.cluster.get(TASK_SCHEDULE, space, name)
    body = {
        "metadata": {"resourceVersion": schedule["metadata"]["resourceVersion"]},
        "spec": {"runNow": schedule["spec"].get("runNow", 0) + 1},
    }
    found.cluster.patch(TASK_SCHEDULE, space, name, body)
    typer.echo(f"taskschedule/{name} makes a task now\n  see it: asynctask schedule get {name} -n {space}")


@app.command()
def suspend(context: typer.Context, name: Name, namespace: Namespace = None) -> None:
    """Make no tasks for now."""
    _suspend(context, name, namespace, value=True)


@app.command()
def resume(context: typer.Context, name: Name, namespace: Namespace = None) -> None:
    """Make tasks again; what came due meanwhile is not made up for."""
    _suspend(context, name, namespace, value=False)


def _task(name: str | None, when: str | None) -> str:
    return f"{name}, {formats.clock(when)}" if name else ""


def _suspend(context: typer.Context, name: str, namespace: str | None, *, value: bool) -> None:
    found = setup(context)
    found.cluster.patch(TASK_SCHEDULE, found.namespace(namespace), name, {"spec": {"suspend": value}})
    typer.echo(f"taskschedule/{name} " + ("suspended" if value else "resumed"))
