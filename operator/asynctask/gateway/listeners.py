"""Who else wants to hear what stages report: the archive of failed items, the event stream, the logs.

They are set once at start; a gateway without an archive or without the API has fewer.
"""

from dataclasses import dataclass

from asynctask.gateway.front.stream.hub import Hub
from asynctask.gateway.itemledger import ItemLedger
from asynctask.gateway.live import LiveStage
from asynctask.gateway.messages import Complete, Report


@dataclass
class Listeners:
    """Told of each report that was taken in."""

    items: ItemLedger | None = None
    stream: Hub | None = None

    async def told(self, live: LiveStage, attempt: int, message: Report | Complete) -> None:
        """A pod that has the stage has said this."""
        spec = live.spec
        if message.progress and self.stream:
            known = message.progress.stored().model_dump(exclude_none=True, exclude_defaults=True)
            self.stream.progress(spec.task_uid, spec.template.name, spec.run, attempt, known)
        if message.item_errors and self.items:
            await self.items.keep(live, attempt, message.item_errors)
