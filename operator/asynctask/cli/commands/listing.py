"""List tasks, and tell all about some of them."""

from typing import Annotated

import typer
from rich.text import Text

from asynctask.api import names as labels
from asynctask.api.kinds import ASYNC_TASK, STAGE
from asynctask.api.status import Phase
from asynctask.cli import formats
from asynctask.cli.options import AllNamespaces, Names, Namespace, Output, OutputOption, Selector, Setup, setup
from asynctask.cli.output import Object, console, pairs, phase, show, table


def list_tasks(
    context: typer.Context,
    namespace: Namespace = None,
    all_namespaces: AllNamespaces = False,
    task_type: Annotated[str, typer.Option("--type", help="Only tasks of this type.")] = "",
    phases: Annotated[
        list[Phase] | None,
        typer.Option("--phase", help="Only tasks in this phase; may be repeated.", case_sensitive=False),
    ] = None,
    queue: Annotated[str, typer.Option(help="Only tasks of this queue.")] = "",
    priority: Annotated[int | None, typer.Option(min=1, max=5, help="Only tasks of this priority.")] = None,
    selector: Selector = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """List the tasks in the cluster, newest last. History: `asynctask history`."""
    found = setup(context)
    space = None if all_namespaces else found.namespace(namespace)

    def wanted(task: Object) -> bool:
        status = task.get("status", {})
        return (
            (not task_type or task["spec"].get("type") == task_type)
            and (not phases or status.get("phase", Phase.PENDING) in phases)
            and (not queue or task["spec"].get("queueName") == queue)
            and (priority is None or status.get("priority", task["spec"].get("priority")) == priority)
        )

    tasks = [task for task in found.cluster.list(ASYNC_TASK, space, selector) if wanted(task)]
    tasks.sort(key=lambda task: (task["metadata"]["creationTimestamp"], task["metadata"]["name"]))
    show(ASYNC_TASK, tasks, output, spaces=all_namespaces)


def get(context: typer.Context, names: Names, namespace: Namespace = None, output: OutputOption = Output.TABLE) -> None:
    """Tell all about tasks: state, stages, progress, why they wait, what went wrong."""
    found = setup(context)
    space = found.namespace(namespace)
    tasks = [found.cluster.get(ASYNC_TASK, space, name) for name in names]
    if output in {Output.TABLE, Output.WIDE}:
        for number, task in enumerate(tasks):
            if number:
                console.print()
            _tell(found, task)
    else:
        show(ASYNC_TASK, tasks, output, single=len(tasks) == 1)


def _tell(found: Setup, task: Object) -> None:
    meta, spec, status = task["metadata"], task["spec"], task.get("status", {})
    waiting = status.get("waiting") or {}
    pairs(
        [
            ("Name", f"{meta['namespace']}/{meta['name']}"),
            ("Id", meta["uid"]),
            ("Type", spec.get("type", "(stages of its own)")),
            ("Phase", phase(status.get("phase", Phase.PENDING))),
            ("Message", status.get("message")),
            ("Run", spec.get("run", 1) if spec.get("run", 1) > 1 else None),
            ("Priority", status.get("priority")),
            ("Queue", spec.get("queueName")),
            ("Submitted", formats.clock(meta["creationTimestamp"])),
            ("By", meta.get("annotations", {}).get(f"{labels.GROUP}/submitted-by")),
            ("Started", formats.clock(status.get("startTime"))),
            ("Ended", formats.clock(status.get("completionTime"))),
            ("Progress", formats.progress(status.get("progress")) if not status.get("completionTime") else None),
            ("Waiting", f"{waiting['reason']}: {waiting.get('message', '')}" if waiting else None),
            ("Failed items", status.get("itemErrorCount") or None),
        ]
    )
    console.print(Text("Config:", "bold"))
    pairs([(key, value) for key, value in spec.get("config", {}).items()], indent="  ")
    if stages := status.get("stages"):
        console.print(Text("Stages:", "bold"))
        table(
            [
                ("  Name", lambda stage: f"  {stage['name']}"),
                ("Phase", lambda stage: stage.get("phase", "")),
                ("Percent", lambda stage: f"{stage['percent']}%" if stage.get("percent") is not None else ""),
                ("Attempt", lambda stage: stage.get("attempt", "") if stage.get("object") else ""),
                ("Started", lambda stage: formats.age(stage.get("startTime"))),
                ("Message", lambda stage: stage.get("message", "")),
            ],
            stages,
        )
    _tell_errors(found, task)


def _tell_errors(found: Setup, task: Object) -> None:
    """The newest failure and the first failed items of each stage."""
    meta = task["metadata"]
    run = task["spec"].get("run", 1)
    selector = f"{labels.LABEL_TASK_UID}={meta['uid']},{labels.LABEL_RUN}={run}"
    for stage in found.cluster.list(STAGE, meta["namespace"], selector):
        status, name = stage.get("status", {}), stage["spec"]["template"]["name"]
        if (error := status.get("lastError")) and not status.get("completionTime"):
            said = f"attempt {error.get('attempt')}: {error.get('reason')}: {error.get('message')}"
            console.print(Text(f"Last error of {name}: {said}", "yellow"))
        items = status.get("itemErrors") or {}
        for item in items.get("first", ())[:5]:
            console.print(Text(f"  {name}: {item['path']}: {item.get('reason')}: {item.get('message')}"))
        if items.get("count", 0) > 5:
            console.print(Text(f"  … {items['count']} items of {name} failed in all"))
