"""What is sent and answered about reviews."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from asynctask.api.approval import MAX_DECISIONS, Approvers, Decision
from asynctask.api.base import Count, Message, Text
from asynctask.core.reviews.filters import ItemFilter, Sort, folder_of
from asynctask.gateway.front.fields import FieldProblem
from asynctask.gateway.front.models import Camel, Namespace
from asynctask.gateway.front.tasks.filters import Split, split

State = Literal["waiting", "approved", "rejected", "expired", "cancelled"]
Order = Literal["asc", "desc"]
Facet = Literal["type", "size", "age", "folder"]
Kept = Literal["keep", "strike"]
MAX_ITEMS = 500
MAX_IDS = 10_000
Folder = Annotated[str, Field(max_length=4096)]
Type = Annotated[str, Field(max_length=12)]
Row = Annotated[int, Field(ge=0, le=2**32)]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ReviewQuery(Camel):
    """Which reviews, and which page of them."""

    namespace: Annotated[tuple[Namespace, ...], Split, Field(max_length=50)] = ()
    """Namespaces."""
    state: Annotated[tuple[State, ...], Split, Field(max_length=5)] = ("waiting",)
    """How they stand."""
    mine: bool = False
    """Only those that the caller may decide on."""
    limit: Annotated[int, Field(ge=1, le=100)] = 50
    """Rows of a page."""
    cursor: Annotated[str, Field(max_length=200)] = ""
    """Where the page begins: `nextCursor` of the page before."""


class ReviewRow(Camel):
    """A review, as lists show it."""

    id: str
    """Of the review: the Stage's uid."""
    namespace: str
    task_id: str
    """The task's uid."""
    task: str
    """The task's name."""
    stage: str
    """The stage's name within the task."""
    run: int
    state: State
    title: Text
    """What people see."""
    message: Text
    """What is to be decided."""
    create_time: datetime
    """Since when it waits."""
    expire_time: datetime | None = None
    """Until when people may decide."""
    quorum: int
    """How many people must approve."""
    approvals: int
    """How many have."""
    has_items: bool
    """Whether a list is reviewed item by item."""
    may_decide: bool
    """Whether the caller may approve and reject."""


class ReviewPage(Camel):
    """Reviews, the newest first."""

    items: tuple[ReviewRow, ...]
    next_cursor: str | None = None


class Amount(Camel):
    """Items and their bytes."""

    items: Count = 0
    bytes: Count = 0


class Totals(Camel):
    """What has become of a list so far."""

    total: Amount
    """All of it."""
    struck: Amount
    """What was struck off."""
    remaining: Amount
    """What would be approved now."""


class ReviewItemsState(Camel):
    """The list of a review."""

    state: Literal["ready", "preparing", "unusable"]
    code: str | None = None
    """Why it can't be reviewed, for programs."""
    problem: str | None = None
    """And for people."""
    version: int | None = None
    """Grows with each change; the ETag."""
    totals: Totals | None = None


class ReviewWhole(ReviewRow):
    """A review with all that is known of it."""

    object_name: str
    """The Stage object."""
    outcome: str
    """How it stands, in a sentence."""
    approvers: Approvers | None = None
    """Who may decide; absent: whoever has the right to."""
    separation_of_duties: bool
    at_expiry: Literal["Reject", "Approve"]
    why_not: str | None = None
    """Why the caller may not approve: a code."""
    decisions: Annotated[tuple[Decision, ...], Field(max_length=MAX_DECISIONS + 1)] = ()
    """What people decided."""
    items: ReviewItemsState | None = None
    """The list, of a review of items."""


class Approval(Camel):
    """A decision's words."""

    message: Message = ""
    """Why; kept with the decision."""


class ItemsFilter(Camel):
    """Which items of a list. What is left out asks for nothing."""

    folder: Folder = ""
    """Everything below this folder."""
    text: Annotated[str, Field(max_length=200)] = ""
    """Part of the path, in upper or lower case."""
    type: Annotated[tuple[Type, ...], Split, Field(max_length=50)] = ()
    """Endings of names, in lower case and without the dot; an empty one for names without."""
    min_size: Count | None = None
    """At least so many bytes."""
    max_size: Count | None = None
    """At most so many bytes."""
    changed_since: datetime | None = None
    """Of this time or later."""
    changed_until: datetime | None = None
    """Before this time."""
    decision: Literal["keep", "strike"] | None = None
    """Only what was struck off, or what was not."""

    @model_validator(mode="after")
    def _times_have_zones(self) -> "ItemsFilter":
        for time in (self.changed_since, self.changed_until):
            if time is not None and (time.tzinfo is None or not 1700 <= time.year < 2200):
                raise FieldProblem("InvalidTime")
        return self

    def wanted(self) -> ItemFilter:
        """As the list is asked."""
        return ItemFilter(
            folder=folder_of(self.folder),
            text=self.text.casefold(),
            types=frozenset(ending.lower() for ending in self.type),
            min_size=self.min_size,
            max_size=self.max_size,
            from_time=nanoseconds(self.changed_since),
            before_time=nanoseconds(self.changed_until),
            struck=None if self.decision is None else self.decision == "strike",
        )


class ItemsQuery(ItemsFilter):
    """A page of a list."""

    sort: Sort = "path"
    """What it is sorted by."""
    order: Order = "asc"
    """Small, young and A first, or the other way round."""
    limit: Annotated[int, Field(ge=1, le=MAX_ITEMS)] = 100
    """Rows of a page."""
    cursor: Annotated[str, Field(max_length=100)] = ""
    """Where the page begins: `nextCursor` of the page before."""
    fraction: Annotated[float, Field(ge=0, le=1)] | None = None
    """Where the page begins, from 0 for the top to 1 for the end: for a scroll bar. Not with `cursor`."""


class ReviewItem(Camel):
    """An item of a list."""

    id: int
    """Within the review."""
    path: str
    size: int
    time: datetime
    """What its age counts from."""
    type: str
    """The ending of its name."""
    decision: Kept


class ReviewItemPage(Camel):
    """A page of a list."""

    items: tuple[ReviewItem, ...]
    total: int
    """Rows that the filter takes."""
    offset: int
    """Rows before this page."""
    next_cursor: str | None = None
    version: int
    """Of the review."""


class Tally(Camel):
    """Items and bytes that a filter takes, and how much of that is struck off."""

    items: int
    bytes: int
    struck_items: int
    struck_bytes: int


class TypeFacet(Tally):
    """Items by the ending of their names."""

    type: str


class SizeFacet(Tally):
    """Items of a class of sizes."""

    min_size: int
    max_size: int | None = None
    """The largest; absent: any."""


class AgeFacet(Tally):
    """Items of a class of ages."""

    min_days: int
    max_days: int | None = None
    """Younger than this; absent: any age."""
    changed_since: datetime | None = None
    """The same as a filter."""
    changed_until: datetime | None = None


class FolderFacet(Tally):
    """Items below a folder."""

    name: str
    folder: str
    """The same as a filter."""


class Facets(Camel):
    """What a filter takes, counted in several ways."""

    matched: Tally
    """All of it."""
    types: tuple[TypeFacet, ...] | None = None
    """Most bytes first; the rest are under `otherTypes`."""
    other_types: Tally | None = None
    sizes: tuple[SizeFacet, ...] | None = None
    ages: tuple[AgeFacet, ...] | None = None
    folders: tuple[FolderFacet, ...] | None = None
    """Right below the filter's folder, most bytes first; the rest are under `otherFolders`."""
    other_folders: Tally | None = None
    here: Tally | None = None
    """In that folder itself."""
    version: int


def _given(value: Any) -> Any:
    """`by=` with nothing behind it asks for nothing."""
    found = split(value)
    return tuple(item for item in found if item != "") if isinstance(found, tuple) else found


class FacetsQuery(ItemsFilter):
    """Which items are counted, and by what."""

    by: Annotated[tuple[Facet, ...], BeforeValidator(_given), Field(max_length=4)] = ("type", "size", "age", "folder")
    """By what; nothing but the sum when it is empty."""
    top: Annotated[int, Field(ge=1, le=1000)] = 100
    """Types, and folders, that are told one by one."""


class ItemRange(Camel):
    """From one item to another as they stand in an order, both with them."""

    from_id: Row
    to_id: Row
    sort: Sort = "path"


class Selection(Camel):
    """What is to be struck off a list, or kept after all: items for which all holds that is given."""

    action: Kept
    ids: Annotated[tuple[Row, ...], Field(min_length=1, max_length=MAX_IDS)] | None = None
    """These items."""
    range: ItemRange | None = None
    """From one item to another."""
    filter: ItemsFilter | None = None
    """All that a filter takes; an empty one takes everything."""
    dry_run: bool = False
    """Only say how much it would change."""

    @model_validator(mode="after")
    def _says_what(self) -> "Selection":
        if self.ids is None and self.range is None and self.filter is None:
            raise FieldProblem("Missing")
        return self


class Selected(Camel):
    """What was done to a list."""

    operation: int | None = None
    """Its number; absent when nothing was changed."""
    matched: int
    """Items that were meant."""
    changed: Amount
    """Those of them that were not so already."""
    totals: Totals
    version: int


class OperationsQuery(Camel):
    """A page of what was done."""

    limit: Annotated[int, Field(ge=1, le=100)] = 50
    before: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    """Only what was done before this one."""


class OperationLine(Camel):
    """Something that was done to a list."""

    number: int
    time: datetime
    by: str
    action: Kept
    changed: Amount
    undone: bool
    selection: dict[str, object]
    """As it was asked for."""


class OperationLog(Camel):
    """What was done to a list, the newest first."""

    items: tuple[OperationLine, ...]


def nanoseconds(time: datetime | None) -> int | None:
    """A time as lists have it."""
    if time is None:
        return None
    since = time - EPOCH
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000


def moment(time: int) -> datetime:
    """A time of a list, as far as it can be said."""
    seconds, rest = divmod(max(min(time, 7 * 10**18), -7 * 10**18), 10**9)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)
