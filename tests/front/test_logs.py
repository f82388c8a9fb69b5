"""What stages wrote, read over the API; failed items, listed, exported, tried again."""

import asyncio
import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from front.streams import STREAM, follow
from front.world import Client, World
from gateway import world as stages

from asynctask.adapters import cluster as api
from asynctask.adapters.artifacts import Owner
from asynctask.adapters.stagelogs import files
from asynctask.adapters.stagelogs.files import Attempt
from asynctask.adapters.stagelogs.writing import ChunkWriter
from asynctask.api import names
from asynctask.core import loglines
from asynctask.gateway.logs import sweeping

READ = (("asynctasks", "get,list"), ("stages", "get"))
T0 = datetime(2026, 1, 1, tzinfo=UTC)
MICROS = 1_767_225_600_000_000


def write(world: World, task: Any, count: int, *, stage: str = "copy", level: str = "info", text: str = "line") -> None:
    meta, root = task["metadata"], world.directory / "artifacts" / ".logs"
    attempt = Attempt(meta["uid"], 1, stage, 1)
    files.prepare(root, Owner(meta["uid"], meta["namespace"], meta["name"]), attempt)
    writer = ChunkWriter(attempt.path(root) / "stdout-a-b", 64 << 20)
    block = b"".join(loglines.kept(MICROS + n * 1000, level, f"{text} {n}") for n in range(count))
    writer.append(block, count, MICROS, MICROS + count * 1000)


@pytest.fixture
async def user(world: World, client: Client, namespace: str) -> Client:
    return await world.someone(client, namespace, *READ)


async def test_a_log_is_read_page_by_page_from_the_end_by_time_and_by_level(
    world: World, user: Client, namespace: str
) -> None:
    task = await world.task(namespace)
    path = f"/api/v1/tasks/{task['metadata']['uid']}/logs"
    write(world, task, 120)
    write(world, task, 3, stage="verify", level="error", text="bad")
    found, query = [], {"limit": 50}
    while True:
        page = (await user.get(path, stage="copy", **query)).body
        found += [line["text"] for line in page["items"]]
        if "nextCursor" not in page:
            break
        query["cursor"] = page["nextCursor"]
    assert found == [f"line {n}" for n in range(120)]
    last = (await user.get(path, tail=2)).body["items"]
    assert [(line["stage"], line["text"], line["level"]) for line in last] == [
        ("copy", "line 118", "info"), ("copy", "line 119", "info")
    ]  # fmt: skip
    assert [line["text"] for line in (await user.get(path, level="warning")).body["items"]] == [
        "bad 0",
        "bad 1",
        "bad 2",
    ]
    since = (T0 + timedelta(milliseconds=117)).isoformat()
    assert [line["text"] for line in (await user.get(path, since=since)).body["items"]] == [
        f"line {n}" for n in (117, 118, 119)
    ]


async def test_a_log_is_searched_and_downloaded(world: World, user: Client, namespace: str) -> None:
    task = await world.task(namespace)
    path = f"/api/v1/tasks/{task['metadata']['uid']}/logs"
    write(world, task, 3000, text="Copying 照片")
    found = (await user.get(f"{path}/search", text="copying 照片 1234")).body["items"]
    assert [line["text"] for line in found] == ["Copying 照片 1234"]
    whole = await user.get(f"{path}/download")
    assert whole.headers["Content-Type"].startswith("text/plain")
    lines = whole.raw.decode().splitlines()
    assert len(lines) == 3000
    assert lines[-1] == "2026-01-01T00:00:02Z copy #1 INFO Copying 照片 2999"


async def test_who_may_not_read_stages_reads_no_logs(
    world: World, client: Client, user: Client, namespace: str
) -> None:
    task = await world.task(namespace)
    path = f"/api/v1/tasks/{task['metadata']['uid']}/logs"
    write(world, task, 1, text="secret")
    half = await world.someone(client, namespace, ("asynctasks", "get,list"))
    stranger = await world.someone(client, await world.namespace(), *READ)
    for other in (half, stranger):
        for call in ("", "/search?text=s", "/download"):
            answer = await other.get(f"{path}{call}")
            assert answer.refusal == "404 NotFound"
            assert b"secret" not in answer.raw


@pytest.mark.parametrize(
    ("query", "refusal"),
    [
        ({"cursor": "nonsense"}, "400 InvalidCursor"), ({"tail": -1}, "400 InvalidField tail:TooSmall"),
        ({"level": "loud"}, "400 InvalidField level:NotAChoice"), ({"since": "yesterday"}, "400 InvalidField since:InvalidTime"),
        ({"stage": "../x"}, "400 InvalidField stage:WrongFormat"),
    ],
)  # fmt: skip
async def test_what_can_not_be_read_is_refused(
    world: World, user: Client, namespace: str, query: dict[str, Any], refusal: str
) -> None:
    task = await world.task(namespace)
    assert (await user.get(f"/api/v1/tasks/{task['metadata']['uid']}/logs", **query)).refusal == refusal


async def test_a_log_is_followed_as_it_grows(world: World, user: Client, namespace: str) -> None:
    task = await world.task(namespace)
    uid = task["metadata"]["uid"]
    async with asyncio.timeout(30):
        while (await user.get(STREAM, topics="x")).status == 503:
            await asyncio.sleep(0.05)
    write(world, task, 10)
    async with follow(user, f"logs:{uid}?tail=2") as stream:
        lines = (await stream.next("logs")).data["lines"]
        assert [line["text"] for line in lines] == ["line 8", "line 9"]
        write(world, task, 4, stage="verify", text="new")
        lines = (await stream.next("logs")).data["lines"]
        assert [(line["stage"], line["text"]) for line in lines] == [("verify", f"new {n}") for n in range(4)]


async def test_what_an_sdk_reports_is_kept(world: World, client: Client, user: Client, namespace: str) -> None:
    stage_world = stages.World(world.cluster, namespace, world.directory / "artifacts", world.session)
    task = await stage_world.task()
    stage = await stage_world.stage(task)
    async with stage_world.gateway() as url:
        pod = await stage_world.worker(url, stage)
        line = {"time": "2026-01-01T00:00:00Z", "level": "warning", "message": "first\nsecond"}
        assert (await pod.report(1, log=[line])).status == 200
    found = (await user.get(f"/api/v1/tasks/{task['metadata']['uid']}/logs")).body["items"]
    assert [(line["text"], line["level"], line["stage"]) for line in found] == [
        ("first", "warning", "copy"), ("second", "warning", "copy")
    ]  # fmt: skip


async def test_logs_go_with_their_task(world: World, namespace: str) -> None:
    root = world.directory / "artifacts" / ".logs"
    stays, goes = await world.task(namespace), await world.task(namespace)
    for task in (stays, goes):
        write(world, task, 1)
    await world.cluster.delete(api.TASKS, namespace, goes["metadata"]["name"])
    gone = await sweeping.sweep(world.cluster, root, None, idle_seconds=-1)
    assert [owner.uid for owner in gone] == [goes["metadata"]["uid"]]
    assert (root / stays["metadata"]["uid"]).exists()
    assert not (root / goes["metadata"]["uid"]).exists()


async def make_type(world: World, name: str, **annotations: str) -> None:
    body = {
        "apiVersion": names.API_VERSION, "kind": "TaskType", "metadata": {"name": name, "annotations": annotations},
        "spec": {"stages": [{"name": "copy", "job": {"image": "example/copy:1"}}]},
    }  # fmt: skip
    await world.cluster.create(api.TYPES, "", body)


async def test_failed_items_are_kept_listed_exported_and_tried_again(world: World, namespace: str) -> None:
    kind = f"retrying-{namespace}"
    await make_type(world, kind, **{names.ANNOTATION_RETRIES_ITEMS: "true"})
    database = f"sqlite:///{world.directory}/archive.db"
    stage_world = stages.World(world.cluster, namespace, world.directory / "artifacts", world.session)
    task = await stage_world.task(type=kind)
    uid = task["metadata"]["uid"]
    stage = await stage_world.stage(task)
    async with (
        stage_world.gateway(archive_url=database) as url,
        world.gateway(archive_url=database) as client,
    ):
        user = await world.someone(client, namespace, ("asynctasks", "get,list,patch"), ("stages", "get"))
        items = f"/api/v1/tasks/{uid}/item-errors"
        async with asyncio.timeout(30):
            while (await user.get(items)).status != 200:
                await asyncio.sleep(0.1)
        pod = await stage_world.worker(url, stage)
        errors = [
            {
                "path": f"d{n % 3}/f{n:03d}",
                "class": "transient" if n % 2 else "permanent",
                "reason": "busy",
                "message": "=cmd",
            }
            for n in range(250)
        ]
        for start in range(0, 250, 100):
            part = errors[start : start + 100]
            for _ in range(2):  # told twice is kept once
                assert (await pod.report(start + 1, itemErrors=part, itemErrorCount=start + len(part))).status == 200
        assert (await pod.complete("partial", itemErrorCount=250)).status == 200
        found, query = [], {"limit": 100}
        while True:
            page = (await user.get(items, **query)).body
            found += [item["path"] for item in page["items"]]
            if "nextCursor" not in page:
                break
            query["cursor"] = page["nextCursor"]
        assert found == sorted(error["path"] for error in errors)
        assert len((await user.get(items, **{"class": "transient", "prefix": "d1/"})).body["items"]) == 42
        summary = (await user.get(f"{items}/summary")).body
        assert summary["total"] == 250
        assert {(group["class"], group["count"]) for group in summary["groups"]} == {
            ("transient", 125),
            ("permanent", 125),
        }
        rows = list(csv.DictReader(io.StringIO((await user.get(f"{items}/export")).raw.decode())))
        assert len(rows) == 250
        assert rows[0]["message"] == "'=cmd", "no spreadsheet runs it"
        lines = (await user.get(f"{items}/export", format="jsonl", text="f007")).raw.splitlines()
        assert [orjson.loads(line)["path"] for line in lines] == ["d1/f007"]

        retry = f"/api/v1/tasks/{uid}/retry-failed-items"
        assert (await user.post(retry, {})).refusal == "409 TaskNotEnded"
        ended = {"phase": "Partial", "run": 1, "itemErrorCount": 250}
        await world.cluster.patch(api.TASKS, namespace, task["metadata"]["name"], {"status": ended}, "status")
        assert (await user.post(retry, {"reason": "Never"})).refusal == "409 NothingToRetry"
        answer = await user.post(retry, {"class": ["transient"]})
        assert answer.body == {"taskId": uid, "run": 2, "items": 125}
        now = await world.cluster.get(api.TASKS, namespace, task["metadata"]["name"])
        assert now["spec"]["run"] == 2
        again = await stage_world.stage(task, run=2, name="again")
        pod = await stage_world.worker(url, again)
        context = (await pod.context()).body
        assert context["retryItems"] == "retry-items"
        listed = (await pod.call("GET", "artifacts/retry-items")).body.splitlines()
        assert sorted(json.loads(line)["path"] for line in listed) == sorted(
            error["path"] for error in errors if error["class"] == "transient"
        )
        first = await stage_world.worker(url, await stage_world.stage(task, name="other"))
        assert (await first.context()).body["retryItems"] is None, "only the run that was made for it"
        plain = await world.someone(client, namespace, ("asynctasks", "get,list"))
        assert (await plain.post(retry, {})).refusal == "403 Forbidden"


async def test_a_type_that_knows_no_items_is_not_asked_to_retry_them(world: World, namespace: str) -> None:
    kind = f"simple-{namespace}"
    await make_type(world, kind)
    task = await world.task(namespace, type=kind)
    async with world.gateway(archive_url=f"sqlite:///{world.directory}/archive.db") as client:
        user = await world.someone(client, namespace, ("asynctasks", "get,list,patch"))
        async with asyncio.timeout(30):
            while (
                answer := await user.post(f"/api/v1/tasks/{task['metadata']['uid']}/retry-failed-items", {})
            ).status in {404, 503}:
                await asyncio.sleep(0.1)
        assert answer.refusal == "409 RetryNotSupported"
