"""The command line."""

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path
from time import perf_counter

from asynctask.adapters.archive import open_archive
from lib import figures, machine

from .estate import Year
from .questions import QUESTIONS, Answer, ask
from .stands import Stand

EPILOG = """
what is done
  A year of tasks is put into SQLite, PostgreSQL and MariaDB of their own (hack/servers), once; they are kept in
  --directory for the next time. Then each question of the task centre is asked --calls times, one after the other, of
  the list as the API asks it: first pages and pages from anywhere in the year, every filter alone, filters together,
  rare values, texts. Times are what a caller waits, driver and SQLAlchemy included, HTTP not.
  "short" counts pages that ended before they were full because their time was up: reading on finds the rest.

examples
  hack/bench/archive --fill                    fill only; some minutes
  hack/bench/archive                           fill what is missing, and measure
  hack/bench/archive --quick                   20,000 tasks: fails if a page takes longer than the bar
"""
DIALECTS = ("sqlite", "postgresql", "mysql")
BAR_MS = 50.0


def main() -> int:
    """Fill, measure, print; 1 when a page missed the bar."""
    options = _options()
    year = Year(20_000 if options.quick else options.tasks, 200 if options.quick else 5_000)
    results = {dialect: asyncio.run(_measure(dialect, year, options)) for dialect in options.only}
    if options.fill:
        return 0
    if options.json:
        print(json.dumps({name: [vars(answer) for answer in answers] for name, answers in results.items()}, indent=2))
    else:
        print(_report(year, results))
    slow = [answer for answers in results.values() for answer in answers if answer.p99 > BAR_MS]
    for answer in slow:
        print(f"bench: over {BAR_MS:.0f} ms: {answer}", file=sys.stderr)
    return bool(slow)


async def _measure(dialect: str, year: Year, options: argparse.Namespace) -> list[Answer]:
    stand = Stand(dialect, options.directory)
    stand.start()
    try:
        begun = perf_counter()
        if await stand.fill(year):
            print(f"bench: {dialect}: filled in {perf_counter() - begun:.0f} s", file=sys.stderr)
        print(f"bench: {dialect}: {stand.size() / 2**30:.1f} GiB", file=sys.stderr)
        if options.fill:
            return []
        async with open_archive(stand.url) as archive:
            await archive.upgrade()  # it may have been filled by a release before
            return [await ask(archive, question, year, options.calls) for question in QUESTIONS]
    finally:
        stand.stop()


def _report(year: Year, results: dict[str, list[Answer]]) -> str:
    header = ["question", *(f"{dialect}: p50 / p99 / max ms, short" for dialect in results)]
    rows = [
        [answers[0].question, *(f"{a.p50:.1f} / {a.p99:.1f} / {a.most:.1f}, {a.short}" for a in answers)]
        for answers in zip(*results.values(), strict=True)
    ]
    conditions = machine.conditions(tasks=f"{year.tasks:,}", load=f"{os.getloadavg()[0]:.1f}")
    said = "\n".join(f"* {name}: {value}" for name, value in conditions.items())
    return f"{said}\n\n{figures.table(header, rows)}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("hack/bench/archive", epilog=EPILOG, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tasks", type=int, default=1_000_000)
    parser.add_argument("--calls", type=int, default=200, help="per question")
    parser.add_argument("--only", nargs="+", choices=DIALECTS, default=DIALECTS)
    parser.add_argument("--fill", action="store_true", help="fill only")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--directory", type=Path, default=Path(f"/var/tmp/asynctask-bench-{os.getuid()}"))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
