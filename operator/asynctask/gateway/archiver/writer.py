"""Writes states of objects into the archive, and has listeners act in the same transaction.

What a listener writes is there if and only if the row is: whoever turns changes into notifications misses none. A
replica that writes late finds the rows there already, so a change is told once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

import structlog

from asynctask.adapters.archive import Archive, ArchiveError, ArchiveUnavailable, Transaction, stages, tasks
from asynctask.adapters.archive.forwards import Seen
from asynctask.adapters.archive.stages import StageChange
from asynctask.adapters.archive.tables.columns import micros
from asynctask.adapters.archive.tasks import TaskChange

log = structlog.get_logger("archiver")
Body = Mapping[str, Any]


class Listener(Protocol):
    """Acts on changes, in the transaction that writes them. Raises nothing but what the database does to it."""

    async def changed(self, transaction: Transaction, change: TaskChange) -> None:
        """A task's row is another."""

    async def stage_changed(self, transaction: Transaction, change: StageChange) -> None:
        """A stage's row is another."""


@dataclass
class Batch:
    """What is written together."""

    tasks: list[Seen] = field(default_factory=list)
    stages: list[Seen] = field(default_factory=list)
    tasks_gone: list[str] = field(default_factory=list)
    """Left the cluster; what they were last is not known, or known already."""
    stages_gone: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.tasks) + len(self.stages) + len(self.tasks_gone) + len(self.stages_gone)

    def singles(self) -> "list[Batch]":
        """One for each object."""
        return [
            *(Batch(tasks=[seen]) for seen in self.tasks),
            *(Batch(stages=[seen]) for seen in self.stages),
            *(Batch(tasks_gone=[uid]) for uid in self.tasks_gone),
            *(Batch(stages_gone=[uid]) for uid in self.stages_gone),
        ]


class Writer:
    """Any replica may write: rows never go backwards."""

    def __init__(self, archive: Archive, listeners: Sequence[Listener] = ()) -> None:
        self.archive = archive
        self._listeners = tuple(listeners)

    async def archive_now(self, task: Body, stages: Sequence[Body] = ()) -> None:
        """Keep a task and its stages as they are, before the task is deleted. Raises ArchiveUnavailable, …"""
        await self._write(Batch([Seen(task)], [Seen(stage) for stage in stages]), self._listeners)

    async def write(self, batch: Batch) -> int:
        """Write a batch; how many objects could not be, ever. Raises ArchiveUnavailable when it may go later.

        One object that the database refuses, or a listener that has a defect, stops no other.
        """
        try:
            await self._write(batch, self._listeners)
        except ArchiveUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - found out below which of them it is
            log.warning("a batch was refused, writing its objects one by one", error=repr(error)[:500])
            return await self._one_by_one(batch)
        return 0

    async def _one_by_one(self, batch: Batch) -> int:
        refused = 0
        for single in batch.singles():
            for listeners in (self._listeners, ()):
                try:
                    await self._write(single, listeners)
                    break
                except ArchiveUnavailable:
                    raise
                except Exception:
                    what = [seen.body["metadata"].get("uid") for seen in (*single.tasks, *single.stages)]
                    log.exception("an object can't be archived" if not listeners else "a listener failed", uid=what)
            else:
                refused += 1
        return refused

    async def _write(self, batch: Batch, listeners: Sequence[Listener]) -> None:
        now = micros(datetime.now(UTC))
        async with self.archive.begin() as transaction:
            for change in await stages.take(transaction, batch.stages):
                for listener in listeners:
                    await listener.stage_changed(transaction, change)
            changes = await tasks.take_tasks(transaction, batch.tasks, now)
            changes += await tasks.gone(transaction, batch.tasks_gone, now)
            for task in changes:
                for listener in listeners:
                    await listener.changed(transaction, task)
            await stages.gone(transaction, batch.stages_gone, now)


__all__ = ["ArchiveError", "Batch", "Listener", "Writer"]
