"""A type, an endpoint and people, for tests of tasks; and what the operator would say of a task."""

import secrets
from datetime import UTC, datetime
from typing import Any

import orjson
from front.world import Client, Object, World

from asynctask.adapters import cluster as api
from asynctask.api import names

SCHEMA = {
    "type": "object",
    "properties": {
        "source_path": {"type": "string"},
        "keep": {"type": "integer", "minimum": 1, "default": 3},
        "note": {"type": "string"},
    },
    "required": ["source_path"],
    "additionalProperties": False,
}
STAGES = [{"name": "scan", "job": {"image": "x/scan:1"}}, {"name": "copy", "job": {"image": "x/copy:1"}}]
TASKS = (("asynctasks", "*"), ("stages", "get,list"), ("storageendpoints", "get,list"), ("taskschedules", "*"))
READER = (("asynctasks", "get,list"),)


async def make_type(world: World, **spec: Any) -> str:
    """A TaskType of its own name."""
    name = f"copy-{secrets.token_hex(4)}"
    body = {
        "apiVersion": names.API_VERSION,
        "kind": "TaskType",
        "metadata": {"name": name},
        "spec": {"configSchema": SCHEMA, "locations": [{"field": "source_path"}], "stages": STAGES, **spec},
    }
    await world.cluster.create(api.TYPES, "", body)
    return name


async def make_endpoint(world: World, namespace: str, name: str = "photos", **spec: Any) -> None:
    """A StorageEndpoint at /nas/NAME."""
    body = {
        "apiVersion": names.API_VERSION,
        "kind": "StorageEndpoint",
        "metadata": {"name": name},
        "spec": {"path": f"/nas/{name}", "volume": {"claimName": name}, **spec},
    }
    await world.cluster.create(api.ENDPOINTS, namespace, body)


async def say(world: World, client_task: str, namespace: str, **status: Any) -> Object:
    """Write a task's status as the operator would. The task is found by its id."""
    body = await find(world, client_task, namespace)
    meta = body["metadata"]
    told = {"run": body["spec"].get("run", 1), "observedGeneration": meta["generation"], **status}
    return await world.cluster.patch(api.TASKS, namespace, meta["name"], {"status": told}, "status")


async def find(world: World, task_id: str, namespace: str) -> Object:
    """A task as the API server has it."""
    async for raw, _ in world.cluster.pages(api.TASKS, namespace):
        for item in orjson.loads(raw)["items"]:
            if item["metadata"]["uid"] == task_id:
                return item
    raise AssertionError(f"no task {task_id}")


async def submit(client: Client, namespace: str, task_type: str, **more: Any) -> str:
    """Submit as existing applications do; gives the id."""
    body = {"task_type": task_type, "task_config": {"source_path": "/nas/photos"}, "namespace": namespace, **more}
    answer = await client.post("/submit_task", body)
    assert answer.status == 200, answer.body
    return str(answer.body["task_id"])


def stamp() -> str:
    """Now, as the API server writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
