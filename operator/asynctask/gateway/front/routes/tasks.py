"""`/api/v1/tasks`: submit, list, look at, change, act on, delete."""

from typing import Any

from asynctask.gateway.front import matching, namespaces
from asynctask.gateway.front.calls import Call, Desk
from asynctask.gateway.front.idempotency import KeyReused
from asynctask.gateway.front.listing import ArchiveAway, InvalidCursor
from asynctask.gateway.front.operations import Answer, Operation
from asynctask.gateway.front.problems import BadRequest, InvalidField, NotFound, PreconditionFailed
from asynctask.gateway.front.refused import AlreadyThere, RefusedByCluster
from asynctask.gateway.front.tasks import details, rows
from asynctask.gateway.front.tasks.bulk import Failure, SelectionChanged, SelectionTooLarge
from asynctask.gateway.front.tasks.desk import RESOURCE, TaskArchived
from asynctask.gateway.front.tasks.filters import MAX_WIDE_LIMIT, TaskQuery
from asynctask.gateway.front.tasks.managing import Action, Outcome, TaskChanging, TaskEnded, Wish
from asynctask.gateway.front.tasks.models import (
    BulkAction,
    BulkFailure,
    BulkOutcome,
    Reason,
    Restart,
    TaskChange,
    TaskLine,
    TaskOutcome,
    TaskPage,
    TaskSubmission,
    TaskWhole,
)
from asynctask.gateway.front.tasks.office import Office
from asynctask.gateway.front.tasks.submitting import Submission

TAG = "tasks"
ONE = "/api/v1/tasks/{task_id}"
BULK_SECONDS = 120.0
ACTIONS: tuple[tuple[Action, str], ...] = (
    ("pause", "Pause: save a checkpoint, free the place"),
    ("resume", "Go on where it stopped"),
    ("cancel", "End the current run for good"),
)
ACTION_ERRORS = (NotFound, TaskEnded, TaskArchived, TaskChanging, PreconditionFailed, ArchiveAway)


def operations(_: Desk) -> tuple[Operation, ...]:
    """The operations on tasks."""
    routes = TaskRoutes()
    return (
        Operation(
            "GET",
            "/api/v1/tasks",
            "listTasks",
            "List tasks, newest first, live and archived",
            TAG,
            routes.page,
            query=TaskQuery,
            answer=TaskPage,
            errors=(InvalidCursor, ArchiveAway),
        ),
        Operation(
            "POST",
            "/api/v1/tasks",
            "createTask",
            "Submit a task",
            TAG,
            routes.create,
            body=TaskSubmission,
            answer=TaskWhole,
            status=201,
            errors=(InvalidField, AlreadyThere, KeyReused, RefusedByCluster),
            repeatable=True,
        ),
        Operation(
            "POST",
            "/api/v1/tasks/actions",
            "actOnTasks",
            "Do one thing to all live tasks that a filter takes",
            TAG,
            routes.bulk,
            body=BulkAction,
            answer=BulkOutcome,
            seconds=BULK_SECONDS,
            errors=(SelectionChanged, SelectionTooLarge),
            description="The first call, without a digest, counts the tasks and changes nothing. The second, with the "
            "digest that the first gave, does it to those very tasks, or to none if others match by then.",
        ),
        Operation(
            "GET",
            ONE,
            "getTask",
            "One task with all that is known of it",
            TAG,
            routes.get,
            answer=TaskWhole,
            errors=(NotFound, ArchiveAway),
        ),
        Operation(
            "PATCH",
            ONE,
            "changeTask",
            "Change a task's priority, suspension, queue or limits",
            TAG,
            routes.change,
            body=TaskChange,
            answer=TaskWhole,
            errors=ACTION_ERRORS,
            takes_version=True,
        ),
        Operation(
            "DELETE",
            ONE,
            "deleteTask",
            "Delete a task from the cluster; its history is kept",
            TAG,
            routes.delete,
            answer=TaskOutcome,
            errors=ACTION_ERRORS,
        ),
        *(
            Operation(
                "POST",
                f"{ONE}/{action}",
                f"{action}Task",
                summary,
                TAG,
                routes.action(action),
                body=Reason,
                body_optional=True,
                answer=TaskOutcome,
                errors=ACTION_ERRORS,
                takes_version=True,
            )
            for action, summary in ACTIONS
        ),
        Operation(
            "POST",
            f"{ONE}/restart",
            "restartTask",
            "Run it again, from the start or from a stage",
            TAG,
            routes.restart,
            body=Restart,
            body_optional=True,
            answer=TaskOutcome,
            errors=ACTION_ERRORS,
            takes_version=True,
        ),
    )


class TaskRoutes:
    """The handlers."""

    async def page(self, call: Call) -> dict[str, Any]:
        """A page."""
        query: TaskQuery = call.query
        limit = min(query.limit, MAX_WIDE_LIMIT) if query.wide else query.limit
        wanted = query.within(await call.namespaces("list", RESOURCE))
        page = await Office.of(call.desk).tasks.listing.page(wanted, query.cursor, limit)
        bodies = await Office.of(call.desk).tasks.bodies(page.rows) if query.wide else {}
        fields = frozenset(query.fields)
        items = [
            details.cells(row, bodies.get(row.task_id), fields) if fields else rows.shown(row) for row in page.rows
        ]
        answer: dict[str, Any] = {"items": items, "archive": page.archive}
        return answer | ({"nextCursor": page.next_cursor} if page.next_cursor else {})

    async def create(self, call: Call) -> Answer:
        """Submit."""
        body: TaskSubmission = call.body
        row = await Office.of(call.desk).submitting.submit(call, submission(call, body))
        found = await Office.of(call.desk).tasks.find(call, row.task_id)
        headers = {"Location": f"/api/v1/tasks/{row.task_id}", **matching.etag(found.version)}
        return Answer(details.whole(found.row, found.body), headers)

    async def get(self, call: Call) -> Answer:
        """One task."""
        found = await Office.of(call.desk).tasks.find(call, call.path["task_id"])
        return Answer(details.whole(found.row, found.body), matching.etag(found.version))

    async def change(self, call: Call) -> Answer:
        """Some fields of one."""
        body: TaskChange = call.body
        spec = body.model_dump(by_alias=True, exclude_unset=True, mode="json")
        if not spec:
            raise BadRequest
        found = await Office.of(call.desk).tasks.find_live(call, call.path["task_id"], "patch")
        changed = await Office.of(call.desk).managing.change(call, found, spec, matching.wanted(call))
        return Answer(details.whole(changed.row, changed.body), matching.etag(changed.version))

    async def delete(self, call: Call) -> TaskOutcome:
        """Take it out of the cluster."""
        return await self._act(call, Wish("delete"))

    def action(self, action: Action) -> Any:
        """The handler of an action with nothing but a reason."""

        async def act(call: Call) -> TaskOutcome:
            body: Reason | None = call.body
            return await self._act(call, Wish(action, body.reason if body else ""))

        return act

    async def restart(self, call: Call) -> TaskOutcome:
        """Run it again."""
        body: Restart = call.body or Restart()
        return await self._act(call, Wish("restart", body.reason, body.stage or ""))

    async def _act(self, call: Call, wish: Wish) -> TaskOutcome:
        outcome = await Office.of(call.desk).managing.act(call, call.path["task_id"], wish, matching.wanted(call))
        return _told(call, outcome)

    async def bulk(self, call: Call) -> BulkOutcome:
        """Count, or act."""
        body: BulkAction = call.body
        if body.action == "prioritize" and body.priority is None:
            raise InvalidField.of("priority", "Missing")
        wish = Wish(body.action, body.reason, body.stage or "", body.priority)
        wanted = body.filter.within(await self._may(call, body.action))
        await Office.of(call.desk).live.known()
        if body.digest is None:
            selection, failures = Office.of(call.desk).bulk.select(wanted, wish), list[Failure]()
        else:
            selection, failures = await Office.of(call.desk).bulk.act(call, wanted, wish, body.digest)
        return BulkOutcome(
            count=len(selection.rows) - len(failures),
            digest=selection.digest,
            done=body.digest is not None,
            sample=[TaskLine.model_validate(rows.shown(row)) for row in selection.rows[:20]],
            failures=[
                BulkFailure(task_id=failure.row.task_id, name=failure.row.name, code=failure.code)
                for failure in failures
            ],
        )

    async def _may(self, call: Call, action: Action) -> frozenset[str] | None:
        """Where the caller may list tasks and do this."""
        seen = await call.namespaces("list", RESOURCE)
        changed = await call.namespaces("delete" if action == "delete" else "patch", RESOURCE)
        if seen is None or changed is None:
            return changed if seen is None else seen
        return seen & changed


def submission(call: Call, body: TaskSubmission) -> Submission:
    """A task as its submitter wants it; only what was given, so that defaults stay the cluster's."""
    return Submission(
        namespace=body.namespace or namespaces.default(call),
        spec=body.spec.model_dump(by_alias=True, exclude_unset=True, mode="json"),
        name=body.name or "",
        labels=body.labels,
    )


def _told(call: Call, outcome: Outcome) -> TaskOutcome:
    return TaskOutcome(
        task_id=outcome.row.task_id,
        status=outcome.row.status,
        changed=outcome.changed,
        message=outcome.message(call),
    )
