"""The command line and the Python client against the API itself."""

import asyncio
import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

import pytest
from front.reviews import ITEMS, make
from front.test_nas import Shop, shop
from front.world import EVERYTHING
from support.patience import patient

from asynctask.cli import __main__ as entry
from asynctask_client import ApiError, AsyncClient

__all__ = ["shop"]


def token(shop: Shop) -> str:
    return shop.client.headers["Authorization"].removeprefix("Bearer ")


async def command(shop: Shop, *words: str, code: int = 0, with_token: str = "") -> str:
    """What a command printed, run beside the gateway that it asks."""
    out = io.StringIO()

    def run() -> int:
        try:
            entry.main()
        except SystemExit as end:
            return int(end.code or 0)
        return 0

    argv = ["asynctask", "--gateway", shop.client.url, "--token", with_token or token(shop), *words]
    with patch.object(sys, "argv", argv), redirect_stdout(out), redirect_stderr(out):
        found = await asyncio.to_thread(run)
    assert found == code, out.getvalue()
    return out.getvalue()


async def test_history_from_the_command_line(shop: Shop) -> None:
    task_id = await shop.submit(priority=2)
    assert task_id in await command(shop, "history", "list", "-n", shop.namespace, "--type", shop.type)
    assert task_id not in await command(shop, "history", "list", "-n", shop.namespace, "--status", "failed")
    told = await command(shop, "history", "get", task_id)
    assert shop.person in told
    assert shop.type in told
    await command(shop, "history", "logs", task_id)  # nothing has run, so nothing was said; and that is no error
    assert "Error" in await command(shop, "history", "get", "00000000-0000-0000-0000-000000000000", code=4)
    assert "--audience asynctask-api" in await command(shop, "history", "list", code=5, with_token="nonsense")


async def test_a_list_is_reviewed_from_the_command_line(shop: Shop) -> None:
    world, where = shop.world, ("-n", shop.namespace)
    reviewer = await world.token(shop.namespace, await world.person(shop.namespace, EVERYTHING))
    made = await make(world, shop.namespace, ITEMS)
    name = made.task["metadata"]["name"]

    async def review(*words: str, code: int = 0) -> str:
        return await command(shop, "review", *words, code=code, with_token=reviewer)

    caller = shop.anybody.with_token(reviewer)
    async with asyncio.timeout(patient(20)):
        while not (await caller.get("/api/v1/reviews", namespace=shop.namespace)).body["items"]:
            await asyncio.sleep(0.02)
    told = await review("items", name, *where, "--folder", "dept-1", "--limit", "5", "--sort", "size")
    assert "dept-1/old/file 001.log" in told
    assert "dept-0" not in told
    assert "33 items would be struck off" in await review("strike", name, *where, "--folder", "dept-1", "--dry-run")
    assert "left: 67 items" in await review("strike", name, *where, "--folder", "dept-1")
    assert "left: 66 items" in await review("strike", name, *where, "--id", "0")
    assert "left: 67 items" in await review("undo", name, *where)
    assert "left: 68 items" in await review("keep", name, *where, "--id", "40")
    assert "say which items" in await review("strike", name, *where, code=2)
    assert "approved" in await review("approve", name, *where, "-m", "looked at")
    frozen = (await made.status())["reviewItems"]
    assert (frozen["approved"], frozen["total"]) == (68, 100)
    assert "no stage of" in await review("approve", name, *where, code=4)


async def test_history_needs_the_api(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    out = io.StringIO()
    monkeypatch.delenv("ASYNCTASK_API_URL", raising=False)
    monkeypatch.setattr(sys, "argv", ["asynctask", "--kubeconfig", str(tmp_path / "none"), "history", "list"])
    with redirect_stderr(out), pytest.raises(SystemExit, match="2"):
        entry.main()
    assert "port-forward" in out.getvalue()


async def test_the_python_client(shop: Shop) -> None:
    async with AsyncClient(shop.client.url, token=token(shop), language="zh") as client:
        spec = {"type": shop.type, "config": {"source_path": "/nas/photos"}}
        body = {"namespace": shop.namespace, "spec": spec}
        made = await client.create_task(body, idempotency_key="order-7")  # type: ignore[arg-type]
        again = await client.create_task(body, idempotency_key="order-7")  # type: ignore[arg-type]
        assert made["taskId"] == again["taskId"]
        rows = [row async for row in client.pages(client.list_tasks, namespace=[shop.namespace], limit=1)]
        assert [row["taskId"] for row in rows] == [made["taskId"]]
        assert (await client.pause_task(made["taskId"]))["changed"]
        with pytest.raises(ApiError) as refused:
            await client.create_task({**body, "spec": {**spec, "config": {}}})  # type: ignore[arg-type]
        assert refused.value.errors[0]["field"] == "spec.config.source_path"
        stream = client.stream([f"task:{made['taskId']}"])
        async with asyncio.timeout(20):
            kinds = [(await anext(stream)).kind]
        assert kinds[0]
        await stream.aclose()  # type: ignore[attr-defined]
