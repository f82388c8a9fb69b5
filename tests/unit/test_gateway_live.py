"""A live stage over an API server that fails when told to."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

import jsonpatch
import pytest

from asynctask.adapters import cluster as api
from asynctask.gateway.errors import InvalidReport, StageGone, StaleAttempt
from asynctask.gateway.fencing import Caller
from asynctask.gateway.live import LiveStage
from asynctask.gateway.messages import Complete, Report, SentProgress
from asynctask.gateway.metrics import Metrics

NOW = datetime(2026, 11, 23, tzinfo=UTC)
OLDER = Caller(1, NOW, "a", "older")
YOUNGER = Caller(1, NOW.replace(second=1), "b", "younger")


class Server:
    """One Stage, kept as an API server would."""

    def __init__(self) -> None:
        self.stage: dict[str, Any] = {
            "metadata": {"name": "s", "namespace": "n", "uid": "u", "resourceVersion": "1"},
            "spec": {
                "taskName": "t",
                "taskUID": "tu",
                "run": 1,
                "template": {"name": "copy", "job": {"image": "i"}},
            },
        }
        self.writes: list[list[str]] = []
        self.failures: list[Exception] = []
        self.before_write: Callable[[], object] = lambda: None
        self.gate = asyncio.Event()
        self.gate.set()

    @property
    def status(self) -> dict[str, Any]:
        return cast("dict[str, Any]", self.stage.get("status", {}))

    async def get(self, *_: object) -> dict[str, Any]:
        return self.stage

    async def json_patch(self, _: object, __: str, ___: str, patch: list[Any], subresource: str) -> dict[str, Any]:
        assert subresource == "status"
        await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        if patch[0]["value"] != self.stage["metadata"]["resourceVersion"]:
            raise api.Conflict(409, "Conflict", "")
        self.writes.append([operation["path"] for operation in patch[1:]])
        changed = jsonpatch.apply_patch(self.stage, patch)
        changed["metadata"]["resourceVersion"] = str(int(patch[0]["value"]) + 1)
        self.stage = changed
        return self.stage

    def write(self, **status: Any) -> None:
        """Another's write."""
        metadata = self.stage["metadata"]
        version = str(int(metadata["resourceVersion"]) + 1)
        self.stage = {
            **self.stage,
            "metadata": {**metadata, "resourceVersion": version},
            "status": {**self.status, **status},
        }


def make_live(server: Server, period: float = 0.02) -> LiveStage:
    return LiveStage(
        cast("api.Cluster", server),
        server.stage,
        period=period,
        read_period=1000,
        metrics=Metrics(),
        now=lambda: NOW,
    )


def report(sequence: int, done: int | None = None, checkpoint: dict[str, Any] | None = None) -> Report:
    progress = SentProgress(items_done=done) if done is not None else None
    return Report(sequence=sequence, progress=progress, checkpoint=checkpoint)


def unavailable() -> api.Unavailable:
    return api.Unavailable(503, "", "away")


async def test_a_checkpoint_that_could_not_be_written_is_not_acknowledged_and_goes_out_with_the_next_write() -> None:
    server = Server()
    live = make_live(server, period=100)
    server.failures = [unavailable()]
    with pytest.raises(api.Unavailable):
        await live.report(OLDER, report(1, 1, {"n": 1}))
    assert await live.report(OLDER, report(1, 1, {"n": 1})) == 1
    assert server.status["checkpoint"]["data"] == {"n": 1}
    assert len(server.writes) == 1


async def test_progress_that_could_not_be_written_is_written_later_by_itself() -> None:
    server = Server()
    live = make_live(server)
    server.failures = [unavailable(), unavailable()]
    await live.report(OLDER, report(1, 7))
    async with asyncio.timeout(5):
        while not server.writes:
            await asyncio.sleep(0.01)
    assert server.status["progress"] == {"itemsDone": 7}
    assert live.is_idle


async def test_what_comes_in_during_a_write_goes_together_into_the_next() -> None:
    server = Server()
    live = make_live(server)
    server.gate.clear()
    first = asyncio.create_task(live.report(OLDER, report(1, 1, {"n": 1})))
    await asyncio.sleep(0.01)
    others = []
    for number in range(2, 9):
        others.append(asyncio.create_task(live.report(OLDER, report(number, number, {"n": number}))))
        await asyncio.sleep(0.002)
    assert not any(task.done() for task in (first, *others))
    server.gate.set()
    await asyncio.gather(first, *others)
    assert len(server.writes) == 2
    assert server.status["checkpoint"]["data"] == {"n": 8}


async def test_a_conflict_is_decided_anew_on_what_is_there_now() -> None:
    server = Server()
    live = make_live(server)
    await live.admit(OLDER)
    server.write(message="the operator's")
    await live.report(OLDER, report(1, 1, {"n": 1}))
    assert server.status["message"] == "the operator's"
    server.write(attempt=2)
    with pytest.raises(StaleAttempt):
        await live.report(OLDER, report(2, 2, {"n": 2}))
    assert server.status["checkpoint"]["data"] == {"n": 1}


async def test_a_report_of_a_pod_whose_successor_came_meanwhile_is_not_acknowledged() -> None:
    server = Server()
    live = make_live(server)
    server.gate.clear()
    blocked = asyncio.create_task(live.report(OLDER, report(1, 1, {"n": 1})))
    await asyncio.sleep(0.01)
    waiting = asyncio.create_task(live.report(OLDER, report(2, 2, {"n": 2})))
    await asyncio.sleep(0.01)
    claim = asyncio.create_task(live.begin(YOUNGER))
    await asyncio.sleep(0.01)
    server.gate.set()
    results = await asyncio.gather(blocked, waiting, claim, return_exceptions=True)
    assert isinstance(results[1], StaleAttempt)
    assert server.status.get("checkpoint", {}).get("data") in (None, {"n": 1})
    await live.report(
        YOUNGER, report(2, 1, {"n": "mine"})
    )  # it was given what the older one saved, and goes on from there
    assert server.status["holder"]["podUID"] == "b"
    assert server.status["checkpoint"]["data"] == {"n": "mine"}


async def test_what_the_server_finds_wrong_is_the_stages_to_mend_and_may_come_again() -> None:
    server = Server()
    live = make_live(server)
    server.failures = [api.Refused(422, "Invalid", "status.progress: no")]
    with pytest.raises(InvalidReport, match=r"status\.progress"):
        await live.report(OLDER, report(1, 1, {"n": 1}))
    assert live.is_idle
    await live.report(OLDER, report(1, 1, {"n": 1}))
    assert server.status["checkpoint"]["data"] == {"n": 1}


async def test_a_write_whose_answer_was_lost_is_not_made_twice() -> None:
    server = Server()
    live = make_live(server)
    await live.report(OLDER, report(1, 1, {"n": 1}))
    stale = live.recorded
    await live.complete(OLDER, Complete(sequence=2, outcome="succeeded"))
    live.recorded = stale  # as if the answer to that write had never come
    await live.complete(OLDER, Complete(sequence=2, outcome="succeeded"))
    assert len(server.writes) == 2


async def test_a_stage_made_anew_under_the_name_is_another_stage() -> None:
    server = Server()
    live = make_live(server)
    server.stage = {**server.stage, "metadata": {**server.stage["metadata"], "uid": "other"}}
    with pytest.raises(StageGone):
        await live.begin(OLDER)


async def test_what_waits_is_written_at_the_end() -> None:
    server = Server()
    live = make_live(server, period=100)
    await live.report(OLDER, report(1, 3))
    assert not server.writes
    await live.flush()
    assert server.status["progress"] == {"itemsDone": 3}
    live.close()
