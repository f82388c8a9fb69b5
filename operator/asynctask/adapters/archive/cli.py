"""`asynctask-archive`: looks after the archive's database. The URL comes from `--url` or ASYNCTASK_ARCHIVE_URL."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from asynctask.adapters.archive import retention, schema, transfer
from asynctask.adapters.archive.engine import Archive, open_archive
from asynctask.adapters.archive.errors import ArchiveError
from asynctask.adapters.archive.tables.columns import micros

USAGE = """\
  upgrade          make the tables, or bring them to this release
  check            say whether the tables are this release's; exits 1 when not
  backup FILE      write a back-up (gzip), while the gateway works
  restore FILE     read a back-up into an empty database, of any kind
  prune            delete what is older than --days (tasks) and --audit-days now, rather than bit by bit"""


def main(arguments: Sequence[str] | None = None) -> int:
    """The entry point; the exit code."""
    parser = argparse.ArgumentParser(
        "asynctask-archive", description=USAGE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("verb", choices=("upgrade", "check", "backup", "restore", "prune"))
    parser.add_argument("file", nargs="?", type=Path, help="of backup and restore")
    known = os.environ.get("ASYNCTASK_ARCHIVE_URL", "")
    parser.add_argument("--url", default=known, help="others on the machine can see it; better in the environment")
    parser.add_argument("--days", type=int, default=0, help="of prune: tasks that left the cluster this long ago")
    parser.add_argument("--audit-days", type=int, default=0, help="of prune: records this old")
    given = parser.parse_args(arguments)
    if not given.url:
        parser.error("no URL; set ASYNCTASK_ARCHIVE_URL or give --url")
    if given.verb in {"backup", "restore"} and not given.file:
        parser.error(f"{given.verb} wants a file")
    try:
        asyncio.run(_run(given))
    except (ArchiveError, OSError) as error:
        code = error.code if isinstance(error, ArchiveError) else "FileTrouble"
        sys.stderr.write(f"asynctask-archive: {code}: {error}\n")
        return 1
    return 0


async def _run(given: argparse.Namespace) -> None:
    async with open_archive(given.url) as archive:
        match given.verb:
            case "upgrade":
                done = await archive.upgrade()
                _say(f"{'brought to' if done else 'is of'} version {schema.newest()}")
            case "check":
                await archive.check()
                _say(f"well: version {schema.newest()} at {archive.address}")
            case "backup":
                await archive.check()
                rows = await transfer.backup(archive, given.file, lambda table, rows: _say(f"{table}: {rows}"))
                _say(
                    f"{rows} rows in {given.file}; try it: asynctask-archive restore {given.file} --url sqlite:////tmp/t.db"
                )
            case "restore":
                rows = await transfer.restore(archive, given.file, lambda table, rows: _say(f"{table}: {rows}"))
                _say(f"{rows} rows restored; the tables are of version {schema.newest()}")
            case "prune":
                await archive.check()
                await _prune(archive, given.days, given.audit_days)


async def _prune(archive: Archive, days: int, audit_days: int) -> None:
    now, wanted = datetime.now(UTC), {retention.TASKS: days, retention.AUDIT: audit_days}
    cutoffs = {rule: micros(now - timedelta(days=kept)) for rule, kept in wanted.items() if kept > 0}
    total: dict[str, int] = {}
    while done := await retention.prune(archive, cutoffs):
        for table, rows in done.items():
            total[table] = total.get(table, 0) + rows
    _say(", ".join(f"{table}: {rows} deleted" for table, rows in total.items()) or "nothing is that old")


def _say(line: str) -> None:
    sys.stdout.write(f"asynctask-archive: {line}\n")
