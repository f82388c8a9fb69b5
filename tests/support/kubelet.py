"""An acted kubelet and scheduler: pods 'run' by a script, and every life of every pod is recorded.

It takes pods that have no node, says what a kubelet would say of them, and lets them go when they are asked to stop.
"""

import asyncio
import threading
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, Self

import aiohttp
import orjson

from asynctask.adapters.cluster import open_session
from asynctask.adapters.connection import from_kubeconfig
from asynctask.api import names

Body = dict[str, Any]
RETRY_SECONDS = 0.2
FOR_EVER = 1e6


@dataclass(frozen=True)
class Script:
    """What a pod does."""

    runs: float = 0.0
    """Seconds until it ends by itself."""
    exit_code: int = 0
    message: str = ""
    """Its termination message."""
    stops_with: int = 143
    """The exit code when it is asked to stop."""
    stopping: float = 0.0
    """Seconds that takes."""
    waiting: str = ""
    """Why it never starts: `ImagePullBackOff`, …"""


@dataclass
class Life:
    """One process of a stage, from its start to its end, in seconds of one clock."""

    task: str
    stage: str
    run: int
    attempt: int
    begun: float
    ended: float | None = None
    exit_code: int | None = None
    asked: bool = False
    """Whether it was asked to stop."""


@dataclass
class _Acted:
    pod: Body
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    life: Life | None = None


class ActedKubelet:
    """Runs on a thread of its own while the context lasts."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self._connection = from_kubeconfig(kubeconfig)
        self._pods_path = f"/api/v1/namespaces/{namespace}/pods"
        self._scripts: dict[tuple[str, str], tuple[Script, ...]] = {}
        self._acted: dict[str, _Acted] = {}
        self._holders: dict[str, _Acted] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._main: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="kubelet", daemon=True)
        self._started = threading.Event()
        self.default = Script()
        self.lives: list[Life] = []
        self.doubles: list[str] = []
        """Pods that a Job got beside another; the gateway lets none of them begin."""
        self.errors: list[str] = []

    def plays(self, task: str, stage: str, *scripts: Script) -> None:
        """The pods of a stage play these scripts one after the other, the last one again and again."""
        self._scripts[task, stage] = scripts

    def lives_of(self, task: str, stage: str = "") -> list[Life]:
        """The lives of a task's pods."""
        return [life for life in list(self.lives) if life.task == task and stage in {"", life.stage}]

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._loop and self._main:
            self._loop.call_soon_threadsafe(self._main.cancel)
        self._thread.join(10)
        assert not self.errors, self.errors

    async def _run(self) -> None:
        self._loop, self._main = asyncio.get_running_loop(), asyncio.current_task()
        self._started.set()
        async with open_session(self._connection, "acted-kubelet") as self._session:
            try:
                while True:
                    try:
                        await self._follow()
                    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
                        await asyncio.sleep(RETRY_SECONDS)
            except asyncio.CancelledError:
                for task in self._tasks:
                    task.cancel()
            await _close(self._session)

    async def _follow(self) -> None:
        listed = await self._call("GET", self._pods_path)
        if listed is None or "items" not in listed:
            raise ValueError("no list")
        present = {pod["metadata"]["uid"] for pod in listed["items"]}
        for pod in listed["items"]:
            self._take(pod)
        for uid in [uid for uid in self._acted if uid not in present]:
            self._acted.pop(uid).gone.set()
        params = {"watch": "1", "resourceVersion": listed["metadata"]["resourceVersion"], "timeoutSeconds": "60"}
        url = self._connection.server + self._pods_path
        timeout = aiohttp.ClientTimeout(total=None, connect=3, sock_read=70)
        async with self._session.get(url, params=params, timeout=timeout) as answer:
            while line := await answer.content.readline():
                event = orjson.loads(line)
                if event["type"] == "ERROR":
                    return
                if event["type"] == "DELETED":
                    if acted := self._acted.pop(event["object"]["metadata"]["uid"], None):
                        acted.gone.set()
                else:
                    self._take(event["object"])

    def _take(self, pod: Body) -> None:
        meta = pod["metadata"]
        acted = self._acted.get(meta["uid"])
        if acted is None:
            if pod.get("status", {}).get("phase") in {"Succeeded", "Failed"} or pod["spec"].get("nodeName"):
                return
            acted = self._acted[meta["uid"]] = _Acted(pod)
            self._start(self._act(acted))
        if meta.get("deletionTimestamp"):
            acted.asked.set()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self.errors.append(repr(error))

    async def _act(self, acted: _Acted) -> None:
        meta = acted.pod["metadata"]
        path = f"{self._pods_path}/{meta['name']}"
        binding = {"target": {"kind": "Node", "name": "acted"}, "metadata": {"name": meta["name"], "uid": meta["uid"]}}
        if await self._call("POST", f"{path}/binding", binding) is None:
            # its own doing, when the answer to the first try came too late
            found = await self._call("GET", path)
            if found is None or found["metadata"]["uid"] != meta["uid"] or found["spec"].get("nodeName") != "acted":
                return
        if acted.gone.is_set():
            return
        if not await self._has_its_turn(path, acted):
            return
        labels, annotations = meta.get("labels", {}), meta.get("annotations", {})
        task, stage = annotations.get(names.ANNOTATION_TASK, ""), labels.get(names.LABEL_STAGE, "")
        run, attempt = int(labels.get(names.LABEL_RUN, 0)), int(labels.get(names.LABEL_ATTEMPT, 0))
        script = self._script(task, stage)
        if script.waiting:
            waiting = {"waiting": {"reason": script.waiting, "message": "the registry said no"}}
            await self._say(path, acted.pod, "Pending", waiting)
            await _first(acted.asked, acted.gone)
            await self._remove(path, acted)
            return
        life = acted.life = Life(task, stage, run, attempt, monotonic())
        self.lives.append(life)
        begun = _now()
        # a kubelet cut off from the API server runs its pods on: what it says comes later than what it does
        saying = asyncio.create_task(self._say(path, acted.pod, "Running", {"running": {"startedAt": begun}}))
        asked = life.asked = await _first(acted.asked, acted.gone, within=script.runs)
        if asked and not acted.gone.is_set():
            await asyncio.sleep(script.stopping)
        life.ended, life.exit_code = monotonic(), script.stops_with if asked else script.exit_code
        acted.ended.set()
        finished = _now()
        await saying
        terminated = {"exitCode": life.exit_code, "startedAt": begun, "finishedAt": finished, "reason": "Completed"}
        if script.message and not asked:
            terminated["message"] = script.message
        phase = "Succeeded" if life.exit_code == 0 else "Failed"
        await self._say(path, acted.pod, phase, {"terminated": terminated})
        await _first(acted.asked, acted.gone)
        await self._remove(path, acted)

    async def _has_its_turn(self, path: str, acted: _Acted) -> bool:
        """What the gateway sees to: of two pods of a Job, the second waits for the first, and begins if that was stopped.

        A Job controller that never hears that its pod was created makes another one, and takes one of them away later.
        """
        meta = acted.pod["metadata"]
        job = next((owner["uid"] for owner in meta.get("ownerReferences", ()) if owner.get("controller")), "")
        before = self._holders.setdefault(job, acted)
        if before is acted:
            return True
        if not before.ended.is_set():
            self.doubles.append(meta["name"])
            await _first(before.ended, acted.asked, acted.gone)
        elif before.life and not before.life.asked:
            self.doubles.append(meta["name"])
        if before.life and before.life.asked and not (acted.asked.is_set() or acted.gone.is_set()):
            self._holders[job] = acted
            return True
        if not acted.gone.is_set():
            stopped = {"exitCode": 143, "startedAt": _now(), "finishedAt": _now(), "reason": "Error"}
            await self._say(path, acted.pod, "Failed", {"terminated": stopped})
            await _first(acted.asked, acted.gone)
            await self._remove(path, acted)
        return False

    def _script(self, task: str, stage: str) -> Script:
        scripts = self._scripts.get((task, stage)) or self._scripts.get((task, "")) or (self.default,)
        return scripts[min(len(self.lives_of(task, stage)), len(scripts) - 1)]

    async def _say(self, path: str, pod: Body, phase: str, state: Body) -> None:
        container = pod["spec"]["containers"][0]
        status = {
            "name": container["name"], "image": container["image"], "imageID": "", "ready": phase == "Running",
            "restartCount": 0, "state": state,
        }  # fmt: skip
        ready = {"type": "Ready", "status": "True" if phase == "Running" else "False"}
        body = {"status": {"phase": phase, "startTime": _now(), "containerStatuses": [status], "conditions": [ready]}}
        await self._call("PATCH", f"{path}/status", {"metadata": {"uid": pod["metadata"]["uid"]}, **body})

    async def _remove(self, path: str, acted: _Acted) -> None:
        if not acted.gone.is_set():
            uid = acted.pod["metadata"]["uid"]
            await self._call("DELETE", path, {"gracePeriodSeconds": 0, "preconditions": {"uid": uid}})

    async def _call(self, method: str, path: str, body: Body | None = None) -> Body | None:
        """Try until the API server answers. None: the pod is no more, or another's."""
        content = "application/strategic-merge-patch+json" if method == "PATCH" else "application/json"
        data = None if body is None else orjson.dumps(body)
        while True:
            try:
                async with self._session.request(
                    method, self._connection.server + path, data=data, headers={"Content-Type": content},
                    timeout=aiohttp.ClientTimeout(total=5),
                ) as answer:  # fmt: skip
                    payload = await answer.read()
                    if answer.status < 300:
                        result: Body = orjson.loads(payload)
                        return result
                    if answer.status in {404, 409}:
                        return None
                    if answer.status == 422:
                        raise RuntimeError(payload.decode()[:500])
            except (aiohttp.ClientError, TimeoutError, OSError, orjson.JSONDecodeError):
                pass
            await asyncio.sleep(RETRY_SECONDS)


async def _first(*events: asyncio.Event, within: float = FOR_EVER) -> bool:
    """Whether one of the events came in time."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        done, _ = await asyncio.wait(waits, timeout=within, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    return bool(done)


async def _close(session: aiohttp.ClientSession) -> None:
    """Close connections at once: nobody on the other side must be waited for."""
    if session.connector:
        await session.connector.close(abort_ssl=True)
    await asyncio.sleep(0.1)  # transports close in the next rounds of the loop


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
