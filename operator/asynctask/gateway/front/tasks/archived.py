"""The tasks that have left the cluster, from the archive."""

from collections.abc import Mapping, Sequence
from typing import Any

from asynctask.adapters.archive import Archive, ArchiveError, Position, stages, tasklists, tasks
from asynctask.core.tasklists import Filter, Place
from asynctask.gateway.archiver.writer import Writer
from asynctask.gateway.front.listing import SourceAway
from asynctask.gateway.front.tasks.rows import Row, moment

Object = Mapping[str, Any]


class ArchivedTasks:
    """What lists and pages ask of the archive. Whatever ails it is SourceAway."""

    def __init__(self, archive: Archive, writer: Writer) -> None:
        self._archive = archive
        self._writer = writer

    async def page(self, wanted: Filter, after: Place | None, limit: int) -> tuple[Sequence[Row], Place | None]:
        """The newest of those wanted, after a place, and how far was looked; None: to the end."""
        asked = tasklists.TaskFilter(
            namespaces=wanted.namespaces,
            task_statuses=wanted.statuses,
            task_types=wanted.types,
            priorities=wanted.priorities,
            queues=wanted.queues,
            submitted_by=wanted.owners,
            submit_time_from=wanted.since,
            submit_time_before=wanted.until,
            text=wanted.text,
        )
        position = Position(*after) if after else None
        try:
            async with self._archive.read() as connection:
                page = await tasklists.page(connection, asked, limit=limit, after=position)
        except ArchiveError as error:
            raise SourceAway(str(error)) from error
        found = [row(task) for task in page.rows]
        checks = Filter(schedules=wanted.schedules, types=wanted.types, hidden_types=wanted.hidden_types).checks()
        kept = [task for task in found if all(check(task) for check in checks)]
        return kept, (page.next.time, page.next.id) if page.next else None

    async def objects(self, task_ids: Sequence[str]) -> dict[str, Object]:
        """Tasks whole, by uid; those that it has."""
        try:
            async with self._archive.read() as connection:
                found = [await tasks.find(connection, task_id) for task_id in task_ids]
        except ArchiveError as error:
            raise SourceAway(str(error)) from error
        return {record.row.task_id: record.object for record in found if record}

    async def keep(self, body: Object, stages: Sequence[Object]) -> None:
        """Take a task and its stages in before they are deleted."""
        try:
            await self._writer.archive_now(body, stages)
        except ArchiveError as error:
            raise SourceAway(str(error)) from error

    async def runs(self, task_id: str, *, limit: int, before: int | None) -> list[tasks.RunRow]:
        """Its runs, newest first."""
        try:
            async with self._archive.read() as connection:
                return await tasks.runs(connection, task_id, limit=limit, before=before)
        except ArchiveError as error:
            raise SourceAway(str(error)) from error

    async def stages(self, task_id: str, run: int | None) -> list[stages.StageRow]:
        """Its stages, newest run first."""
        try:
            async with self._archive.read() as connection:
                return await stages.of_task(connection, task_id, run=run)
        except ArchiveError as error:
            raise SourceAway(str(error)) from error

    async def stage(self, task_id: str, run: int, stage: str) -> dict[str, Any] | None:
        """One of its stages whole, without its checkpoint."""
        try:
            async with self._archive.read() as connection:
                return await stages.find(connection, task_id, run, stage)
        except ArchiveError as error:
            raise SourceAway(str(error)) from error

    async def checkpoint(self, task_id: str, run: int, stage: str) -> dict[str, Any] | None:
        """The last checkpoint of one of its stages."""
        try:
            async with self._archive.read() as connection:
                return await stages.checkpoint(connection, task_id, run, stage)
        except ArchiveError as error:
            raise SourceAway(str(error)) from error


def row(task: tasks.TaskRow) -> Row:
    """A task of the archive, as lists show it."""
    return Row(
        task_id=task.task_id,
        namespace=task.namespace,
        name=task.name,
        type=task.task_type,
        phase=task.phase,
        priority=task.priority,
        queue=task.queue,
        owner=task.submitted_by,
        submitted=task.submit_time,
        run=task.run,
        stage=task.stage,
        percent=task.percent,
        message=task.message,
        schedule=task.schedule,
        started=moment(task.start_time) if task.start_time is not None else None,
        ended=moment(task.end_time) if task.end_time is not None else None,
        item_errors=task.item_error_count,
        is_archived=True,
        word=task.task_status,
    )
