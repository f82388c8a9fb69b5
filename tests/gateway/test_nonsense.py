"""Calls that are not as the protocol has them: refused with the field's path, and nothing changed."""

import asyncio
import json
from typing import Any

import pytest
from gateway.world import World

HUGE = "x" * 40_000


REPORTS: list[tuple[Any, str]] = [
    ({}, "InvalidReport sequence"),
    ({"sequence": -1}, "InvalidReport sequence"),
    ({"sequence": True}, "InvalidReport sequence"),
    ({"sequence": "5"}, "InvalidReport sequence"),
    ({"sequence": 2**60}, "InvalidReport sequence"),
    ({"sequence": 1, "progress": {"bytesDone": -5}}, "InvalidReport progress.bytesDone"),
    ({"sequence": 1, "progress": {"itemsTotal": "many"}}, "InvalidReport progress.itemsTotal"),
    ({"sequence": 1, "progress": {"bytesPerSecond": 1e300}}, "InvalidReport progress.bytesPerSecond"),
    ({"sequence": 1, "progress": 5}, "InvalidReport progress"),
    ({"sequence": 1, "progress": {"message": 5}}, "InvalidReport progress.message"),
    ({"sequence": 1, "checkpoint": []}, "InvalidReport checkpoint"),
    ({"sequence": 1, "checkpoint": {"a": HUGE}}, "TooLarge checkpoint"),
    ({"sequence": 1, "itemErrors": [{"path": "a"}, {"path": ""}]}, "InvalidReport itemErrors[1].path"),
    ({"sequence": 1, "itemErrors": [{"path": "a", "class": "bad"}]}, "InvalidReport itemErrors[0].class"),
    ({"sequence": 1, "itemErrors": [{"path": "a", "reason": "a b"}]}, "InvalidReport itemErrors[0].reason"),
    ({"sequence": 1, "itemErrors": [{"path": "a"}] * 101}, "InvalidReport itemErrors"),
    ({"sequence": 1, "itemErrorCount": -1}, "InvalidReport itemErrorCount"),
    ({"sequence": 1, "log": [{"level": "info"}]}, "InvalidReport log[0].message"),
    ([], "InvalidReport"),
    ("text", "InvalidReport"),
    ({"sequence": 1, "log": [{"message": HUGE}] * 40}, "TooLarge"),
]
ENDS: list[tuple[Any, str]] = [
    ({"sequence": 1}, "InvalidReport outcome"),
    ({"sequence": 1, "outcome": "great"}, "InvalidReport outcome"),
    ({"sequence": 1, "outcome": "failed", "class": "odd"}, "InvalidReport class"),
    ({"sequence": 1, "outcome": "failed", "reason": "no spaces"}, "InvalidReport reason"),
    ({"sequence": 1, "outcome": "succeeded", "outputs": {"a": HUGE}}, "TooLarge outputs"),
    ({"sequence": 1, "outcome": "succeeded", "outputs": "x"}, "InvalidReport outputs"),
]
NO_JSON = [b"", b"{", b'{"sequence": NaN}', b'{"sequence": 1e999}', b"\xff", b"[" * 100_000]


@pytest.mark.parametrize(("path", "table"), [("report", REPORTS), ("complete", ENDS)])
async def test_nonsense_is_refused_with_its_field(
    world: World, url: str, path: str, table: list[tuple[Any, str]]
) -> None:
    stage = await world.stage()
    pod = await world.worker(url, stage)
    errors = [(await pod.call("POST", path, body)).error for body, _ in table]
    assert errors == [error for _, error in table]
    assert not await world.written(stage)


async def test_what_is_no_json_is_refused(world: World, url: str) -> None:
    pod = await world.worker(url)
    assert {(await pod.call("POST", "report", data=data)).error for data in NO_JSON} == {"InvalidReport"}


async def test_texts_are_cut_and_unknown_fields_ignored(world: World, url: str) -> None:
    stage = await world.stage()
    pod = await world.worker(url, stage)
    answer = await pod.report(
        1,
        progress={"message": "長" * 5000, "bytesDone": 1.75, "bytesTotal": None, "later": 1},
        itemErrors=[{"path": "p" * 9000, "message": None, "reason": "r" * 100}],
        log=[{"message": "m" * 5000, "level": "strange", "time": None or ""}] * 120,
        checkpoint={},
        later={},
    )
    assert answer.status == 200
    status = await world.status(stage)
    assert len(status["progress"]["message"]) == 1024
    assert status["progress"]["bytesDone"] == 1
    assert len(status["itemErrors"]["first"][0]["path"]) == 4096
    assert len(status["itemErrors"]["first"][0]["reason"]) == 64


async def test_a_stage_that_calls_too_often_is_slowed_down_alone(world: World, url: str) -> None:
    wild, calm = await world.worker(url), await world.worker(url)
    answers = await asyncio.gather(*(wild.report(n) for n in range(80)))
    refused = [answer for answer in answers if answer.status == 429]
    assert 20 < len(refused) < 60
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in refused)
    assert (await calm.report(1)).status == 200


async def test_an_unknown_route_and_method_are_errors_of_the_protocol(world: World, url: str) -> None:
    pod = await world.worker(url)
    assert (await pod.call("GET", "nothing")).error == "NoSuchRoute"
    assert (await pod.call("DELETE", "context")).status == 405


async def test_a_body_that_breaks_off_changes_nothing(world: World, url: str) -> None:
    stage = await world.stage()
    pod = await world.worker(url, stage)
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    body = json.dumps({"sequence": 1, "checkpoint": {}}).encode()
    writer.write(
        b"PUT /stage/v1/artifacts/list HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n"
        b"Authorization: Bearer " + pod.token.encode() + b"\r\n\r\n" + body
    )
    await writer.drain()
    await asyncio.sleep(0.1)
    writer.close()
    await writer.wait_closed()
    del reader
    assert (await pod.call("GET", "artifacts/list")).error == "NotFound"
    assert not list(world.artifacts.rglob(".upload-*"))
