"""Artifacts of deleted tasks go; those of others never."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from time import time
from typing import Any

import pytest

from asynctask.adapters import cluster as api
from asynctask.adapters.artifacts import ArtifactStore, Owner
from asynctask.gateway import sweeping

GONE = api.NotFound(404, "NotFound", 'asynctasks.asynctask.io "nightly" not found')
NOT_SERVED = api.NotFound(404, "NotFound", "the server could not find the requested resource")
NO_PAGE = api.NotFound(404, "", "404 page not found")
NIGHTLY = Owner("uid-1", "team", "nightly")


class Server:
    """Knows the tasks it is told of, by name."""

    def __init__(self, answer: str | Exception = GONE) -> None:
        self.answer = answer

    async def get(self, resource: Any, namespace: str, name: str) -> dict[str, Any]:
        assert (resource, namespace, name) == (api.TASKS, "team", "nightly")
        if isinstance(self.answer, Exception):
            raise self.answer
        return {"metadata": {"uid": self.answer}}


async def _blocks() -> AsyncIterator[bytes]:
    yield b"a list"


def kept(root: Path, *, idle: float = 7200) -> ArtifactStore:
    """A store with two runs of one task, left alone for this long."""
    store = ArtifactStore(root, 1000, 1000)
    for run in (1, 2):
        asyncio.run(store.put(NIGHTLY, run, "list", _blocks()))
    os.utime(root / "uid-1", (time() - idle, time() - idle))
    return store


def sweep(store: ArtifactStore, answer: str | Exception) -> list[str]:
    """Which tasks' artifacts were removed."""
    return [owner.name for owner in asyncio.run(sweeping.sweep(Server(answer), store))]  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "PAUSE_SECONDS", 0)


@pytest.mark.parametrize("answer", [GONE, "uid-2"], ids=["deleted", "deleted and made again"])
def test_what_a_deleted_task_left_is_removed(tmp_path: Path, answer: str | Exception) -> None:
    assert sweep(kept(tmp_path), answer) == ["nightly"]
    assert not list(tmp_path.iterdir())
    assert sweep(ArtifactStore(tmp_path, 1, 1), answer) == []


def test_what_a_task_has_stays(tmp_path: Path) -> None:
    store = kept(tmp_path)
    assert sweep(store, "uid-1") == []
    assert store.path("uid-1", 2, "list").read_bytes() == b"a list"


def test_what_was_written_to_of_late_stays(tmp_path: Path) -> None:
    store = kept(tmp_path, idle=60)
    assert sweep(store, GONE) == []
    assert store.path("uid-1", 1, "list").exists()


def test_what_belongs_to_a_namespace_that_is_no_longer_served_stays(tmp_path: Path) -> None:
    assert sweep(kept(tmp_path), api.Refused(403, "Forbidden", "no")) == []
    assert (tmp_path / "uid-1").exists()


@pytest.mark.parametrize("failure", [NOT_SERVED, NO_PAGE, api.Unavailable(503, "", "")], ids=str)
def test_nothing_is_removed_while_the_api_server_fails(tmp_path: Path, failure: Exception) -> None:
    store = kept(tmp_path)
    with pytest.raises(api.ApiError):
        sweep(store, failure)
    assert store.path("uid-1", 1, "list").exists()


def test_what_is_nothing_of_ours_stays(tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir()
    (tmp_path / "uid-9").mkdir()
    (tmp_path / "notes").write_text("keep")
    store = kept(tmp_path)
    for path in tmp_path.iterdir():
        os.utime(path, (0, 0))
    assert sweep(store, GONE) == ["nightly"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lost+found", "notes", "uid-9"]


def test_a_store_that_was_never_used_has_nothing_to_sweep(tmp_path: Path) -> None:
    assert sweep(ArtifactStore(tmp_path / "none", 1, 1), GONE) == []
