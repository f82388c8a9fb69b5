"""Logs of a task's stages, from their pods."""

import json
import sys
import threading
from collections.abc import Iterator
from typing import Annotated

import typer

from asynctask.api import names as labels
from asynctask.api.kinds import ASYNC_TASK
from asynctask.cli.commands.control import has_ended
from asynctask.cli.failures import NO_SERVER, NOT_FOUND, Failure
from asynctask.cli.options import Namespace, Setup, TaskName, setup
from asynctask.cli.output import Object, errors

POLL_SECONDS = 1.0


def logs(
    context: typer.Context,
    name: TaskName,
    namespace: Namespace = None,
    stage: Annotated[str, typer.Option(help="Only this stage.")] = "",
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on as the task does, through its stages and attempts.")
    ] = False,
    tail: Annotated[int | None, typer.Option(min=0, help="Only so many lines of each pod.")] = None,
    run: Annotated[int | None, typer.Option(min=1, help="An earlier run; the newest when absent.")] = None,
) -> None:
    """Print what the pods of a task said. What is older than its pods: through the archive, with --gateway."""
    found = setup(context)
    space = found.namespace(namespace)
    task = found.cluster.get(ASYNC_TASK, space, name)
    wanted = run or task["spec"].get("run", 1)
    selector = f"{labels.LABEL_TASK_UID}={task['metadata']['uid']},{labels.LABEL_RUN}={wanted}" + (
        f",{labels.LABEL_STAGE}={stage}" if stage else ""
    )
    if follow:
        _follow(found, space, name, selector, tail)
        return
    pods = _pods(found, space, selector)
    if not pods:
        raise Failure(
            f"{name} has no pods (any more)", "ask the archive: asynctask --gateway URL history logs ID", NOT_FOUND
        )
    for pod in pods:
        _print(pod, _lines(found, pod, follow=False, tail=tail), threading.Lock(), several=len(pods) > 1)


def _follow(found: Setup, space: str, name: str, selector: str, tail: int | None) -> None:
    """Follow each pod as it comes, until the task has ended and all has been read."""
    lock, readers = threading.Lock(), dict[str, threading.Thread]()
    wake = threading.Event()
    while True:
        is_over = has_ended(found.cluster.get(ASYNC_TASK, space, name))
        for pod in _pods(found, space, selector):
            uid = pod["metadata"]["uid"]
            if uid not in readers and pod["status"].get("phase") != "Pending":
                lines = _lines(found, pod, follow=True, tail=tail)
                readers[uid] = threading.Thread(
                    target=_print, args=(pod, lines, lock), kwargs={"several": True}, daemon=True
                )
                readers[uid].start()
        if is_over:
            break
        wake.wait(POLL_SECONDS)
    for reader in readers.values():
        reader.join()


def _pods(found: Setup, space: str, selector: str) -> list[Object]:
    answer = found.cluster.raw("GET", f"/api/v1/namespaces/{space}/pods", query={"labelSelector": selector})
    items: list[Object] = answer["items"]
    return sorted(items, key=lambda pod: pod["metadata"]["creationTimestamp"])


def _lines(found: Setup, pod: Object, *, follow: bool, tail: int | None) -> Iterator[bytes]:
    meta = pod["metadata"]
    query = {"follow": "true"} if follow else {}
    query |= {"tailLines": str(tail)} if tail is not None else {}
    return found.cluster.lines(f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}/log", query)


def _print(pod: Object, lines: Iterator[bytes], lock: threading.Lock, *, several: bool) -> None:
    tags = pod["metadata"].get("labels", {})
    prefix = f"[{tags.get(labels.LABEL_STAGE, '')}/{tags.get(labels.LABEL_ATTEMPT, '')}] " if several else ""
    try:
        for line in lines:
            with lock:
                sys.stdout.write(prefix + _readable(line) + "\n")
                sys.stdout.flush()
    except Failure as failure:
        if failure.code not in {NOT_FOUND, NO_SERVER}:
            errors.print(f"{pod['metadata']['name']}: {failure}")


def _readable(line: bytes) -> str:
    """A line of the SDK as a sentence; any other as it is, without what would steer the terminal."""
    text = line.decode(errors="replace")
    if text.startswith("{"):
        try:
            found = json.loads(text)
            return f"{found['time']} {found['level']:<7} {found['message']}"
        except (ValueError, KeyError, TypeError):
            pass
    return "".join(character if character.isprintable() or character == "\t" else "�" for character in text)
