"""From changes of the cluster to the clients that follow them.

An event is numbered, kept for who comes back, and made into bytes once; clients are found by what they follow, and
those that follow the same are served together. Work is done in rounds: under load a round has more changes, and of
several changes of one task a client gets the last.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from time import monotonic
from typing import Any

import structlog

from asynctask.gateway.front.calls import Caller
from asynctask.gateway.front.stream import frames
from asynctask.gateway.front.stream.client import Client, Grant
from asynctask.gateway.front.stream.counts import Counts
from asynctask.gateway.front.stream.events import Event, History
from asynctask.gateway.front.stream.followers import Followers, Namespaces, name_of
from asynctask.gateway.front.stream.news import frame_for, in_list, newest
from asynctask.gateway.front.stream.rights import Rights
from asynctask.gateway.front.stream.topics import Topic
from asynctask.gateway.front.view import View
from asynctask.gateway.front.view.changes import Batch
from asynctask.gateway.front.view.rows import StageRow, TaskRow
from asynctask.gateway.metrics import Metrics

HEARTBEAT_SECONDS = 15.0
RECHECK_SECONDS = 30.0
OVERVIEW_SECONDS = 1.0
ROUND_SECONDS = 0.02
"""Between rounds; and at least twice the time that the last one took, so that calls are answered under any load."""
ROOM = 50_000

log = structlog.get_logger("stream")


class Hub:
    """All streams of this replica."""

    def __init__(self, view: View, rights: Rights, metrics: Metrics) -> None:
        self._view = view
        self._rights = rights
        self._metrics = metrics
        self._history = History()
        self._clients: dict[str, Client] = {}
        self._followers = Followers()
        self._counts = Counts(view)
        self.newcomers: set[str] = set()
        """Users who have begun to follow their notifications and were told nothing yet."""
        self._beginnings: set[asyncio.Task[None]] = set()
        self.begin_logs: Callable[[str, int], Awaitable[list[dict[str, Any]]]] | None = None
        """Set by who feeds the logs: gives the last lines of one, to begin with."""

    # -- life

    async def run(self) -> None:
        """Serve all streams, for ever."""
        try:
            async with asyncio.TaskGroup() as group:
                for work in (self._follow, self._beat, self._tell_overviews, self._recheck):
                    group.create_task(_kept_up(work))
        finally:
            self.close()

    def close(self) -> None:
        """End all streams: clients go on with another replica."""
        for client in self._clients.values():
            client.close()

    # -- clients

    @property
    def size(self) -> int:
        """How many streams there are."""
        return len(self._clients)

    def streams_of(self, user: str) -> int:
        """How many streams a user has."""
        return sum(client.caller.name == user for client in self._clients.values())

    def client(self, stream_id: str, user: str) -> Client | None:
        """A stream of this user."""
        client = self._clients.get(stream_id)
        return client if client and client.caller.name == user else None

    def new_client(self, caller: Caller, is_known: Callable[[], Awaitable[bool]]) -> Client:
        """A client to be, not yet served."""
        return Client(caller, lambda: self._history.position, is_known)

    async def open(self, client: Client, topics: Iterable[Topic], last_position: str) -> None:
        """Begin: what was missed since a position, if it is known, or else how it is now."""
        client.put(frames.frame("hello", {"stream": client.id, "heartbeatSeconds": HEARTBEAT_SECONDS}))
        client.put(f"retry: {random.randint(1000, 4000)}\n\n".encode())  # noqa: S311 - so that not all come back at once
        grants = await self._grants(client, topics)
        self._clients[client.id] = client
        self._metrics.streams.set(len(self._clients))
        missed = self._history.after(last_position) if last_position else None
        if last_position and missed is None:
            self._metrics.stream_resets.labels("position").inc()
            names = [grant.topic.name for grant in grants]
            client.put(frames.frame("reset", {"topics": names}, self._history.position))
        for grant in grants:
            self._followers.add(client, grant)
            if missed is None or grant.topic.kind == "logs":
                self._snapshot(client, grant)
        for event in missed or ():
            for grant in grants:
                if frame := frame_for(grant, event):
                    client.put(frame)

    async def follow(self, client: Client, topics: Iterable[Topic]) -> list[Topic]:
        """Have a client follow these topics and no others; returns those that it got."""
        wanted = {topic.text: topic for topic in topics}
        grants = await self._grants(client, [topic for text, topic in wanted.items() if text not in client.grants])
        for text in [text for text in client.grants if text not in wanted]:
            self._followers.remove(client, text)
        for grant in grants:
            if client.id in self._clients and grant.topic.text not in client.grants:
                self._followers.add(client, grant)
                self._snapshot(client, grant)
        return [grant.topic for grant in client.grants.values()]

    def leave(self, client: Client) -> None:
        """The stream has ended."""
        for text in list(client.grants):
            self._followers.remove(client, text)
        self._clients.pop(client.id, None)
        self._metrics.streams.set(len(self._clients))
        self._metrics.stream_resets.labels("slow").inc(client.resets)

    # -- what others tell

    def progress(self, task_uid: str, stage: str, run: int, attempt: int, known: dict[str, Any]) -> None:
        """A stage has told this replica how far it is: finer than what its Stage says."""
        if followers := self._followers.of("task", task_uid):
            data = {"topic": f"task:{task_uid}", "stage": stage, "run": run, "attempt": attempt, "progress": known}
            self._send(followers, frames.frame("progress", data))

    def notify(self, user: str, data: dict[str, Any]) -> None:
        """Something for one user."""
        if followers := self._followers.of("notifications", user):
            self._send(followers, frames.frame("notification", {"topic": "notifications", **data}))

    def followed(self, kind: str) -> list[str]:
        """What of a kind (`logs`: `ID` or `ID/STAGE`; `notifications`: a user) anybody follows."""
        return self._followers.names(kind)

    def send_logs(self, name: str, data: dict[str, Any]) -> None:
        """New lines of a log, to all who follow it."""
        if followers := self._followers.of("logs", name):
            self._send(followers, frames.frame("logs", {"topic": f"logs:{name}", **data}))

    # -- rounds

    async def _follow(self) -> None:
        with self._view.listen("task", "stage", "queue", room=ROOM) as changes:
            while True:
                batch = await changes.next()
                begun = monotonic()
                self._round(batch)
                await asyncio.sleep(max(ROUND_SECONDS, 2 * (monotonic() - begun)))

    def _round(self, batch: Batch) -> None:
        if batch.is_reset:
            self._history.forget()
            self._metrics.stream_resets.labels("overrun").inc()
            self._counts.clear()
            for client in self._clients.values():
                client.lose()
        for change in newest(batch.changes):
            event = self._history.add(change)
            event.is_leaving = change.row is None and self._view.leaving.get(change.known.uid) is not None
            self._counts.take(change)
            self._tell(event)
        self._history.settle()
        self._metrics.stream_events.inc(len(batch.changes))

    def _tell(self, event: Event) -> None:
        row = event.known
        if isinstance(row, TaskRow):
            for wanted, namespaces, clients in self._followers.lists():
                if how := in_list(wanted, namespaces, event):
                    self._send(clients, event.frame("tasks", how))
            if clients := self._followers.of("task", row.uid):
                how = "whole" if event.row else "gone"
                self._send(clients, event.frame(f"task:{row.uid}", how))
        elif isinstance(row, StageRow):
            if clients := self._followers.of("task", row.task_uid):
                self._send(clients, event.frame(f"task:{row.task_uid}", "stage"))
        elif clients := self._followers.of("queues", ""):
            self._send(clients, event.frame("queues", "queue"))

    def _send(self, clients: Iterable[Client], frame: bytes) -> None:
        for client in clients:
            client.put(frame)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            self._send(self._clients.values(), frames.frame("heartbeat", {}, self._history.position))

    async def _tell_overviews(self) -> None:
        while True:
            await self._counts.changed.wait()
            self._counts.changed.clear()
            followed = self._followers.overviews()
            self._counts.keep_only([namespaces for namespaces, _ in followed])
            for namespaces, clients in followed:
                self._send(clients, self._overview(namespaces))
            await asyncio.sleep(OVERVIEW_SECONDS)

    def _overview(self, namespaces: Namespaces) -> bytes:
        return frames.frame("overview", {"topic": "overview", "tasks": self._counts.of(namespaces)})

    # -- rights

    async def _grants(self, client: Client, topics: Iterable[Topic]) -> list[Grant]:
        found, asked = [], list(topics)
        for topic, grant in zip(
            asked, await asyncio.gather(*(self._rights.grant(client.caller, topic) for topic in asked)), strict=True
        ):
            if grant is None:
                client.put(frames.frame("end", {"topic": topic.name, "code": "NotFound"}))
            else:
                found.append(grant)
        return found

    async def _recheck(self) -> None:
        """Ask again about every topic of every client, spread over the period."""
        while True:
            clients = list(self._clients.values())
            for client in clients:
                try:
                    await self._recheck_one(client)
                except Exception as error:  # noqa: BLE001 - who can't be asked now is asked again
                    log.info("rights of a stream could not be asked for", error=str(error)[:200])
                await asyncio.sleep(RECHECK_SECONDS / len(clients))
            await asyncio.sleep(1 if clients else RECHECK_SECONDS / 10)

    async def _recheck_one(self, client: Client) -> None:
        if not await client.is_known():
            client.put(frames.frame("end", {"code": "Unauthenticated"}))
            client.close()
            return
        for text, old in list(client.grants.items()):
            if old.topic.task and self._view.task(old.topic.task) is None:
                continue  # it has left the cluster, as the client was told: nothing more comes
            new = await self._rights.grant(client.caller, old.topic)
            if client.grants.get(text) is not old or new == old:
                continue
            self._followers.remove(client, text)
            if new is None:
                client.put(frames.frame("end", {"topic": old.topic.name, "code": "NotFound"}))
                continue
            self._followers.add(client, new)
            client.put(frames.frame("reset", {"topics": [old.topic.name]}, self._history.position))
            self._snapshot(client, new)

    # -- how it is now

    def _snapshot(self, client: Client, grant: Grant) -> None:
        """How it is now, where it is small; lists are read page by page."""
        topic, position = grant.topic, self._history.position
        if topic.kind == "task" and (row := self._view.task(topic.task)):
            client.put(frames.frame("task", {"topic": topic.name, "task": frames.whole_task(row)}, position))
            for stage in self._view.stages.of_task(topic.task):
                if stage.run == row.run:
                    client.put(frames.frame("stage", {"topic": topic.name, "stage": frames.stage(stage)}, position))
        elif topic.kind == "queues":
            for queue in self._view.queues:
                client.put(frames.frame("queue", {"topic": "queues", "queue": frames.queue(queue)}, position))
        elif topic.kind == "overview":
            client.put(self._overview(grant.namespaces))
        elif topic.kind == "notifications":
            self.newcomers.add(client.caller.name)
        elif topic.kind == "logs":
            beginning = asyncio.create_task(self._begin_logs(client, topic))
            self._beginnings.add(beginning)
            beginning.add_done_callback(self._beginnings.discard)

    async def _begin_logs(self, client: Client, topic: Topic) -> None:
        if self.begin_logs is None:
            return
        try:
            for data in await self.begin_logs(name_of(topic, ""), topic.tail):
                client.put(frames.frame("logs", {"topic": topic.name, **data}))
        except OSError as error:
            log.warning("a log can't be read", error=str(error))


async def _kept_up(work: Callable[[], Awaitable[None]]) -> None:
    """A defect in one round must not end the streams of all."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("the event stream stumbled")
            await asyncio.sleep(1)
