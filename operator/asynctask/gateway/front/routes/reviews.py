"""`/api/v1/reviews`: what waits for people, lists that are reviewed item by item, approve and reject."""

from typing import Any

from asynctask.gateway.front import matching
from asynctask.gateway.front.calls import Call, Desk
from asynctask.gateway.front.cursors import NoArchive
from asynctask.gateway.front.listing import ArchiveAway, InvalidCursor
from asynctask.gateway.front.operations import Answer, Operation
from asynctask.gateway.front.problems import Forbidden, NotFound, PreconditionFailed
from asynctask.gateway.front.refused import PreconditionRequired
from asynctask.gateway.front.reviewing import models, refusals
from asynctask.gateway.front.reviewing.office import Office

TAG = "reviews"
ONE = "/api/v1/reviews/{review_id}"
LIST_SECONDS = 60.0
NOT_ALLOWED = (NotFound, Forbidden, refusals.NotAnApprover, refusals.ReviewOver)
LIST_ERRORS = (
    NotFound, ArchiveAway, refusals.NoItems, NoArchive, refusals.ListMissing, refusals.ListUnusable,
    refusals.ListChanged, refusals.ListPreparing,
)  # fmt: skip
CHANGE_ERRORS = (*NOT_ALLOWED, *LIST_ERRORS[1:], PreconditionFailed)
APPROVE_ERRORS = (
    *CHANGE_ERRORS, PreconditionRequired, refusals.OwnSubmission, refusals.SubmitterUnknown,
    refusals.TooManyDecisions, refusals.NoRoomForList,
)  # fmt: skip


def operations(_: Desk) -> tuple[Operation, ...]:
    """The operations on reviews."""
    routes = ReviewRoutes()
    return (*_of_reviews(routes), *_of_lists(routes))


def _of_reviews(routes: "ReviewRoutes") -> tuple[Operation, ...]:
    return (
        Operation(
            "GET",
            "/api/v1/reviews",
            "listReviews",
            "List what waits for a decision, newest first",
            TAG,
            routes.page,
            query=models.ReviewQuery,
            answer=models.ReviewPage,
            errors=(InvalidCursor,),
        ),
        Operation(
            "GET",
            ONE,
            "getReview",
            "One review: how it stands, who decided, what is left of its list",
            TAG,
            routes.get,
            answer=models.ReviewWhole,
            errors=(NotFound,),
            seconds=LIST_SECONDS,
        ),
        Operation(
            "POST",
            f"{ONE}/approve",
            "approveReview",
            "Approve; of a list, what is left of it",
            TAG,
            routes.approve,
            body=models.Approval,
            body_optional=True,
            answer=models.ReviewWhole,
            errors=APPROVE_ERRORS,
            seconds=LIST_SECONDS,
            description="A review of items asks for If-Match: the ETag of the list as the caller has seen it. What is "
            "left of the list then is stored as an artifact that nobody changes, and the next stage gets exactly that.",
            takes_version=True,
        ),
        Operation(
            "POST",
            f"{ONE}/reject",
            "rejectReview",
            "Reject: the task ends as failed",
            TAG,
            routes.reject,
            body=models.Approval,
            body_optional=True,
            answer=models.ReviewWhole,
            errors=(*NOT_ALLOWED, refusals.TooManyDecisions),
        ),
    )


def _of_lists(routes: "ReviewRoutes") -> tuple[Operation, ...]:
    return (
        Operation(
            "GET",
            f"{ONE}/items",
            "listReviewItems",
            "A page of a list",
            TAG,
            routes.items,
            query=models.ItemsQuery,
            answer=models.ReviewItemPage,
            errors=(*LIST_ERRORS, InvalidCursor),
            seconds=LIST_SECONDS,
        ),
        Operation(
            "GET",
            f"{ONE}/items/{{item_id}}",
            "getReviewItem",
            "One item, with all that its line in the list says",
            TAG,
            routes.item,
            answer=dict[str, Any],
            errors=LIST_ERRORS,
            seconds=LIST_SECONDS,
        ),
        Operation(
            "GET",
            f"{ONE}/facets",
            "getReviewFacets",
            "Count items by folder, size, age and type",
            TAG,
            routes.facets,
            query=models.FacetsQuery,
            answer=models.Facets,
            errors=LIST_ERRORS,
            seconds=LIST_SECONDS,
        ),
        Operation(
            "POST",
            f"{ONE}/selections",
            "selectReviewItems",
            "Strike items off, or keep them after all",
            TAG,
            routes.select,
            body=models.Selection,
            answer=models.Selected,
            errors=CHANGE_ERRORS,
            seconds=LIST_SECONDS,
            takes_version=True,
        ),
        Operation(
            "POST",
            f"{ONE}/undo",
            "undoReviewSelection",
            "Take the newest change of a list back",
            TAG,
            routes.undo,
            answer=models.Selected,
            errors=(*CHANGE_ERRORS, refusals.NothingToUndo),
            seconds=LIST_SECONDS,
            takes_version=True,
        ),
        Operation(
            "GET",
            f"{ONE}/operations",
            "listReviewOperations",
            "What was done to a list, newest first",
            TAG,
            routes.log,
            query=models.OperationsQuery,
            answer=models.OperationLog,
            errors=(NotFound, ArchiveAway, NoArchive),
        ),
    )


class ReviewRoutes:
    """The handlers."""

    async def page(self, call: Call) -> models.ReviewPage:
        """A page of reviews."""
        return await Office.of(call.desk).page(call, call.query)

    async def get(self, call: Call) -> Answer:
        """One review."""
        office = Office.of(call.desk)
        return await self._shown(call, await office.gates.find(call, call.path["review_id"]))

    async def approve(self, call: Call) -> Answer:
        """Approve."""
        body: models.Approval = call.body or models.Approval()
        decided = await Office.of(call.desk).deciding.approve(call, call.path["review_id"], body.message)
        return await self._shown(call, decided)

    async def reject(self, call: Call) -> Answer:
        """Reject."""
        body: models.Approval = call.body or models.Approval()
        decided = await Office.of(call.desk).deciding.reject(call, call.path["review_id"], body.message)
        return await self._shown(call, decided)

    async def items(self, call: Call) -> Answer:
        """A page of items."""
        page = await Office.of(call.desk).items(call, call.query)
        return Answer(page, matching.etag(str(page.version)))

    async def item(self, call: Call) -> dict[str, Any]:
        """One item."""
        return await Office.of(call.desk).item(call, call.path["item_id"])

    async def facets(self, call: Call) -> Answer:
        """Counts."""
        found = await Office.of(call.desk).facets(call, call.query)
        return Answer(found, matching.etag(str(found.version)))

    async def select(self, call: Call) -> Answer:
        """Strike or keep."""
        body: models.Selection = call.body
        office = Office.of(call.desk)
        gate = await office.gates.find_open(call, call.path["review_id"], approving=False)
        selected, sheet = await office.lists.select(gate, body, call.caller.name, matching.wanted(call))
        if selected.operation is not None:
            asked = body.model_dump(by_alias=True, mode="json", exclude_unset=True, exclude={"ids"})
            after = {**asked, "changed": selected.changed.model_dump(), "version": selected.version}
            office.audit(call, gate, "selectReviewItems", {"version": sheet.state.version}, after)
        return Answer(selected, matching.etag(str(selected.version)))

    async def undo(self, call: Call) -> Answer:
        """Take back."""
        office = Office.of(call.desk)
        gate = await office.gates.find_open(call, call.path["review_id"], approving=False)
        selected, undone = await office.lists.undo(gate, matching.wanted(call), call.once)
        before = {"operation": undone.number, "by": undone.caller}
        office.audit(call, gate, "undoReviewSelection", before, {"version": selected.version})
        return Answer(selected, matching.etag(str(selected.version)))

    async def log(self, call: Call) -> models.OperationLog:
        """What was done."""
        return await Office.of(call.desk).log(call, call.query)

    async def _shown(self, call: Call, gate: Any) -> Answer:
        shown = await Office.of(call.desk).shown(call, gate)
        version = shown.items.version if shown.items else None
        return Answer(shown, matching.etag("" if version is None else str(version)))
