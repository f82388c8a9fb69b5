"""Watch tasks with live progress bars, to their end."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from asynctask.api.kinds import ASYNC_TASK
from asynctask.api.status import FINAL_PHASES, Phase, Progress
from asynctask.cli import formats
from asynctask.cli.failures import NO_SERVER, NOT_FOUND, TASK_FAILED, TASK_PARTIAL, Failure
from asynctask.cli.options import Names, Namespace, Setup, setup
from asynctask.cli.output import Object, console, phase

PATIENCE_SECONDS = 120.0
"""An API server that is away for longer ends the watching; the tasks go on."""
RETRY_SECONDS = 2.0


def watch(
    context: typer.Context,
    names: Names,
    namespace: Namespace = None,
    until: Annotated[str, typer.Option(help="Stop at `end`, or as soon as one is `running`.")] = "end",
) -> None:
    """Watch tasks with live progress to their end. The exit code says how: 0 succeeded, 1 failed, 3 done in part."""
    found = setup(context)
    raise typer.Exit(follow(found, found.namespace(namespace), names, until_running=until == "running"))


def follow(found: Setup, namespace: str, names: list[str], *, until_running: bool = False) -> int:
    """Show the tasks until all have ended; returns the exit code of the worst."""
    tasks = {name: found.cluster.get(ASYNC_TASK, namespace, name) for name in names}
    live = Live(_picture(tasks.values()), console=console, refresh_per_second=4) if console.is_terminal else None
    said: dict[str, str] = {}
    try:
        if live:
            live.start()
        for event in _changes(found, namespace, tasks):
            if event is not None:
                name = event["object"]["metadata"]["name"]
                if event["type"] == "DELETED":
                    raise Failure(f"{name} was deleted", code=NOT_FOUND)
                tasks[name] = event["object"]
            if live:
                live.update(_picture(tasks.values()))
            else:
                _say(tasks.values(), said)
            if all(_is_over(task) for task in tasks.values()) or (until_running and any(map(_runs, tasks.values()))):
                break
    finally:
        if live:
            live.stop()
    return (
        max((_exit_code(task) for task in tasks.values()), key=lambda code: (0, 2, 0, 1)[code])
        if not until_running
        else 0
    )


@dataclass(slots=True)
class _Link:
    """How long the API server has been silent."""

    broken_since: float | None = None

    def broke(self, failure: Failure) -> None:
        """Be patient for a while. Raises the failure when it lasts."""
        now = time.monotonic()
        self.broken_since = self.broken_since or now
        if now - self.broken_since > PATIENCE_SECONDS:
            raise failure
        time.sleep(RETRY_SECONDS)


def _changes(found: Setup, namespace: str, tasks: dict[str, Object]) -> Iterator[Object | None]:
    """Events of the tasks, through restarts of the API server; None first, for what is known already."""
    yield None
    link = _Link()
    single = next(iter(tasks)) if len(tasks) == 1 else ""
    while True:
        try:
            for name in tasks:  # whatever the watch missed
                fresh = found.cluster.get(ASYNC_TASK, namespace, name)
                if fresh["metadata"]["resourceVersion"] != tasks[name]["metadata"]["resourceVersion"]:
                    yield {"type": "MODIFIED", "object": fresh}
            link.broken_since = None
            oldest = min(tasks.values(), key=lambda task: int(task["metadata"]["resourceVersion"]))
            version = oldest["metadata"]["resourceVersion"]
            for event in found.cluster.watch(ASYNC_TASK, namespace, name=single, version=version):
                if event["object"]["metadata"]["name"] in tasks:
                    yield event
        except Failure as failure:
            if failure.code != NO_SERVER:
                raise
            link.broke(failure)


def _runs(task: Object) -> bool:
    return _is_over(task) or task.get("status", {}).get("phase") == Phase.RUNNING


def _is_over(task: Object) -> bool:
    status = task.get("status", {})
    return status.get("phase") in FINAL_PHASES and status.get("run") == task["spec"].get("run", 1)


def _exit_code(task: Object) -> int:
    ended = task.get("status", {}).get("phase")
    if ended in {Phase.SUCCEEDED, Phase.SKIPPED}:
        return 0
    return TASK_PARTIAL if ended == Phase.PARTIAL else TASK_FAILED


def _say(tasks: Iterable[Object], said: dict[str, str]) -> None:
    """Without a terminal: a line for each change of phase, stage or ten percent."""
    for task in tasks:
        status = task.get("status", {})
        percent = Progress.model_validate(status.get("progress") or {}).percent
        key = f"{status.get('phase')} {status.get('stage')} {percent // 10 if percent is not None else ''}"
        name = task["metadata"]["name"]
        if said.get(name) != key:
            said[name] = key
            words = [
                status.get("phase", "Pending"),
                status.get("stage", ""),
                formats.progress(status.get("progress")) if not _is_over(task) else status.get("message", ""),
            ]
            print(f"{time.strftime('%H:%M:%S')} {name}: " + "  ".join(filter(None, words)), flush=True)  # noqa: T201


def _picture(tasks: Iterable[Object]) -> Group:
    return Group(*(_task(task) for task in tasks))


def _task(task: Object) -> Group:
    status = task.get("status", {})
    word = status.get("phase", "Pending")
    head = Text.assemble(
        (task["metadata"]["name"], "bold"),
        "  ",
        phase(word),
        "  ",
        status.get("message", "") if word != Phase.RUNNING else "",
    )
    grid = Table(box=None, show_header=False, padding=(0, 2, 0, 2))
    for stage in status.get("stages", ()):
        now = stage.get("phase", "Pending")
        is_current = now == Phase.RUNNING and stage["name"] in str(status.get("stage", "")).split(", ")
        percent = 100 if now in {Phase.SUCCEEDED, Phase.PARTIAL} else stage.get("percent")
        figures = formats.progress(status.get("progress")) if is_current else _end(stage)
        bar = (
            ProgressBar(total=100, completed=percent or 0, width=30)
            if now not in {Phase.PENDING, Phase.SKIPPED}
            else Text("")
        )
        attempt = f"attempt {stage['attempt']}" if stage.get("attempt", 1) > 1 else ""
        grid.add_row(stage["name"], phase(now), bar, Text(figures), Text(attempt, "yellow"))
    return Group(head, grid)


def _end(stage: Object) -> str:
    if stage.get("phase") != Phase.SUCCEEDED:
        return str(stage.get("message", ""))
    start, end = formats.moment(stage.get("startTime")), formats.moment(stage.get("completionTime"))
    return f"took {formats.span((end - start).total_seconds())}" if start and end else ""
