"""`hack/bench/gateway`: submits, then pages."""

import argparse
import asyncio
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from archive_bench.estate import Year
from archive_bench.stands import Stand
from lib import figures, machine

from . import pages, stand, submits

EPILOG = """\
submits: clients of /submit_task, one request each at a time, on a control plane of their own; then the API server is
         asked for every task that was answered with 200
pages:   GET /api/v1/tasks with a million archived tasks (filled once, as hack/bench/archive does) and those that were
         submitted before, from the request to the last byte
hack/bench/gateway streams … measures clients of the event stream
hack/bench/gateway reviews … measures the review of a list of a million items"""


def main() -> int:
    """Measure and print."""
    options = _options()
    found = asyncio.run(_measure(options))
    print(json.dumps(found, indent=2) if options.json else _report(found))
    return 1 if found["submits"]["lost"] else 0


async def _measure(options: argparse.Namespace) -> dict[str, Any]:
    archive, year = Stand(options.archive, options.directory), Year(options.tasks)
    wants_pages = options.only != "submits"
    listed: list[pages.Answer] = []
    if wants_pages:
        archive.start()
    try:
        if wants_pages:
            await archive.fill(year)
        async with (
            stand.control_plane(options.cluster) as (local, cluster),
            stand.gateway(local, cluster, archive.url if wants_pages else "") as gateway,
        ):
            load = f"{os.getloadavg()[0]:.1f}"
            submitted = await submits.measure(gateway, cluster, clients=options.clients, seconds=options.seconds)
            if wants_pages:
                listed = await pages.measure(gateway, options.calls)
            peak = round(gateway.peak_mib, 1)
    finally:
        if wants_pages:
            archive.stop()
    conditions = machine.conditions(archive=options.archive, tasks=f"{options.tasks:,}", load=load)
    pages_found = [asdict(answer) for answer in listed]
    return {"conditions": conditions, "submits": asdict(submitted), "pages": pages_found, "gateway_peak_mib": peak}


def _report(found: dict[str, Any]) -> str:
    conditions = "\n".join(f"* {name}: {value}" for name, value in found["conditions"].items())
    submitted = figures.table(["submits", ""], [(name, str(value)) for name, value in found["submits"].items()])
    lines = [
        (each["question"], str(each["rows"]), f"{each['p50']} / {each['p99']} / {each['most']}")
        for each in found["pages"]
    ]
    listed = figures.table(["list", "rows", "p50 / p99 / max ms"], lines)
    return f"{conditions}\n* gateway, at most: {found['gateway_peak_mib']} MiB\n\n{submitted}\n\n{listed}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("hack/bench/gateway", epilog=EPILOG, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cluster", default="gateway-bench", help="name of the control plane that is made")
    parser.add_argument("--only", choices=("submits", "all"), default="all")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--tasks", type=int, default=1_000_000, help="in the archive")
    parser.add_argument("--archive", choices=("sqlite", "postgresql", "mysql"), default="sqlite")
    parser.add_argument("--calls", type=int, default=100, help="per list")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--directory", type=Path, default=Path(f"/var/tmp/asynctask-bench-{os.getuid()}"))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
