"""Who leads: one at a time, and whoever can't tell any more gives up in time."""

import asyncio
import copy
import io
import threading
from collections.abc import MutableMapping
from time import monotonic
from typing import Any

import pytest
import structlog

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

    def __init__(self, name: str, duration: float = 1.2, renew: float = 0.1, server: "Server | None" = None) -> None:
        self.leads, self.lost = threading.Event(), threading.Event()
        self.lost_at = 0.0
        self.elector = Elector(
            server, namespace="n", name="l", identity=name, duration_seconds=duration, renew_seconds=renew,  # type: ignore[arg-type]
            on_lead=self.leads.set, on_lost=self._lose,
        )  # fmt: skip
        self.elector.start()

    def _lose(self) -> None:
        self.lost_at = monotonic()
        self.lost.set()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server()
    monkeypatch.setattr(leases, "Cluster", lambda connection, **_: connection or server)
    return server


def test_one_leads_and_another_follows_when_it_stops(server: Server) -> None:
    one = Candidate("one")
    assert one.leads.wait(2)
    two = Candidate("two")
    assert not two.leads.wait(0.4)
    one.elector.stop()
    assert two.leads.wait(1)
    assert not one.lost.is_set()
    two.elector.stop()


def test_a_leader_that_vanished_is_followed_when_its_lease_is_over(server: Server) -> None:
    server.lease = {"metadata": {"resourceVersion": "0"}, "spec": {"holderIdentity": "dead", "leaseDurationSeconds": 1}}
    begun = monotonic()
    two = Candidate("two")
    assert two.leads.wait(3)
    assert monotonic() - begun >= 1
    two.elector.stop()


@pytest.fixture(autouse=True)
def plain_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The default renderer paints tracebacks for a second, on the very thread whose time is measured."""
    monkeypatch.setattr(leases, "log", structlog.wrap_logger(structlog.PrintLogger(io.StringIO()), processors=[str_of]))


def str_of(_: object, __: str, event: MutableMapping[str, object]) -> str:
    return str(event)


@pytest.mark.usefixtures("server")
def test_a_leader_that_can_t_renew_gives_up_before_another_may_lead() -> None:
    for_each = [(Server(), trouble) for trouble in (Unavailable(503, "", ""), KeyError("spec"), None)]
    leaders = [Candidate("one", duration=3.0, server=server) for server, _ in for_each]  # side by side: they only wait
    for one, (server, trouble) in zip(leaders, for_each, strict=True):
        assert one.leads.wait(2)
        server.trouble, server.hangs = trouble, trouble is None
    begun = monotonic()
    for one in leaders:
        assert one.lost.wait(6)
        assert one.lost_at - begun < 3.0
        one.elector.stop()


def test_a_short_trouble_costs_no_lead(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "RETRY_SECONDS", 0.1)
    one = Candidate("one", duration=1.5)
    assert one.leads.wait(2)
    server.trouble = Unavailable(503, "", "")
    assert not one.lost.wait(0.4)
    server.trouble = None
    assert not one.lost.wait(1.5)
    one.elector.stop()


def test_a_lease_that_another_took_is_lost(server: Server) -> None:
    one = Candidate("one")
    assert one.leads.wait(2)
    with server.lock:
        assert server.lease
        server._store({**server.lease, "spec": {**server.lease["spec"], "holderIdentity": "thief", "renewTime": "now"}})
    assert one.lost.wait(2)
    one.elector.stop()


def test_a_renewal_reads_nothing(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    one = Candidate("one")
    assert one.leads.wait(2)
    assert not one.lost.wait(0.5)  # created, read once, renewed
    read, version = threading.Event(), server.version
    monkeypatch.setattr(server, "get", lambda *_: read.set())
    assert not one.lost.wait(0.5)
    assert server.version > version
    assert not read.is_set()
    monkeypatch.undo()
    one.elector.stop()


def test_a_lease_that_was_touched_is_looked_at_before_it_is_given_up(server: Server) -> None:
    one = Candidate("one")
    assert one.leads.wait(2)
    with server.lock:
        assert server.lease
        server._store({**server.lease, "metadata": {"labels": {"touched": "yes"}}})
    assert not one.lost.wait(1.5)
    one.elector.stop()


def test_of_many_one_leads(server: Server) -> None:
    many = [Candidate(str(number)) for number in range(5)]
    deadline = monotonic() + 3
    while not any(one.leads.is_set() for one in many) and monotonic() < deadline:
        threading.Event().wait(0.02)
    assert sum(one.leads.is_set() for one in many) == 1
    for one in many:
        one.elector.stop()
