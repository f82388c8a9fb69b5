"""Lists under review: made ready once, asked from then on, changed version by version.

Every replica of the gateway works alone: the index is a function of the list, and what is struck off is in SQL.
"""

import asyncio
import sys
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import structlog

from asynctask.adapters.archive import Archive, ArchiveUnavailable, reviews
from asynctask.adapters.archive.reviews import NextState, ReviewOperation, ReviewState, StaleReview
from asynctask.adapters.archive.tables.columns import micros
from asynctask.adapters.artifacts import ArtifactTooLarge, Owner
from asynctask.adapters.reviewindex import Index
from asynctask.adapters.reviewindex.__main__ import INVALID
from asynctask.adapters.reviewindex.views import Memory, View
from asynctask.api.approval import ItemList, ReviewItems
from asynctask.core.reviews import masks
from asynctask.core.reviews.masks import Mask
from asynctask.gateway.front.calls import Desk
from asynctask.gateway.front.cursors import NoArchive
from asynctask.gateway.front.listing import ArchiveAway
from asynctask.gateway.front.problems import PreconditionFailed, Refusal, Unavailable
from asynctask.gateway.front.reviewing import models
from asynctask.gateway.front.reviewing.gates import Gate, source_run
from asynctask.gateway.front.reviewing.refusals import (
    ListChanged,
    ListMissing,
    ListPreparing,
    ListUnusable,
    NoItems,
    NoRoomForList,
    NothingToUndo,
)

MAX_ITEMS = 5_000_000
OPEN_ROWS = 3_000_000
"""Rows of the lists that are kept open; each takes some 30 bytes of memory once all of it was asked about."""
PREPARE_SECONDS = 10.0
"""A call waits so long for a list to be made ready; a million items take about that."""
AT_ONCE = 2
"""Questions that are worked on at once: more would only take turns."""
TRIES = 8

log = structlog.get_logger("api")
T = TypeVar("T")


@dataclass(frozen=True)
class Sheet:
    """A list and what is struck off it, at one version."""

    gate: Gate
    state: ReviewState
    view: View

    @property
    def totals(self) -> models.Totals:
        """What has become of it so far."""
        return totals(self.state)


class Lists:
    """The lists of all reviews."""

    def __init__(self, desk: Desk) -> None:
        self._archive = desk.archive
        self._artifacts = desk.artifacts
        self._now = desk.now
        self._open: OrderedDict[str, Index] = OrderedDict()
        self._building: dict[str, asyncio.Task[None]] = {}
        self._states: OrderedDict[str, tuple[ReviewState, Mask]] = OrderedDict()
        self._memory = Memory()
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def sheet(self, gate: Gate, version: str = "") -> Sheet:
        """A review's list as it is now. With a version only that one, else PreconditionFailed."""
        index = await self._index(gate)
        archive = self.archive
        try:
            state, struck = await self._state(archive, gate, index)
        except ArchiveUnavailable as error:
            raise ArchiveAway(retry_after=5) from error
        if state.list_digest != index.digest or state.items != index.items:
            raise ListChanged
        if version and version != str(state.version):
            raise PreconditionFailed
        return Sheet(gate, state, View(index, struck, gate.id, state.version, self._memory))

    async def ask(self, sheet: Sheet, question: Callable[[View], T]) -> T:
        """Put a question to a list, in a thread."""
        async with self._turns:
            try:
                return await asyncio.to_thread(question, sheet.view)
            except OSError as error:
                log.warning("a list under review can't be read", review=sheet.gate.id, error=str(error))
                self._open.pop(sheet.gate.id, None)
                raise Unavailable(retry_after=2) from error

    async def select(
        self, gate: Gate, selection: models.Selection, caller: str, version: str
    ) -> tuple[models.Selected, Sheet]:
        """Strike items off, or keep them after all. Raises PreconditionFailed when it is another version by now."""
        for _ in range(TRIES):
            sheet = await self.sheet(gate, version)
            step = await self.ask(sheet, lambda view: _step(view, selection))
            if selection.dry_run or not step.changed.items:
                return _selected(None, step, sheet.state), sheet
            operation = ReviewOperation(
                review_id=gate.id,
                number=0,
                time=micros(self._now()),
                caller=caller,
                action=selection.action,
                selection=selection.model_dump(by_alias=True, mode="json", exclude_unset=True),
                items=step.changed.items,
                item_bytes=step.changed.bytes,
                changed_rows=step.packed_change,
            )
            try:
                async with self.archive.begin() as transaction:
                    done = await reviews.change(transaction, sheet.state.version, self._next(step), operation)
            except StaleReview:
                continue  # somebody else was faster: look again at what is left to do
            except ArchiveUnavailable as error:
                raise ArchiveAway(retry_after=5) from error
            after = self._remember(sheet, step)
            return _selected(done.number, step, after), sheet
        raise PreconditionFailed

    async def undo(self, gate: Gate, version: str, once: str) -> tuple[models.Selected, ReviewOperation]:
        """Take the newest operation back, one under each name. Raises NothingToUndo and PreconditionFailed."""
        for _ in range(TRIES):
            try:
                async with self.archive.read() as connection:
                    if made := await reviews.undone(connection, gate.id, once):
                        return _undone(made, (await self.sheet(gate)).state), made
            except ArchiveUnavailable as error:
                raise ArchiveAway(retry_after=5) from error
            sheet = await self.sheet(gate, version)
            try:
                async with self.archive.read() as connection:
                    last = await reviews.undoable(connection, gate.id)
                if last is None or last.changed_rows is None:
                    raise NothingToUndo
                change = last.changed_rows
                step = await self.ask(sheet, lambda view: _flip(view, masks.unpack(change)))  # noqa: B023
                async with self.archive.begin() as transaction:
                    await reviews.undo(transaction, sheet.state.version, self._next(step), last, once)
            except StaleReview:
                continue
            except ArchiveUnavailable as error:
                raise ArchiveAway(retry_after=5) from error
            return _selected(last.number, step, self._remember(sheet, step)), last
        raise PreconditionFailed

    async def freeze(self, gate: Gate, version: str) -> ReviewItems:
        """Store what is left of a list at a version as an artifact that nobody changes any more.

        Raises PreconditionFailed when it is another version by then.
        """
        sheet = await self.sheet(gate, version)
        spec, state = gate.stage.spec, sheet.state
        digest = await self.ask(sheet, _digest)
        name = f"{spec.template.name}-approved-{digest[:16]}.jsonl"
        path = self._artifacts.path(spec.task_uid, spec.run, name)
        if not await asyncio.to_thread(path.is_file):
            owner = Owner(spec.task_uid, gate.stage.metadata.namespace, spec.task_name)
            try:
                await self._artifacts.put(owner, spec.run, name, _blocks(sheet.view))
            except ArtifactTooLarge as error:
                raise NoRoomForList(problem=str(error)) from None
            except OSError as error:
                raise NoRoomForList(problem=error.strerror or "the disk") from error
        try:
            async with self.archive.begin() as transaction:
                await reviews.freeze(transaction, gate.id, state.version, name, f"sha256:{digest}")
        except StaleReview:
            raise PreconditionFailed from None
        except ArchiveUnavailable as error:
            raise ArchiveAway(retry_after=5) from error
        return ReviewItems(
            artifact=name,
            digest=f"sha256:{digest}",
            total=state.items,
            approved=state.items - state.struck,
            struck=state.struck,
            bytes=state.total_bytes - state.struck_bytes,
        )

    async def forget(self, gate: Gate, frozen: ReviewItems) -> None:
        """Remove an approved list that another took the place of."""
        spec = gate.stage.spec
        path = self._artifacts.path(spec.task_uid, spec.run, frozen.artifact)
        if frozen.artifact.startswith(f"{spec.template.name}-approved-"):
            await asyncio.to_thread(path.unlink, missing_ok=True)

    @property
    def archive(self) -> Archive:
        """The archive. Raises NoArchive."""
        if self._archive is None:
            raise NoArchive
        return self._archive

    # -- the index

    async def _index(self, gate: Gate) -> Index:
        known = self._open.get(gate.id)
        if known is not None:
            self._open.move_to_end(gate.id)
            return known
        items = gate.approval.items
        if items is None:
            raise NoItems
        directory = self._artifacts.root / gate.stage.spec.task_uid / "reviews" / gate.id
        if not await asyncio.to_thread((directory / "meta.json").is_file):
            await self._prepared(gate, items, directory)
        index = await asyncio.to_thread(Index, directory)
        self._open[gate.id] = index
        while len(self._open) > 1 and sum(one.items for one in self._open.values()) > OPEN_ROWS:
            self._open.popitem(last=False)  # who still reads it keeps it; its files close with it
        return index

    async def _prepared(self, gate: Gate, items: ItemList, directory: Path) -> None:
        building = self._building.get(gate.id)
        if building is None:
            source = self._artifacts.path(gate.stage.spec.task_uid, source_run(gate.stage, items.stage), items.artifact)
            if not await asyncio.to_thread(source.is_file):
                raise ListMissing(artifact=items.artifact)
            building = self._building.get(gate.id) or asyncio.create_task(_build(source, directory, gate))
            self._building[gate.id] = building
        done, _ = await asyncio.wait([building], timeout=PREPARE_SECONDS)
        if not done:
            raise ListPreparing(retry_after=1)
        self._building.pop(gate.id, None)
        await building

    # -- the state

    async def _state(self, archive: Archive, gate: Gate, index: Index) -> tuple[ReviewState, Mask]:
        async with archive.read() as connection:
            version = await reviews.version(connection, gate.id)
            known = self._states.get(gate.id)
            if known and version == known[0].version:
                self._states.move_to_end(gate.id)
                return known
            state = await reviews.load(connection, gate.id) if version is not None else None
        if state is None:
            state = await self._begin(archive, gate, index)
        return self._keep(state, await asyncio.to_thread(masks.unpack, state.struck_rows))

    async def _begin(self, archive: Archive, gate: Gate, index: Index) -> ReviewState:
        now = micros(self._now())
        state = ReviewState(
            review_id=gate.id,
            task_id=gate.stage.spec.task_uid,
            namespace=gate.stage.metadata.namespace,
            list_digest=index.digest,
            items=index.items,
            total_bytes=index.bytes,
            struck_rows=masks.pack(masks.nothing(index.items)),
            create_time=now,
            update_time=now,
        )
        async with archive.begin() as transaction:
            await reviews.begin(transaction, state)
        async with archive.read() as connection:
            return await reviews.load(connection, gate.id) or state

    def _keep(self, state: ReviewState, struck: Mask) -> tuple[ReviewState, Mask]:
        self._states[state.review_id] = (state, struck)
        self._states.move_to_end(state.review_id)
        while len(self._states) > 1 and sum(one.items for one, _ in self._states.values()) > OPEN_ROWS:
            self._states.popitem(last=False)
        return state, struck

    def _next(self, step: "Step") -> NextState:
        return NextState(step.packed, step.struck.items, step.struck.bytes, micros(self._now()))

    def _remember(self, sheet: Sheet, step: "Step") -> ReviewState:
        state = ReviewState(
            **{
                **sheet.state.__dict__,
                "version": sheet.state.version + 1,
                "struck_rows": step.packed,
                "struck": step.struck.items,
                "struck_bytes": step.struck.bytes,
            }
        )
        return self._keep(state, step.mask)[0]


@dataclass(frozen=True)
class Step:
    """What a change of a list comes to."""

    mask: Mask
    """What is struck off then."""
    packed: bytes
    packed_change: bytes
    matched: int
    changed: models.Amount
    struck: models.Amount


def totals(state: ReviewState) -> models.Totals:
    """What has become of a list."""
    return models.Totals(
        total=models.Amount(items=state.items, bytes=state.total_bytes),
        struck=models.Amount(items=state.struck, bytes=state.struck_bytes),
        remaining=models.Amount(items=state.items - state.struck, bytes=state.total_bytes - state.struck_bytes),
    )


def _selected(operation: int | None, step: Step, state: ReviewState) -> models.Selected:
    return models.Selected(
        operation=operation,
        matched=step.matched,
        changed=step.changed,
        totals=totals(state),
        version=state.version,
    )


def _undone(made: ReviewOperation, state: ReviewState) -> models.Selected:
    changed = models.Amount(items=made.items, bytes=made.item_bytes)
    return models.Selected(
        operation=made.number, matched=made.items, changed=changed, totals=totals(state), version=state.version
    )


def _step(view: View, selection: models.Selection) -> Step:
    size = view.index.items
    wanted = selection.filter.wanted() if selection.filter else models.ItemsFilter().wanted()
    if selection.range:
        ends = selection.range
        if max(ends.from_id, ends.to_id) >= size:
            found = masks.nothing(size)
        else:
            found = view.between(wanted, ends.sort, ends.from_id, ends.to_id)
    else:
        found = view.mask(wanted) or masks.everything(size)
    if selection.ids is not None:
        found = masks.both(found, masks.of(size, [row for row in selection.ids if row < size]))
    change = masks.without(found, view.struck) if selection.action == "strike" else masks.both(found, view.struck)
    return _changed(view, change, masks.count(found))


def _flip(view: View, change: Mask) -> Step:
    return _changed(view, change, masks.count(change))


def _changed(view: View, change: Mask, matched: int) -> Step:
    sizes = view.index.column("sizes")
    mask = masks.differ(view.struck, change)
    return Step(
        mask=mask,
        packed=masks.pack(mask),
        packed_change=masks.pack(change),
        matched=matched,
        changed=models.Amount(items=masks.count(change), bytes=masks.weight(change, sizes)),
        struck=models.Amount(items=masks.count(mask), bytes=masks.weight(mask, sizes)),
    )


def _digest(view: View) -> str:
    found = sha256()
    for block in view.index.kept_lines(view.struck):
        found.update(block)
    return found.hexdigest()


async def _blocks(view: View) -> AsyncIterator[bytes]:
    blocks = iter(view.index.kept_lines(view.struck))
    while (block := await asyncio.to_thread(next, blocks, None)) is not None:
        yield block


async def _build(source: Path, directory: Path, gate: Gate) -> None:
    """Make the index in a process of its own. Raises ListUnusable and Unavailable."""
    now = int(gate.began.timestamp()) * 10**9
    command = ("-m", "asynctask.adapters.reviewindex", str(source), str(directory), str(now), str(MAX_ITEMS))
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    try:
        _, errors = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode == INVALID:
        raise ListUnusable(problem=errors.decode(errors="replace").strip()[:500])
    if process.returncode:
        log.error("a list could not be made ready", review=gate.id, error=errors.decode(errors="replace")[-2000:])
        refusal: Refusal = Unavailable(retry_after=5)
        raise refusal
    log.info("a list is ready for review", review=gate.id)
