"""A gateway process is killed under load, with clients at work and streams open: they go on with the other replica."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import orjson
import pytest
from front import estate
from front.service import service
from front.streams import Stream, follow
from front.test_stream import ready
from front.world import Client, World
from gateway.processes import GatewayProcess
from support.databases import Servers
from support.patience import patient

from asynctask.adapters import cluster as api
from asynctask.gateway.front.idempotency import Keys
from asynctask_client import AsyncClient

ORDERS = 120
KILLED_AFTER = 40
FOLLOWERS = 20


@dataclass
class Pair:
    """Two replicas with one archive, and the address that clients know."""

    one: GatewayProcess
    two: GatewayProcess
    client: Client
    namespace: str
    type: str

    @property
    def order(self) -> dict[str, object]:
        """A submit."""
        config = {"source_path": "/nas/photos"}
        return {"task_type": self.type, "task_config": config, "namespace": self.namespace}

    def at(self, replica: GatewayProcess) -> Client:
        """One of them by its own address."""
        return Client(f"http://127.0.0.1:{replica.api_port}", self.client.session, self.client.headers)


@pytest.fixture
async def pair(
    world: World, kubeconfig: Path, servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Pair]:
    namespace, task_type = await world.namespace(), await estate.make_type(world)
    await estate.make_endpoint(world, namespace)
    settings = {
        "ARCHIVE_URL": servers.get("postgresql").create(f"deaths_{task_type.replace('-', '_')}"),
        "NAMESPACE": namespace,
        "LEASE_DURATION_SECONDS": "3",
        "LEASE_RENEW_SECONDS": "0.5",
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"ASYNCTASK_{name}", value)
    replicas = []
    for name in ("one", "two"):
        monkeypatch.setenv("ASYNCTASK_JOURNAL_DIRECTORY", str(tmp_path / name))
        replicas.append(GatewayProcess(kubeconfig, tmp_path / "artifacts"))
        await replicas[-1].start()
    one, two = replicas
    token = await world.token(namespace, await world.person(namespace, estate.TASKS))
    async with service([one.api_port, two.api_port]) as url:
        pair = Pair(one, two, Client(url, world.session).with_token(token), namespace, task_type)
        for replica in replicas:
            await ready(pair.at(replica))
        yield pair
    for replica in replicas:
        await replica.end(signal.SIGKILL)
    await world.cluster.delete(api.TYPES, "", task_type)


class Follower:
    """A client of the event stream in plain HTTP that comes back whenever its stream breaks, as EventSource does."""

    def __init__(self, client: Client) -> None:
        self.known: set[str] = set()
        """Tasks that it was told of, or found when it was told to look anew."""
        self.resets = 0
        self._client = client
        self._work = asyncio.create_task(self._follow())

    async def end(self) -> None:
        """Follow no longer. Raises what went wrong."""
        self._work.cancel()
        with suppress(asyncio.CancelledError):
            await self._work

    async def has(self, tasks: set[str]) -> None:
        """Wait until it knows of these."""
        async with asyncio.timeout(patient(60)):
            while not tasks <= self.known:
                assert not self._work.done(), self._work.exception()
                await asyncio.sleep(0.02)

    async def _follow(self) -> None:
        last = ""
        while True:
            with suppress(aiohttp.ClientError, OSError, EOFError):
                async with follow(self._client, "tasks", last_id=last) as stream:
                    if not last:
                        await self._look()
                    try:
                        await self._take_in(stream)
                    finally:
                        last = stream.last_id or last
            await asyncio.sleep(0.05)

    async def _take_in(self, stream: Stream) -> None:
        while True:
            event = await stream.next("task", "reset", "heartbeat")
            if event.name == "task":
                self.known.add(event.data["task"]["taskId"])
            elif event.name == "reset":
                self.resets += 1
                await self._look()

    async def _look(self) -> None:
        """Read the list, page by page."""
        cursor = ""
        while True:
            page = (await self._client.get("/api/v1/tasks", limit=200, cursor=cursor)).body
            self.known |= {row["taskId"] for row in page["items"]}
            cursor = page.get("nextCursor", "")
            if not cursor:
                return


async def test_clients_go_on_with_the_other_and_nothing_is_lost_or_made_twice(world: World, pair: Pair) -> None:
    followers = [Follower(pair.client) for _ in range(FOLLOWERS)]
    answers: dict[str, str] = {}
    enough, turns = asyncio.Event(), asyncio.Semaphore(8)

    async def plainly(key: str) -> str:
        """Again with the same key until there is an answer."""
        while True:
            with suppress(aiohttp.ClientError, OSError):
                answer = await pair.client.with_headers(Idempotency_Key=key).post("/submit_task", pair.order)
                if answer.status == 200:
                    return str(answer.body["task_id"])
                assert answer.status == 503, answer.body
            await asyncio.sleep(0.02)

    token = pair.client.headers["Authorization"].removeprefix("Bearer ")
    async with AsyncClient(pair.client.url, token=token) as program:

        async def order(number: int) -> None:
            async with turns:
                if number % 2:
                    answers[f"plain-{number}"] = await plainly(f"plain-{number}")
                else:
                    spec = {"type": pair.type, "config": {"source_path": "/nas/photos"}}
                    made = await program.create_task({"namespace": pair.namespace, "spec": spec})  # type: ignore[arg-type]
                    answers[f"program-{number}"] = made["taskId"]
                if len(answers) >= KILLED_AFTER:
                    enough.set()

        heard: set[str] = set()

        async def listen() -> None:
            async for event in program.stream(["tasks"]):
                if event.kind == "task":
                    heard.add(event.data["task"]["taskId"])

        listening = asyncio.create_task(listen())
        orders = asyncio.gather(*(order(number) for number in range(ORDERS)))
        async with asyncio.timeout(patient(120)):
            await enough.wait()
            await pair.one.end(signal.SIGKILL)
            await orders
        made = set(answers.values())
        assert len(made) == ORDERS, "no answer twice"
        assert await uids(world, pair.namespace) == made, "each 200 is in the cluster, and nothing else"
        for follower in followers:
            await follower.has(made)
            await follower.end()
        assert sum(follower.resets for follower in followers) > 0, "those of the dead one could not go on from there"
        async with asyncio.timeout(patient(30)):
            news: set[str] = set()
            while not heard & news:  # once the program's stream has come back, what is new reaches it too
                news.add((await pair.client.post("/submit_task", pair.order)).body["task_id"])
                await asyncio.sleep(0.2)
        listening.cancel()


async def test_who_asks_again_need_not_wait_for_the_dead(
    world: World, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A replica took a key, made the task, and was killed before it could say so: the next one answers at once."""
    task_type = await estate.make_type(world)
    await estate.make_endpoint(world, namespace)
    token = await world.token(namespace, await world.person(namespace, estate.TASKS))
    body = {"task_type": task_type, "task_config": {"source_path": "/nas/photos"}, "namespace": namespace}
    found = []
    for is_killed in (True, False):
        async with world.gateway() as client:
            caller = client.with_token(token).with_headers(Idempotency_Key="one")
            with monkeypatch.context() as patched:
                if is_killed:
                    patched.setattr(Keys, "_settle", _never)
                answer = await caller.post("/submit_task", body)
            assert answer.status == 200, answer.body
            assert "Idempotency-Replayed" not in answer.headers
            found.append(answer.body["task_id"])
            if not is_killed:
                assert (await caller.post("/submit_task", body)).headers["Idempotency-Replayed"] == "true"
                other = await caller.post("/submit_task", {**body, "priority": 1})
                assert other.refusal == "422 IdempotencyKeyReused"
    assert found[0] == found[1]
    assert await uids(world, namespace) == {found[0]}
    await world.cluster.delete(api.TYPES, "", task_type)


async def _never(*_: object) -> None:
    """What a dead process does."""


async def test_the_one_that_comes_back_takes_streams_again(world: World, pair: Pair) -> None:
    """A position of the dead process means nothing to the new one on the same port: it says so."""
    async with follow(pair.at(pair.one), "tasks") as stream:
        await pair.client.post("/submit_task", pair.order)
        position = (await stream.next("task")).id
        await pair.one.end(signal.SIGKILL)
        with suppress(aiohttp.ClientError):
            await stream.ended()
    await pair.one.start()
    await _listens(pair.at(pair.one))
    await ready(pair.at(pair.one))
    async with follow(pair.at(pair.one), "tasks", last_id=position) as stream:
        assert (await stream.next("reset")).data["topics"] == ["tasks"]
        task = (await pair.at(pair.two).post("/submit_task", pair.order)).body["task_id"]
        await stream.next("task", where=lambda data: data["task"]["taskId"] == task)


async def _listens(client: Client) -> None:
    """Return once somebody listens there: a process that was started takes seconds to."""
    async with asyncio.timeout(patient(60)):
        while True:
            with suppress(aiohttp.ClientError):
                await client.get("/openapi.json")
                return
            await asyncio.sleep(0.05)


async def uids(world: World, namespace: str) -> set[str]:
    """All tasks there, each once."""
    found = [
        item["metadata"]["uid"]
        async for raw, _ in world.cluster.pages(api.TASKS, namespace)
        for item in orjson.loads(raw)["items"]
    ]
    assert len(found) == len(set(found))
    return set(found)
