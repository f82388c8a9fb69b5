"""How fast file-backup copies, verifies and resumes, against cp, rsync and rclone."""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lib import figures, machine
from mover_bench import cases, tools
from mover_bench.cases import Bench

CASES = ("small", "big", "again", "resume")
TITLES = {
    "small": "{files:,} files of {file_bytes} bytes",
    "big": "one file of {big_bytes:,} bytes",
    "again": "second run over the {files:,} files, nothing changed",
    "resume": "the big file again after SIGKILL at half; ratio to the tool's own full run",
}


def main() -> int:
    """Measure, print a table per case; with ``--json`` one object instead."""
    options = _options()
    sizes = cases.QUICK if options.quick else cases.FULL
    if options.big_megabytes:
        sizes = replace(sizes, big_bytes=options.big_megabytes << 20)
    chosen, left_out = tools.available()
    folder = Path(tempfile.mkdtemp(prefix="mover-bench-", dir=options.folder))
    try:
        bench = Bench(folder, cold=not options.quick)
        cases.make_small(folder / "small", sizes)
        cases.make_big(folder / "big", sizes)
        times = _measure(bench, options.case or CASES, chosen, options.runs)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    report: dict[str, Any] = {
        "conditions": machine.conditions(
            cache="cold, programs warm" if bench.is_cold else "warm",
            runs=str(options.runs),
            time="includes sync -f",
        ),
        "versions": {tool.name: tool.version for tool in chosen},
        "leftOut": left_out,
        "sizes": vars(sizes),
        "seconds": times,
        "ratios": _ratios(times),
    }
    print(json.dumps(report, indent=2) if options.json else _text(report))
    return 0


Times = dict[str, dict[str, list[float]]]
"""Seconds of each run, by case and tool."""


def _measure(bench: Bench, names: Sequence[str], chosen: list[tools.Tool], runs: int) -> Times:
    """Seconds by case and tool; the tools take turns, so that a slow minute of the machine hits all of them."""
    times: Times = {}
    for name in names:
        source = bench.folder / ("small" if name in ("small", "again") else "big")
        measure = {"again": bench.again, "resume": bench.resume}.get(name, bench.fresh)
        for run in range(runs):
            for tool in chosen:
                if name in ("again", "resume") and tool.name == "rsync, then -c":
                    continue
                seconds = measure(tool, source)
                times.setdefault(name, {}).setdefault(tool.name, []).append(round(seconds, 3))
                print(f"bench: {name} {run + 1}/{runs} {tool.name} {seconds:.2f} s", file=sys.stderr)
    return times


def _ratios(times: Times) -> dict[str, dict[str, float]]:
    """Median to the median of `cp -a`; of a resume to the tool's own full run."""
    ratios: dict[str, dict[str, float]] = {}
    for name, found in times.items():
        for tool, seconds in found.items():
            base = times.get("big", {}).get(tool) if name == "resume" else found.get("cp -a")
            if base:
                ratios.setdefault(name, {})[tool] = round(statistics.median(seconds) / statistics.median(base), 2)
    return ratios


def _text(report: dict[str, Any]) -> str:
    parts = [", ".join(f"{key}: {value}" for key, value in report["conditions"].items())]
    parts += [f"left out: {line}" for line in report["leftOut"]]
    for name, found in report["seconds"].items():
        ratios = report["ratios"].get(name, {})
        rows = [
            (tool, report["versions"][tool], figures.spread(seconds, 2), str(ratios.get(tool, "–")))
            for tool, seconds in found.items()
        ]
        title = TITLES[name].format(**report["sizes"])
        parts.append(f"\n{title}\n\n" + figures.table(("tool", "version", "seconds", "ratio"), rows))
    return "\n".join(parts)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="hack/bench/mover", description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="times each is measured (default 3)")
    parser.add_argument("--case", action="append", choices=CASES, help="only this one; may be repeated")
    parser.add_argument("--big-megabytes", type=int, help="size of the big file in MiB (default 4096)")
    parser.add_argument("--folder", help="where to work: 9 GB of room on the file system to be measured")
    parser.add_argument("--quick", action="store_true", help="small sizes and a warm cache, to see that it works")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    return parser.parse_args()


raise SystemExit(main())
