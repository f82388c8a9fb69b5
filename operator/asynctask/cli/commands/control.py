"""Steer tasks: each command is one small patch, safe to repeat."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from asynctask.api.kinds import ASYNC_TASK
from asynctask.api.status import FINAL_PHASES
from asynctask.cli import completion
from asynctask.cli.failures import USAGE, Failure
from asynctask.cli.options import AllNamespaces, Namespace, Selector, Setup, TaskName, Yes, setup
from asynctask.cli.output import Object

ManyNames = Annotated[
    list[str] | None,
    typer.Argument(
        help="Names of tasks; or give --selector or --all.", show_default=False, autocompletion=completion.tasks
    ),
]
All = Annotated[bool, typer.Option("--all", help="All tasks of the namespace.")]
Change = Callable[[Object], dict[str, Any] | str]
"""The fields of the spec to change, or why nothing is."""


def chosen(found: Setup, names: list[str] | None, space: str | None, selector: str, everything: bool) -> list[Object]:
    """The tasks that the arguments name. Fails when they name none, or in two ways."""
    if bool(names) + bool(selector) + everything != 1:
        raise Failure("say which tasks: by name, with --selector, or with --all", code=USAGE)
    namespace = found.namespace(space)
    if names:
        return [found.cluster.get(ASYNC_TASK, namespace, name) for name in names]
    return list(found.cluster.list(ASYNC_TASK, namespace, selector))


def has_ended(task: Object) -> bool:
    """Whether the run that the spec asks for is over."""
    status = task.get("status", {})
    return status.get("phase") in FINAL_PHASES and status.get("run") == task["spec"].get("run", 1)


def each(found: Setup, tasks: list[Object], change: Change, word: str) -> None:
    """Patch each task's spec as `change` says, or tell why it is left as it is."""
    for task in tasks:
        meta = task["metadata"]
        spec = change(task)
        if isinstance(spec, str):
            typer.echo(f"asynctask/{meta['name']} {spec}")
            continue
        body = (
            {"metadata": {"resourceVersion": meta["resourceVersion"]}, "spec": spec}
            if "run" in spec
            else {"spec": spec}
        )
        found.cluster.patch(ASYNC_TASK, meta["namespace"], meta["name"], body)
        typer.echo(f"asynctask/{meta['name']} {word}")


def steering(name: str, change: Change, word: str, about: str) -> Callable[..., None]:
    """A command that changes one field of tasks that are named in any of the ways."""

    def command(
        context: typer.Context,
        names: ManyNames = None,
        namespace: Namespace = None,
        selector: Selector = "",
        everything: All = False,
    ) -> None:
        found = setup(context)
        each(found, chosen(found, names, namespace, selector, everything), change, word)

    command.__name__, command.__doc__ = name, about
    return command


def _paused(task: Object) -> dict[str, Any] | str:
    if has_ended(task):
        return f"has ended ({task['status']['phase']}); nothing to pause"
    return "is paused already" if task["spec"].get("suspend") else {"suspend": True}


def _resumed(task: Object) -> dict[str, Any] | str:
    return {"suspend": False} if task["spec"].get("suspend") else "is not paused"


def _cancelled(task: Object) -> dict[str, Any] | str:
    if has_ended(task):
        return f"has ended ({task['status']['phase']}); nothing to cancel"
    return "is being cancelled already" if task["spec"].get("cancel") else {"cancel": True}


pause = steering(
    "pause",
    _paused,
    "paused; go on with: asynctask resume",
    "Pause tasks: they save a checkpoint, their pods go, their place in the queue is free.",
)
resume = steering("resume", _resumed, "resumed", "Let paused tasks go on from their checkpoints.")
cancel = steering(
    "cancel", _cancelled, "cancelled", "End the current run of tasks for good. `restart` begins a new one."
)


def restart(
    context: typer.Context,
    names: ManyNames = None,
    namespace: Namespace = None,
    selector: Selector = "",
    everything: All = False,
    stage: Annotated[str | None, typer.Option("--from", help="Keep the results of the stages before this one.")] = None,
) -> None:
    """Run tasks again, from the start or from a stage. One that still runs is stopped first."""

    def change(task: Object) -> dict[str, Any] | str:
        known = [one["name"] for one in task.get("status", {}).get("stages", ())]
        if stage and known and stage not in known:
            raise Failure(f"{task['metadata']['name']} has no stage {stage}", "it has: " + ", ".join(known), USAGE)
        spec = {"run": int(task["spec"].get("run", 1)) + 1, "restartFrom": stage, "cancel": False, "suspend": False}
        if stage and task["spec"].get("restartFrom") == stage:
            meta = task["metadata"]
            newer = found.cluster.patch(ASYNC_TASK, meta["namespace"], meta["name"], {"spec": {"restartFrom": None}})
            meta["resourceVersion"] = newer["metadata"]["resourceVersion"]
        return spec

    found = setup(context)
    each(
        found,
        chosen(found, names, namespace, selector, everything),
        change,
        "restarted" + (f" from {stage}" if stage else ""),
    )


def priority(
    context: typer.Context,
    name: TaskName,
    value: Annotated[int, typer.Argument(min=1, max=5, help="1 is the most urgent, 5 the least.")],
    namespace: Namespace = None,
) -> None:
    """Change a task's priority, while it waits or runs."""
    found = setup(context)
    found.cluster.patch(ASYNC_TASK, found.namespace(namespace), name, {"spec": {"priority": value}})
    typer.echo(f"asynctask/{name} has priority {value}")


def delete(
    context: typer.Context,
    names: ManyNames = None,
    namespace: Namespace = None,
    selector: Selector = "",
    everything: All = False,
    yes: Yes = False,
) -> None:
    """Delete tasks. What runs is stopped; what they copied stays. History stays in the archive, where there is one."""
    found = setup(context)
    tasks = chosen(found, names, namespace, selector, everything)
    running = [task["metadata"]["name"] for task in tasks if not has_ended(task)]
    if running and not yes:
        typer.confirm(
            f"Not ended yet: {', '.join(running[:10])}{' …' if len(running) > 10 else ''}. Delete all the same?",
            abort=True,
        )
    for task in tasks:
        meta = task["metadata"]
        found.cluster.delete(ASYNC_TASK, meta["namespace"], meta["name"])
        typer.echo(f"asynctask/{meta['name']} deleted")


__all__ = ["AllNamespaces", "cancel", "chosen", "delete", "has_ended", "pause", "priority", "restart", "resume"]
