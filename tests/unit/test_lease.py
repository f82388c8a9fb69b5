"""Who leads: one at a time, and whoever can't tell any more gives up in time."""

import asyncio
import copy
import io
import threading
from collections.abc import MutableMapping
from typing import Any

import pytest
import structlog
from support.virtualtime import in_virtual_time, now

from asynctask.adapters import lease as leases
from asynctask.adapters.cluster import AlreadyExists, Conflict, NotFound, Unavailable
from asynctask.adapters.lease import Elector

Body = dict[str, Any]


class Server:
    """The one Lease, with optimistic locking, and the ways in which a server can fail."""

    def __init__(self) -> None:
        self.lease: Body | None = None
        self.version = 0
        self.trouble: BaseException | None = None
        self.hangs = False
        self.lock = threading.Lock()

    async def __aenter__(self) -> "Server":
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def _fail(self) -> None:
        if self.hangs:
            await asyncio.sleep(60)
        if self.trouble:
            raise self.trouble

    async def get(self, *_: object) -> Body:
        await self._fail()
        if self.lease is None:
            raise NotFound(404, "NotFound", "")
        return copy.deepcopy(self.lease)

    async def create(self, _resource: object, _namespace: str, body: Body) -> Body:
        await self._fail()
        with self.lock:
            if self.lease is not None:
                raise AlreadyExists(409, "AlreadyExists", "")
            return self._store(body)

    async def replace(self, _resource: object, _namespace: str, _name: str, body: Body) -> Body:
        await self._fail()
        with self.lock:
            if body["metadata"]["resourceVersion"] != str(self.version):
                raise Conflict(409, "Conflict", "")
            return self._store(body)

    def _store(self, body: Body) -> Body:
        self.version += 1
        self.lease = copy.deepcopy(body)
        self.lease["metadata"]["resourceVersion"] = str(self.version)
        return self.lease


class Candidate:
    """One replica's elector and what it was told."""

    def __init__(self, server: Server, name: str = "one", duration: float = 1.2) -> None:
        self.leads, self.lost = asyncio.Event(), asyncio.Event()
        self.lost_at = 0.0
        elector = Elector(
            server, namespace="n", name="l", identity=name, duration_seconds=duration, renew_seconds=0.1,  # type: ignore[arg-type]
            on_lead=self.leads.set, on_lost=self._lose,
        )  # fmt: skip
        self.running = asyncio.create_task(elector.run())

    def _lose(self) -> None:
        self.lost_at = now()
        self.lost.set()

    async def lead(self) -> "Candidate":
        """Wait until it leads."""
        await asyncio.wait_for(self.leads.wait(), 3)
        return self

    async def lose(self) -> None:
        """Wait until it gives up."""
        await asyncio.wait_for(self.lost.wait(), 6)

    async def leads_on_for(self, seconds: float) -> bool:
        """Whether it did not give up meanwhile."""
        await asyncio.sleep(seconds)
        return not self.lost.is_set() and not self.running.done()


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its connection is a `Server`, its clock the loop's; the default log would paint tracebacks for a second."""
    monkeypatch.setattr(leases, "Cluster", lambda connection, **_: connection)
    monkeypatch.setattr(leases, "monotonic", now)
    monkeypatch.setattr(leases, "log", structlog.wrap_logger(structlog.PrintLogger(io.StringIO()), processors=[str_of]))


def str_of(_: object, __: str, event: MutableMapping[str, object]) -> str:
    return str(event)


def test_one_leads_and_another_follows_when_it_stops(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the operator: on threads, by the real clock."""
    monkeypatch.undo()
    monkeypatch.setattr(leases, "Cluster", lambda connection, **_: connection)
    leads = {name: threading.Event() for name in ("one", "two")}
    lost = threading.Event()
    one, two = (
        Elector(
            server, namespace="n", name="l", identity=name, duration_seconds=3, renew_seconds=0.05,  # type: ignore[arg-type]
            on_lead=leads[name].set, on_lost=lost.set,
        )
        for name in leads
    )  # fmt: skip
    one.start()
    assert leads["one"].wait(5)
    two.start()
    assert not leads["two"].wait(0.2)
    one.stop()
    assert leads["two"].wait(2)
    assert not lost.is_set()
    two.stop()


@in_virtual_time
async def test_a_leader_that_vanished_is_followed_when_its_lease_is_over(server: Server) -> None:
    server.lease = {"metadata": {"resourceVersion": "0"}, "spec": {"holderIdentity": "dead", "leaseDurationSeconds": 1}}
    begun = now()
    await Candidate(server).lead()
    assert 1 <= now() - begun < 1.5


@in_virtual_time
async def test_a_leader_that_can_t_renew_gives_up_before_another_may_lead() -> None:
    for trouble in (Unavailable(503, "", ""), KeyError("spec"), None):
        server = Server()
        one = await Candidate(server, duration=3.0).lead()
        server.trouble, server.hangs = trouble, trouble is None
        begun = now()
        await one.lose()
        assert 1.8 < one.lost_at - begun < 2.01, "two thirds after it last asked with success"


@in_virtual_time
async def test_a_short_trouble_costs_no_lead(server: Server) -> None:
    one = await Candidate(server, duration=1.5).lead()
    server.trouble = Unavailable(503, "", "")
    assert await one.leads_on_for(0.8)
    server.trouble = None
    assert await one.leads_on_for(5)


@in_virtual_time
async def test_a_lease_that_another_took_is_lost(server: Server) -> None:
    one = await Candidate(server).lead()
    assert server.lease
    server._store({**server.lease, "spec": {**server.lease["spec"], "holderIdentity": "thief", "renewTime": "now"}})
    begun = now()
    await one.lose()
    assert one.lost_at - begun < 0.3


@in_virtual_time
async def test_a_renewal_reads_nothing(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    one = await Candidate(server).lead()
    assert await one.leads_on_for(0.5)  # created, read once, renewed
    read, version = asyncio.Event(), server.version
    monkeypatch.setattr(server, "get", lambda *_: read.set())
    assert await one.leads_on_for(1)
    assert server.version >= version + 8
    assert not read.is_set()


@in_virtual_time
async def test_a_lease_that_was_touched_is_looked_at_before_it_is_given_up(server: Server) -> None:
    one = await Candidate(server).lead()
    assert server.lease
    server._store({**server.lease, "metadata": {"labels": {"touched": "yes"}}})
    assert await one.leads_on_for(5)


@in_virtual_time
async def test_of_many_one_leads(server: Server) -> None:
    many = [Candidate(server, str(number)) for number in range(5)]
    await asyncio.sleep(3)
    assert sum(one.leads.is_set() for one in many) == 1
