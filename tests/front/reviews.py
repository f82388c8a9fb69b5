"""Approvals with lists, people who review, and what they find there."""

import json
from dataclasses import dataclass
from typing import Any

from front.world import Object, World

from asynctask.adapters import cluster as api
from asynctask.api import names

REVIEWS = "/api/v1/reviews"
REVIEWER = (("stages", "get,list,review"), ("asynctasks", "get,list"))
READER = (("stages", "get,list"), ("asynctasks", "get,list"))
DAY = 86_400 * 10**9
NOW = 1_700_000_000 * 10**9
ITEMS = [
    {"path": f"dept-{n % 3}/old/file {n:03}.{'log' if n % 2 else 'TMP'}", "size": n * 1000, "mtimeNs": NOW - n * DAY,
     "inode": n}
    for n in range(100)
]  # fmt: skip


@dataclass
class Made:
    """A review, its task and its list."""

    world: World
    namespace: str
    task: Object
    stage: Object

    @property
    def url(self) -> str:
        """Of the review."""
        return f"{REVIEWS}/{self.stage['metadata']['uid']}"

    async def status(self) -> Object:
        """What the Stage says."""
        found = await self.world.cluster.get(api.STAGES, self.namespace, self.stage["metadata"]["name"])
        status: Object = found.get("status", {})
        return status

    def artifact(self, name: str) -> bytes:
        """A stored list."""
        return (self.directory / name).read_bytes()

    @property
    def directory(self) -> Any:
        """Of the run's artifacts."""
        return self.world.directory / "artifacts" / self.task["metadata"]["uid"] / "r1"


async def make(
    world: World, namespace: str, items: list[Object] | bytes | None = None, by: str = "", **approval: Any
) -> Made:
    """A task at an approval, with a list if items are given."""
    task = await world.task(namespace)
    if by:
        note = {"metadata": {"annotations": {names.ANNOTATION_SUBMITTED_BY: by}}}
        task = await world.cluster.patch(api.TASKS, namespace, task["metadata"]["name"], note)
    meta = task["metadata"]
    if items is not None:
        approval["items"] = {"stage": "scan", "artifact": "expired.jsonl"}
    scan = names.child_name(meta["name"], meta["uid"], "scan", 1)
    body = {
        "apiVersion": names.API_VERSION,
        "kind": "Stage",
        "metadata": {"name": names.child_name(meta["name"], meta["uid"], "review", 1)},
        "spec": {
            "taskName": meta["name"],
            "taskUID": meta["uid"],
            "run": 1,
            "template": {"name": "review", "approval": approval},
            "inputs": [{"stage": "scan", "object": scan}],
        },
    }
    made = Made(world, namespace, task, await world.cluster.create(api.STAGES, namespace, body))
    if items is not None:
        raw = items if isinstance(items, bytes) else b"".join(json.dumps(item).encode() + b"\n" for item in items)
        made.directory.mkdir(parents=True)
        (made.directory / "expired.jsonl").write_bytes(raw)
    return made


def lines(raw: bytes) -> list[Object]:
    """Of a stored list."""
    return [json.loads(line) for line in raw.splitlines()]
