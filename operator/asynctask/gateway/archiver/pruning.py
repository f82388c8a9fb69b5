"""Deletes what is too old, in the background of the gateway that leads."""

import asyncio
from datetime import UTC, datetime, timedelta

import structlog

from asynctask.adapters.archive import Archive, ArchiveError, retention
from asynctask.adapters.archive.tables.columns import micros
from asynctask.gateway.archiver.measures import Measures
from asynctask.settings import GatewaySettings

log = structlog.get_logger("archive")
ROUND_SECONDS = 3600.0
PAUSE_SECONDS = 0.2
"""Between batches, so that pruning years of history takes hours and disturbs nobody."""
RETRY_SECONDS = 60.0


def cutoffs(settings: GatewaySettings, now: datetime) -> dict[str, int]:
    """Before when things go, by rule; rules that keep all are left out."""
    days = {retention.TASKS: settings.archive_retention_days, retention.AUDIT: settings.audit_retention_days}
    return {rule: micros(now - timedelta(days=kept)) for rule, kept in days.items() if kept}


async def keep(archive: Archive, settings: GatewaySettings, measures: Measures) -> None:
    """Prune now and every hour, until cancelled."""
    while True:
        pause = ROUND_SECONDS
        try:
            while done := await retention.prune(archive, cutoffs(settings, datetime.now(UTC))):
                for table, rows in done.items():
                    measures.pruned.labels(table).inc(rows)
                await asyncio.sleep(PAUSE_SECONDS)
        except ArchiveError as error:
            log.warning("pruning goes on later", error=str(error)[:300])
            pause = RETRY_SECONDS
        await asyncio.sleep(pause)
