"""The interface that existing NAS applications call: `/submit_task`, `/query_task`, and what they do to tasks."""

from typing import Any

from asynctask.gateway.front import bodies, namespaces
from asynctask.gateway.front.calls import Call, Desk
from asynctask.gateway.front.idempotency import KeyReused
from asynctask.gateway.front.listing import ArchiveAway, InvalidCursor
from asynctask.gateway.front.operations import Operation
from asynctask.gateway.front.problems import BadRequest, FieldError, InvalidField, InvalidJson, NotFound
from asynctask.gateway.front.refused import RefusedByCluster
from asynctask.gateway.front.tasks import nas
from asynctask.gateway.front.tasks.desk import RESOURCE, TaskArchived
from asynctask.gateway.front.tasks.managing import Action, TaskChanging, TaskEnded, Wish
from asynctask.gateway.front.tasks.nas import (
    Done,
    OneTask,
    PriorityOrder,
    QueryTask,
    RestartOrder,
    SubmitTask,
    Submitted,
    TaskOrder,
    TaskReport,
    TaskReports,
)
from asynctask.gateway.front.tasks.office import Office
from asynctask.gateway.front.tasks.submitting import Submission

TAG = "nas"
ACTIONS: tuple[tuple[Action, str], ...] = (
    ("pause", "Pause a task"),
    ("resume", "Resume a task"),
    ("cancel", "End a task's current run for good"),
)
ACTION_ERRORS = (NotFound, TaskEnded, TaskArchived, TaskChanging, ArchiveAway)


def operations(_: Desk) -> tuple[Operation, ...]:
    """The operations of existing NAS applications."""
    routes = NasRoutes()
    return (
        Operation(
            "POST",
            "/submit_task",
            "submitTask",
            "Submit a task",
            TAG,
            routes.submit,
            body=SubmitTask,
            answer=Submitted,
            errors=(InvalidField, InvalidJson, KeyReused, RefusedByCluster),
            repeatable=True,
        ),
        Operation(
            "GET",
            "/query_task",
            "queryTask",
            "One task by its id, or a page of those that match",
            TAG,
            routes.query,
            query=QueryTask,
            answer=TaskReport | TaskReports,
            errors=(NotFound, InvalidCursor, ArchiveAway),
        ),
        *(
            Operation(
                "PUT",
                f"/{action}_task",
                f"nas{action.capitalize()}Task",
                summary,
                TAG,
                routes.order(action),
                query=OneTask,
                body=TaskOrder,
                body_optional=True,
                answer=Done,
                errors=ACTION_ERRORS,
            )
            for action, summary in ACTIONS
        ),
        Operation(
            "PUT",
            "/restart_task",
            "nasRestartTask",
            "Run a task again, from the start or from a stage",
            TAG,
            routes.order("restart"),
            query=OneTask,
            body=RestartOrder,
            body_optional=True,
            answer=Done,
            errors=ACTION_ERRORS,
        ),
        Operation(
            "PUT",
            "/change_priority",
            "nasChangePriority",
            "Give a task another priority",
            TAG,
            routes.prioritize,
            body=PriorityOrder,
            answer=Done,
            errors=ACTION_ERRORS,
        ),
        Operation(
            "DELETE",
            "/delete_task",
            "nasDeleteTask",
            "Delete a task; its history is kept",
            TAG,
            routes.order("delete"),
            query=OneTask,
            answer=Done,
            errors=ACTION_ERRORS,
        ),
    )


class NasRoutes:
    """The handlers."""

    async def submit(self, call: Call) -> Submitted:
        """Hand a task over."""
        body: SubmitTask = call.body
        spec: dict[str, Any] = {"type": body.task_type, "config": _config(body.task_config)}
        if body.priority is not None:
            spec["priority"] = body.priority
        if body.queue is not None:
            spec["queueName"] = body.queue
        namespace = body.namespace or namespaces.default(call)
        row = await Office.of(call.desk).submitting.submit(call, Submission(namespace, spec, names=nas.NAMES))
        return Submitted(task_id=row.task_id)

    async def query(self, call: Call) -> dict[str, Any]:
        """One task, or a page."""
        query: QueryTask = call.query
        if query.task_id is not None:
            found = await Office.of(call.desk).tasks.find(call, query.task_id)
            return nas.report(found.row, dict(found.body))
        wanted = query.within(await call.namespaces("list", RESOURCE))
        page = await Office.of(call.desk).tasks.listing.page(wanted, query.cursor, query.page_size)
        found_bodies = await Office.of(call.desk).tasks.bodies(page.rows)
        tasks = [nas.report(row, dict(found_bodies[row.task_id])) for row in page.rows if row.task_id in found_bodies]
        answer: dict[str, Any] = {"tasks": tasks, "archive": page.archive}
        return answer | ({"next_cursor": page.next_cursor} if page.next_cursor else {})

    def order(self, action: Action) -> Any:
        """The handler of an action."""

        async def act(call: Call) -> Done:
            query: OneTask = call.query
            body: TaskOrder = call.body or TaskOrder()
            task_id = body.task_id or query.task_id
            if task_id is None:
                raise InvalidField.of("task_id", "Missing")
            if body.task_id and query.task_id and body.task_id != query.task_id:
                raise InvalidField.of("task_id", "DuplicateField")
            stage = body.stage if isinstance(body, RestartOrder) else None
            return await self._act(call, task_id, Wish(action, body.reason or query.reason or "", stage or ""))

        return act

    async def prioritize(self, call: Call) -> Done:
        """Another priority."""
        body: PriorityOrder = call.body
        return await self._act(call, body.task_id, Wish("prioritize", priority=body.priority))

    async def _act(self, call: Call, task_id: str, wish: Wish) -> Done:
        outcome = await Office.of(call.desk).managing.act(call, task_id, wish)
        return Done(task_id=outcome.row.task_id, status=outcome.row.status, message=outcome.message(call))


def _config(given: Any) -> dict[str, Any]:
    """The config, whichever way it was sent. Raises InvalidField."""
    value = given
    if isinstance(given, str):
        try:
            value = bodies.loads(given.encode())
        except InvalidField as error:
            inner = (FieldError(f"task_config.{part.field}", part.code, part.params) for part in error.errors)
            raise InvalidField(*inner) from None
        except BadRequest as error:
            raise InvalidField.of("task_config", error.code, **error.params) from None
    if not isinstance(value, dict):
        raise InvalidField.of("task_config", "WrongType", expected="an object")
    return value
