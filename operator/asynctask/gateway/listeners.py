"""Who else wants to hear what stages report: the archive of failed items, the event stream, the logs.

They are set once at start; a gateway without an archive or without the API has fewer.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from asynctask.adapters.archive.tables.columns import micros
from asynctask.adapters.artifacts import Owner
from asynctask.adapters.stagelogs.files import Attempt
from asynctask.gateway.front.stream.hub import Hub
from asynctask.gateway.itemledger import ItemLedger
from asynctask.gateway.limits import Buckets
from asynctask.gateway.live import LiveStage
from asynctask.gateway.logs.book import LogBook, reported
from asynctask.gateway.messages import MAX_LOG_LINES, Complete, LogLine, Report

LINES_PER_SECOND = 100.0
"""Of one stage, over time."""
LINES_AT_ONCE = 2_000.0


@dataclass
class Listeners:
    """Told of each report that was taken in."""

    items: ItemLedger | None = None
    stream: Hub | None = None
    book: LogBook | None = None
    _rates: Buckets = field(default_factory=lambda: Buckets(LINES_PER_SECOND, LINES_AT_ONCE))

    async def told(self, live: LiveStage, attempt: int, message: Report | Complete) -> None:
        """A pod that has the stage has said this."""
        spec = live.spec
        if isinstance(message, Report) and message.log and self.book:
            self._keep_lines(live, attempt, message.log, self.book)
        if message.progress and self.stream:
            known = message.progress.stored().model_dump(exclude_none=True, exclude_defaults=True)
            self.stream.progress(spec.task_uid, spec.template.name, spec.run, attempt, known)
        if message.item_errors and self.items:
            await self.items.keep(live, attempt, message.item_errors)

    def _keep_lines(self, live: LiveStage, attempt: int, lines: tuple[LogLine, ...], book: LogBook) -> None:
        spec = live.spec
        owner = Owner(spec.task_uid, live.namespace, spec.task_name)
        where = Attempt(spec.task_uid, spec.run, spec.template.name, attempt)
        taken = [line for line in lines[:MAX_LOG_LINES] if not self._rates.take(live.recorded.uid)]
        told = [(line.time, line.level.lower(), line.message) for line in taken]
        reported(book, owner, where, told, "sdk", micros(datetime.now(UTC)), lost=len(lines) - len(taken))
