"""What the routes of reviews work with, put together at the first call; and reviews as they are shown."""

import base64
import binascii
from typing import Any, Self

import orjson

from asynctask.adapters.archive import ArchiveUnavailable, reviews
from asynctask.adapters.archive.tables.columns import moment as sql_moment
from asynctask.adapters.reviewindex.views import Count, Rows, View
from asynctask.api.approval import Decision
from asynctask.core.reviews import decisions
from asynctask.core.reviews.filters import AGE_BOUNDS, DAY_NS, SIZE_BOUNDS, ItemFilter
from asynctask.gateway.front.calls import Call, Desk
from asynctask.gateway.front.listing import ArchiveAway, InvalidCursor
from asynctask.gateway.front.problems import InvalidField, NotFound, Refusal
from asynctask.gateway.front.reviewing import models
from asynctask.gateway.front.reviewing.deciding import Deciding
from asynctask.gateway.front.reviewing.gates import RESOURCE, Gate, Gates, iterate
from asynctask.gateway.front.reviewing.lists import Lists
from asynctask.gateway.front.reviewing.refusals import ListPreparing

PART = "reviews"
LOOKED_AT = 500
"""Reviews that one call looks at to fill a page; a page may be short of it, and yet have a next one."""
TOP_CLASSES = len(AGE_BOUNDS)


class Office:
    """One for each gateway."""

    def __init__(self, desk: Desk) -> None:
        self._now = desk.now
        self.gates = Gates(desk)
        self.lists = Lists(desk)
        self.deciding = Deciding(desk, self.gates, self.lists)

    @classmethod
    def of(cls, desk: Desk) -> Self:
        """That of this gateway."""
        if PART not in desk.parts:
            desk.parts[PART] = cls(desk)
        found: Self = desk.parts[PART]
        return found

    def audit(self, call: Call, gate: Gate, action: str, before: Any, after: Any) -> None:
        """Note a change of a list."""
        meta = gate.stage.metadata
        call.audit(
            action, namespace=meta.namespace, kind="Stage", name=meta.name, uid=meta.uid, before=before, after=after
        )

    # -- reviews

    async def page(self, call: Call, query: models.ReviewQuery) -> models.ReviewPage:
        """A page of reviews."""
        allowed = await call.namespaces("list", RESOURCE)
        asked = frozenset(query.namespace) or None
        namespaces = allowed if asked is None else asked if allowed is None else asked & allowed
        place = _place_of(query.cursor) if query.cursor else None
        found: list[models.ReviewRow] = []
        for looked, row in enumerate(iterate(self.gates.rows(namespaces), place)):
            if place and (len(found) == query.limit or looked == LOOKED_AT):
                return models.ReviewPage(items=tuple(found), next_cursor=_cursor_of(place))
            place = (row.created, row.uid)
            if query.state == ("waiting",) and row.is_over:
                continue
            gate = await self.gates.read(row)
            if gate is None or gate.state(self._now()) not in query.state:
                continue
            line = await self._line(call, gate)
            if line["may_decide"] or not query.mine:
                found.append(models.ReviewRow(**line))
        return models.ReviewPage(items=tuple(found))

    async def shown(self, call: Call, gate: Gate) -> models.ReviewWhole:
        """A review with all that is known of it."""
        approval, status = gate.approval, gate.stage.status
        tally = gate.tally(self._now())
        why_not = gate.why_not(call)
        single = [] if status.review is None else [status.review]
        told = [one for one in single if one.by and one.by not in {decision.by for decision in status.reviews}]
        return models.ReviewWhole(
            **await self._line(call, gate),
            object_name=gate.stage.metadata.name,
            outcome=decisions.in_words(approval, tally) or status.message,
            approvers=approval.approvers,
            separation_of_duties=approval.separation_of_duties,
            at_expiry=approval.at_expiry,
            why_not=why_not.code if why_not else None,
            decisions=tuple(Decision.model_validate(one.model_dump(by_alias=True)) for one in (*status.reviews, *told)),
            items=await self._items_state(gate) if approval.items else None,
        )

    async def _line(self, call: Call, gate: Gate) -> dict[str, Any]:
        spec, approval = gate.stage.spec, gate.approval
        tally, state = gate.tally(self._now()), gate.state(self._now())
        return {
            "id": gate.id,
            "namespace": gate.stage.metadata.namespace,
            "task_id": spec.task_uid,
            "task": spec.task_name,
            "stage": spec.template.name,
            "run": spec.run,
            "state": state,
            "title": spec.template.title,
            "message": approval.message,
            "create_time": gate.began,
            "expire_time": tally.due,
            "quorum": approval.quorum,
            "approvals": len(tally.approvals),
            "has_items": approval.items is not None,
            "may_decide": state == "waiting" and await self.gates.may_decide(call, gate),
        }

    async def _items_state(self, gate: Gate) -> models.ReviewItemsState:
        try:
            sheet = await self.lists.sheet(gate)
        except ListPreparing as refusal:
            return models.ReviewItemsState(state="preparing", code=refusal.code, problem=str(refusal))
        except Refusal as refusal:
            return models.ReviewItemsState(state="unusable", code=refusal.code, problem=str(refusal))
        return models.ReviewItemsState(state="ready", version=sheet.state.version, totals=sheet.totals)

    # -- lists

    async def items(self, call: Call, query: models.ItemsQuery) -> models.ReviewItemPage:
        """A page of a list."""
        if query.cursor and query.fraction is not None:
            raise InvalidField.of("fraction", "InvalidValue", problem="either a cursor or a fraction")
        place = _item_place(query.cursor) if query.cursor else None
        sheet = await self.lists.sheet(await self.gates.find(call, call.path["review_id"]))
        if place is not None and place >= max(1, sheet.state.items):
            raise InvalidCursor

        def ask(view: View) -> Rows:
            return view.page(
                query.wanted(),
                query.sort,
                descending=query.order == "desc",
                limit=query.limit,
                place=place,
                fraction=query.fraction,
            )

        rows = await self.lists.ask(sheet, ask)
        struck = sheet.view.struck
        return models.ReviewItemPage(
            items=tuple(
                models.ReviewItem(
                    id=item.row,
                    path=item.path,
                    size=item.size,
                    time=models.moment(item.time),
                    type=item.type,
                    decision="strike" if struck[item.row] else "keep",
                )
                for item in rows.items
            ),
            total=rows.total,
            offset=rows.offset,
            next_cursor=None if rows.next is None else str(rows.next),
            version=sheet.state.version,
        )

    async def item(self, call: Call, item_id: str) -> dict[str, Any]:
        """One item's line, with its id and what was decided on it."""
        sheet = await self.lists.sheet(await self.gates.find(call, call.path["review_id"]))
        row = int(item_id) if item_id.isascii() and item_id.isdecimal() and len(item_id) < 12 else -1
        if not 0 <= row < sheet.state.items:
            raise NotFound
        line = await self.lists.ask(sheet, lambda view: view.index.line(row))
        return {**orjson.loads(line), "id": row, "decision": "strike" if sheet.view.struck[row] else "keep"}

    async def facets(self, call: Call, query: models.FacetsQuery) -> models.Facets:
        """Counts."""
        sheet = await self.lists.sheet(await self.gates.find(call, call.path["review_id"]))
        wanted = query.wanted()
        return await self.lists.ask(sheet, lambda view: _facets(view, wanted, query))

    async def log(self, call: Call, query: models.OperationsQuery) -> models.OperationLog:
        """What was done to a list."""
        gate = await self.gates.find(call, call.path["review_id"])
        try:
            async with self.lists.archive.read() as connection:
                found = await reviews.operations(connection, gate.id, limit=query.limit, before=query.before)
        except ArchiveUnavailable as error:
            raise ArchiveAway(retry_after=5) from error
        return models.OperationLog(
            items=tuple(
                models.OperationLine(
                    number=one.number,
                    time=sql_moment(one.time),
                    by=one.caller,
                    action=one.action,
                    changed=models.Amount(items=one.items, bytes=one.item_bytes),
                    undone=one.is_undone,
                    selection=one.selection,
                )
                for one in found
            )
        )


def _facets(view: View, wanted: ItemFilter, query: models.FacetsQuery) -> models.Facets:
    found: dict[str, Any] = {"matched": _tally(view.count(wanted)), "version": view.version}
    if "type" in query.by:
        groups = sorted(view.groups(wanted, "type").items(), key=lambda pair: -pair[1].bytes)
        found["types"] = tuple(
            models.TypeFacet(type=view.index.types[number], **_tally(count)) for number, count in groups[: query.top]
        )
        found["other_types"] = _rest([count for _, count in groups[query.top :]])
    if "size" in query.by:
        found["sizes"] = tuple(
            models.SizeFacet(
                min_size=SIZE_BOUNDS[number - 1] if number else 0,
                max_size=SIZE_BOUNDS[number] - 1 if number < len(SIZE_BOUNDS) else None,
                **_tally(count),
            )
            for number, count in sorted(view.groups(wanted, "size").items())
        )
    if "age" in query.by:
        groups = sorted(view.groups(wanted, "age").items(), reverse=True)
        found["ages"] = tuple(_age(view, TOP_CLASSES - number, count) for number, count in groups)
    if "folder" in query.by:
        folders, here = view.folders(wanted, wanted.folder)
        ordered = sorted(folders, key=lambda one: -one.count.bytes)
        prefix = f"{wanted.folder}/" if wanted.folder else ""
        found["folders"] = tuple(
            models.FolderFacet(name=one.name, folder=prefix + one.name, **_tally(one.count))
            for one in ordered[: query.top]
        )
        found["other_folders"] = _rest([one.count for one in ordered[query.top :]])
        found["here"] = _tally(here)
    return models.Facets(**found)


def _age(view: View, older: int, count: Count) -> models.AgeFacet:
    """A class of ages, from 0 for the youngest."""
    least = AGE_BOUNDS[older - 1] if older else 0
    most = AGE_BOUNDS[older] if older < len(AGE_BOUNDS) else None
    return models.AgeFacet(
        min_days=least,
        max_days=most,
        changed_since=None if most is None else models.moment(view.index.now - most * DAY_NS),
        changed_until=models.moment(view.index.now - least * DAY_NS) if least else None,
        **_tally(count),
    )


def _tally(count: Count) -> dict[str, int]:
    return {
        "items": count.items,
        "bytes": count.bytes,
        "struck_items": count.struck,
        "struck_bytes": count.struck_bytes,
    }


def _rest(counts: list[Count]) -> dict[str, int] | None:
    if not counts:
        return None
    return _tally(
        Count(
            sum(one.items for one in counts),
            sum(one.bytes for one in counts),
            sum(one.struck for one in counts),
            sum(one.struck_bytes for one in counts),
        )
    )


def _cursor_of(place: tuple[int, str]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(place)).decode().rstrip("=")


def _place_of(cursor: str) -> tuple[int, str]:
    try:
        created, uid = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, TypeError):
        raise InvalidCursor from None
    if not isinstance(created, int) or not isinstance(uid, str):
        raise InvalidCursor
    return created, uid


def _item_place(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 12):
        raise InvalidCursor
    return int(cursor)
