"""The task and its stages as the API server tells them, kept fresh by `kubectl get --watch`, and the progress line."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Any

from .terminal import DemoError, Terminal, size

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcluster.kubectl import Kubectl

Object = dict[str, Any]
BAR = 24


class Watch:
    """All objects of one kind in a namespace. Started again whenever it ends, until closed."""

    def __init__(self, kubectl: Kubectl, kind: str, namespace: str, changed: threading.Condition) -> None:
        self._command = [
            *kubectl.command, "get", kind, "--namespace", namespace,
            "--watch", "--output-watch-events", "--output=json",
        ]  # fmt: skip
        self._changed = changed
        self._objects: dict[str, Object] = {}
        self._closed = False
        self._process: subprocess.Popen[str] | None = None
        threading.Thread(target=self._run, daemon=True).start()

    def objects(self) -> list[Object]:
        """What there is now."""
        with self._changed:
            return list(self._objects.values())

    def close(self) -> None:
        """End it."""
        self._closed = True
        if self._process:
            self._process.kill()

    def _run(self) -> None:
        while not self._closed:
            with subprocess.Popen(
                self._command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            ) as self._process:
                self._read(self._process)
            time.sleep(0.5)

    def _read(self, process: subprocess.Popen[str]) -> None:
        text = ""
        for line in process.stdout or ():
            text += line
            try:  # a document is one line, or many where kubectl indents
                event = json.loads(text)
            except ValueError:
                continue
            text = ""
            found = event["object"]
            with self._changed:
                if event["type"] == "DELETED":
                    self._objects.pop(found["metadata"]["name"], None)
                else:
                    self._objects[found["metadata"]["name"]] = found
                self._changed.notify_all()


class Board:
    """One task on the terminal: its stages' bars, and waiting for what should happen to it."""

    def __init__(self, kubectl: Kubectl, terminal: Terminal, namespace: str, task: str) -> None:
        self._terminal = terminal
        self._changed = threading.Condition()
        self._tasks = Watch(kubectl, "asynctasks", namespace, self._changed)
        self._stages = Watch(kubectl, "stages", namespace, self._changed)
        self._namespace, self._name = namespace, task
        self._told: set[tuple[int, str]] = set()

    def close(self) -> None:
        """End the watches."""
        self._tasks.close()
        self._stages.close()

    def task(self) -> Object:
        """The task; empty while there is none."""
        return next((task for task in self._tasks.objects() if task["metadata"]["name"] == self._name), {})

    def status(self) -> Object:
        """The task's status; empty while it speaks of an earlier spec."""
        task = self.task()
        status: Object = task.get("status", {})
        return status if status.get("run") == task.get("spec", {}).get("run", 1) else {}

    def stage(self, name: str) -> Object:
        """The status of a stage of the current run; empty while there is none."""
        for stage in self._of_run():
            if stage["spec"]["template"]["name"] == name:
                return {**stage.get("status", {})}
        return {}

    def until(self, what: str, holds: Callable[[], bool], seconds: float, *, fails_with_task: bool = True) -> float:
        """Draw and wait until it holds; returns how long that took. Raises DemoError when it does not come about."""
        began = time.monotonic()
        while not holds():
            self.draw()
            status = self.status()
            if fails_with_task and status.get("phase") in {"Failed", "Invalid", "Cancelled"}:
                raise DemoError(f"the task ended {status['phase']}: {status.get('message')}\n{self._advice()}")
            if time.monotonic() - began > seconds:
                raise DemoError(f"within {seconds:.0f} s it did not happen that {what}\n{self._advice()}")
            with self._changed:
                self._changed.wait(0.25)
        self.draw()
        return time.monotonic() - began

    def draw(self) -> None:
        """The bar of the stage that moves; a bar that has come to its end stays on the screen."""
        for stage in sorted(self._of_run(), key=lambda item: item["metadata"]["creationTimestamp"]):
            run, name = stage["spec"].get("run", 1), stage["spec"]["template"]["name"]
            status = stage.get("status", {})
            if (run, name) in self._told:
                continue
            self._terminal.moving(line(name, status))
            if status.get("completionTime"):
                self._terminal.say(line(name, status).strip())
                self._told.add((run, name))

    def _of_run(self) -> list[Object]:
        task = self.task()
        uid, run = task.get("metadata", {}).get("uid"), task.get("spec", {}).get("run", 1)
        return [s for s in self._stages.objects() if s["spec"]["taskUID"] == uid and s["spec"].get("run", 1) == run]

    def _advice(self) -> str:
        return (
            f"look:  kubectl -n {self._namespace} describe asynctask {self._name}\n"
            f"       kubectl -n {self._namespace} get stages,jobs,pods\n"
            "       kubectl -n asynctask-system logs deployment/asynctask-operator --tail=50"
        )


def line(name: str, status: Object) -> str:
    """One stage: bar, percent, bytes, files, rate, time left."""
    progress = status.get("progress", {})
    done, total = progress.get("bytesDone"), progress.get("bytesTotal")
    items, of = progress.get("itemsDone"), progress.get("itemsTotal")
    share = done / total if done is not None and total else items / of if items is not None and of else None
    phase = status.get("phase") or "Starting"
    if status.get("completionTime") and phase in {"Succeeded", "Partial"}:
        share = 1.0
    words = [f"   {name:9}"]
    filled = round(BAR * min(1.0, share)) if share is not None else 0
    words.append("[" + "#" * filled + "." * (BAR - filled) + "]")
    words.append(f"{min(100, int(share * 100)):3d}%" if share is not None else "  - ")
    if done is not None:
        words.append(f"{size(done)} of {size(total)}" if total else size(done))
    if items is not None:
        words.append(f"{items}/{of} files" if of else f"{items} files")
    if phase == "Running" and progress.get("bytesPerSecond"):
        words.append(f"{size(progress['bytesPerSecond'])}/s")
        if progress.get("remainingSeconds") is not None:
            words.append(f"{progress['remainingSeconds']} s left")
    if phase != "Running":
        words.append(phase)
    if status.get("attempt", 1) > 1:
        words.append(f"attempt {status['attempt']}")
    return "  ".join(words)
