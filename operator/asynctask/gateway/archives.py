"""Brings the archive's tables to this release, once its database can be reached."""

import asyncio

import structlog

from asynctask.adapters.archive import Archive, ArchiveError

RETRY_SECONDS = 3.0

log = structlog.get_logger("archive")


async def prepare(archive: Archive) -> None:
    """Returns once the archive can be used."""
    said = ""
    while not archive.is_ready:
        try:
            await archive.upgrade()
        except ArchiveError as error:
            if said != str(error):
                log.error("the archive can't be used yet", code=error.code, error=str(error))  # noqa: TRY400 - it says all
            said = str(error)
            await asyncio.sleep(RETRY_SECONDS)
    log.info("the archive is ready", database=archive.dialect)
