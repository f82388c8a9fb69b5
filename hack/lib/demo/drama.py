"""What happens to the backup while it runs, each thing announced and proven."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from .backup import NAMESPACE, QUEUE
from .machine import SYSTEM
from .terminal import DemoError, size

if TYPE_CHECKING:
    from .backup import Backup
    from .machine import Machine
    from .terminal import Terminal
    from .watching import Board

LEASE = "asynctask-operator"
QUICK = "quick"
MOVING_SECONDS = 300


class Drama:
    """The four things that are done to a running backup."""

    def __init__(self, machine: Machine, backup: Backup, board: Board, terminal: Terminal, big_bytes: int) -> None:
        self._machine, self._backup, self._board, self._terminal = machine, backup, board, terminal
        self._big_bytes = big_bytes

    def lose_the_leader(self) -> None:
        """The operator's leader dies; the copy goes on, and the other replica leads."""
        self._board.until("the content stage reports progress", lambda: self._done() > 0, MOVING_SECONDS)
        pod, before = self._backup.pod(self._board), self._done()
        leader = self._leader()
        self._terminal.act(f"The operator's leader, {leader}, is killed and its pod deleted")
        how = self._machine.kill_container(SYSTEM, leader)
        self._machine.kubectl(
            "delete", "pod", leader, f"--namespace={SYSTEM}", "--grace-period=0", "--force", "--ignore-not-found",
            "--wait=false",
        )  # fmt: skip
        self._terminal.say(how)
        took = self._board.until("another replica leads", lambda: self._leader() not in {"", leader}, 90)
        self._terminal.proven(f"{self._leader()} leads after {took:.1f} s")
        self._board.until("the copy moves on", lambda: self._done() > before, 60)
        self._ensure_copying()
        if self._backup.pod(self._board)["metadata"]["uid"] != pod["metadata"]["uid"]:
            raise DemoError("the stage's pod was replaced although only the operator died")
        self._terminal.proven(
            f"the stage never noticed: same pod, {size(before)} copied before, {size(self._done())} by now"
        )

    def pause_and_resume(self, image: str) -> None:
        """Pause: the pod goes and its place in the queue is free for another task. Resume: it goes on."""
        self._until_big_file(0.2)
        self._terminal.act("A second task is handed in; the queue runs one at a time")
        self._backup.kubectl.apply(quick_task(image))
        self._backup.ask("wait", "asynctasks", QUICK, "--for=jsonpath={.status.phase}=Queued", "--timeout=60s")
        self._terminal.say(
            f"{QUICK}: " + self._backup.ask("get", "asynctasks", QUICK, "-o", "jsonpath={.status.message}")
        )
        self._terminal.act("The backup is paused: kubectl patch at nightly with suspend: true")
        uid = self._board.task()["metadata"]["uid"]
        began = time.monotonic()
        self._backup.change({"suspend": True})
        self._board.until("the pod of the paused task is gone", lambda: not self._backup.pods(uid), 90)
        gone = time.monotonic() - began
        self._board.until("the task says Paused", lambda: self._condition("Paused") == "True", 30)
        before = self._done()
        self._terminal.proven(f"paused: checkpoint saved, pod gone after {gone:.1f} s, {size(before)} are kept")
        self._backup.ask("wait", "asynctasks", QUICK, "--for=condition=Succeeded", "--timeout=120s", timeout=130)
        self._terminal.proven(f"its place was free: task {QUICK} has run meanwhile")
        self._terminal.act("The backup is resumed: suspend: false")
        attempt = self._attempt()
        self._backup.change({"suspend": False})
        self._goes_on("resumed", before, attempt)

    def kill_the_mover(self) -> None:
        """The container is killed half-way through the big file; a new attempt goes on inside it."""
        self._until_big_file(0.5)
        pod = self._backup.pod(self._board)
        name, attempt = pod["metadata"]["name"], self._attempt()
        self._terminal.act(f"The process that copies ({name}) is killed half-way through the big file")
        how = self._machine.kill_container(NAMESPACE, name)
        before = self._done()
        self._terminal.say(f"{how}; the last report spoke of {size(before)}")
        took = self._board.until("the stage begins another attempt", lambda: self._attempt() > attempt, 120)
        self._terminal.say(f"the operator knows after {took:.1f} s and plans attempt {attempt + 1}")
        self._goes_on(f"attempt {attempt + 1} has begun", before, attempt + 1)

    def lift_the_limit(self, megabytes: int) -> None:
        """The endpoint's limit is changed while a stage runs under it."""
        self._terminal.act(f"The backup share's limit of {megabytes} MB/s is lifted while the stage runs")
        progress = self._ensure_copying().get("progress", {})
        left = progress.get("bytesTotal", 0) - progress.get("bytesDone", 0)
        self._backup.limit(None)
        took = self._board.until(
            "the copy ends", lambda: bool(self._board.stage("content").get("completionTime")), MOVING_SECONDS
        )
        bound = left / (megabytes * 1_000_000)
        text = f"the last {size(left)} took {took:.0f} s; under the limit they would have taken {bound:.0f} s"
        if took < 0.8 * bound:
            self._terminal.proven(text)
        else:
            self._terminal.say(f"{text} (storage or machine are no faster now)")

    def _goes_on(self, what: str, before: int, attempt: int) -> None:
        """The first report of the pod that goes on says where it began."""
        old = self._board.stage("content").get("progress")
        self._board.until(
            "the stage reports from its new pod",
            lambda: (
                self._attempt() >= attempt
                and self._board.stage("content").get("progress") != old
                and self._board.stage("content").get("holder", {}).get("attempt", 1) >= attempt
            ),
            120,
        )
        first = self._done()
        if first < before * 0.9:
            raise DemoError(f"it began again at {size(first)}, though {size(before)} had been copied")
        self._terminal.proven(
            f"{what}, and its first report says {size(first)}; {size(before)} before: nothing again from zero"
        )

    def _until_big_file(self, share: float) -> None:
        """Wait until this share of the big file, which is copied last, is done."""

        def reached() -> bool:
            status = self._ensure_copying()
            total = status.get("progress", {}).get("bytesTotal", 0)
            return bool(total) and self._done() >= total - self._big_bytes * (1 - share)

        self._board.until(f"{share:.0%} of the big file are copied", reached, 1800)

    def _ensure_copying(self) -> dict[str, Any]:
        status = self._board.stage("content")
        if status.get("completionTime"):
            raise DemoError(
                "the copy was done before it could be disturbed; give a lower --rate or a larger --size.\n"
                "On a file system that clones files (btrfs, xfs) a copy takes no time at all: use --calm"
            )
        return status

    def _done(self) -> int:
        return int(self._board.stage("content").get("progress", {}).get("bytesDone", 0))

    def _attempt(self) -> int:
        return int(self._board.stage("content").get("attempt", 1))

    def _condition(self, kind: str) -> str:
        found: list[dict[str, Any]] = self._board.status().get("conditions", [])
        return next((str(item["status"]) for item in found if item["type"] == kind), "")

    def _leader(self) -> str:
        return self._machine.kubectl(
            "get", "lease", LEASE, f"--namespace={SYSTEM}", "-o", "jsonpath={.spec.holderIdentity}"
        )


def quick_task(image: str) -> dict[str, Any]:
    """A task of one small stage, urgent."""
    job = {"image": image, "command": ["python3", "-c", "print('hello')"]}
    return {
        "apiVersion": "asynctask.io/v1alpha1",
        "kind": "AsyncTask",
        "metadata": {"name": QUICK, "namespace": NAMESPACE},
        "spec": {"priority": 1, "queueName": QUEUE, "stages": [{"name": "hello", "job": job}]},
    }
