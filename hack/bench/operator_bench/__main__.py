"""The command line."""

import argparse
import asyncio
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import orjson

from asynctask.adapters.cluster import ApiError
from lib import machine
from localcluster import ClusterError

from . import backlog, report, runs, schedules
from .backlog import Backlog
from .runs import Run
from .schedules import Due
from .shapes import Shape
from .stand import ROOT, Stand

EPILOG = """
what is measured
  at-once    N one-stage and N/2 two-stage tasks submitted at once, against as many bare Jobs and pairs of chained Jobs
  in-flight  the same with 50 in flight: the end of one submits the next
  idle       the same with 1 and with 5 in flight: latencies of a cluster that has time
  schedules  500 TaskSchedules due in the same second: until their tasks are there, run and are done
  backlog    10,000 tasks in a queue that lets one run: memory, idle cost, hand-over, kill -9 and restart

  Pods are simulated (kwok) and end at once, so everything seen is the cost of control. Runs of tasks and of bare Jobs
  alternate; before each the operator is started anew as `python -m asynctask.controller`, with default settings.
  Writes are deltas of the API server's own apiserver_request_total; CPU times are the kernel's, per process; latencies
  are taken where watch events arrive. "Other load" is what processes outside the benchmark used meanwhile: throughput
  and latencies mean little when it is above 0.1; writes and, roughly, CPU per task hold.

examples
  hack/bench/operator --quick                           a minute or two; fails if something does not work
  hack/bench/operator --json results.json               everything, about 40 minutes
  hack/bench/operator --only at-once,in-flight --repeats 5
  hack/bench/operator --only backlog --python /opt/asynctask/bin/python      memory without development packages
"""
PARTS = ("at-once", "in-flight", "idle", "schedules", "backlog")


@dataclass
class Results:
    """Everything measured so far."""

    conditions: dict[str, str]
    runs: dict[str, list[Run]] = field(default_factory=dict)
    due: list[Due] = field(default_factory=list)
    backlog: Backlog | None = None

    def as_json(self) -> dict[str, Any]:
        """For a file."""
        return {
            "conditions": self.conditions,
            "runs": {part: [run.as_json() for run in those] for part, those in self.runs.items()},
            "schedules": [due.as_json() for due in self.due],
            "backlog": self.backlog.as_json() if self.backlog else None,
        }

    def print(self) -> None:
        """For people."""
        print("\n" + "\n".join(f"* {name}: {value}" for name, value in self.conditions.items()))
        for part, those in self.runs.items():
            for title, make in report.TABLES.items():
                print(f"\n### {part}: {title}\n\n{make(those)}")
        if self.due:
            print(f"\n### schedules\n\n{report.schedules(self.due)}")
        if self.backlog:
            print(f"\n### backlog\n\n{report.backlog(self.backlog)}")


async def measure(options: argparse.Namespace, results: Results, save: Any) -> None:
    """All parts that were asked for, each repeat on a fresh cluster when it is ours."""
    stand = Stand(options.cluster or "bench", own=not options.cluster, python=options.python, logs=options.logs)
    loads = {"at-once": (0,), "in-flight": (options.in_flight,), "idle": (1, 5)}
    for repeat in range(options.repeats):
        for part in [part for part in options.only if part in loads]:
            await stand.renew()
            for in_flight in loads[part]:
                for shape in _alternating(repeat):
                    count = options.idle_tasks if part == "idle" else options.tasks
                    count = max(1, count // shape.steps)
                    print(f"[{repeat + 1}/{options.repeats}] {part}: {count} × {shape.label}", end="", flush=True)
                    one = await runs.run(stand, shape, count, in_flight)
                    results.runs.setdefault(part, []).append(one)
                    print(f": {one.per_minute:,.0f} a minute, other load {one.cost.other_cores:.2f} cores", flush=True)
                    save()
                    if one.failed:
                        raise RuntimeError(f"tasks failed: {one.failed[:5]}")
        if "schedules" in options.only:
            await stand.renew()
            print(f"[{repeat + 1}/{options.repeats}] {options.schedules} schedules due at once", flush=True)
            results.due.append(await schedules.run(stand, options.schedules))
            save()
    if "backlog" in options.only:
        await stand.renew()
        results.backlog = Backlog(options.backlog)
        try:
            await backlog.run(stand, results.backlog, lambda text: print(f"backlog: {text}", flush=True))
        finally:
            save()
    if not options.keep:
        stand.down()


def _alternating(repeat: int) -> list[Shape]:
    """Tasks first in every other repeat, so that neither always has the younger cluster."""
    pairs = [[Shape("jobs", steps), Shape("task", steps)] for steps in (1, 2)]
    return [shape for pair in pairs for shape in (pair if repeat % 2 == 0 else pair[::-1])]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="hack/bench/operator",
        description="What the operator costs and how fast it is, against bare Jobs on the same cluster.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="few items, one run each: does it work at all")
    parser.add_argument("--only", default=",".join(PARTS), metavar="PARTS", help=f"some of {', '.join(PARTS)}")
    parser.add_argument("--tasks", type=int, default=300, help="one-stage tasks of a run (default 300)")
    parser.add_argument("--in-flight", type=int, default=50, help="for in-flight (default 50)")
    parser.add_argument("--idle-tasks", type=int, default=200, help="one-stage tasks of an idle run (default 200)")
    parser.add_argument("--schedules", type=int, default=500, help="schedules due at once (default 500)")
    parser.add_argument("--backlog", type=int, default=10_000, help="queued tasks (default 10000)")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each kind (default 3)")
    parser.add_argument("--cluster", metavar="NAME", help=(
        "use this local cluster of the load profile and leave it running; default: a cluster `bench` of its own, fresh"
        " for every repeat, and gone at the end"
    ))  # fmt: skip
    parser.add_argument("--keep", action="store_true", help="leave the benchmark's own cluster running")
    parser.add_argument(
        "--python", type=Path, default=Path(sys.executable), help="interpreter to run the operator with"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured there, after every run")
    parser.add_argument("--logs", type=Path, default=Path(gettempdir()) / "asynctask-bench", help="the operator's log")
    options = parser.parse_args()
    options.only = options.only.split(",")
    if unknown := set(options.only) - set(PARTS):
        parser.error(f"no part {', '.join(unknown)}; there are: {', '.join(PARTS)}")
    if options.quick:
        options.tasks, options.idle_tasks, options.schedules, options.backlog, options.repeats = 40, 10, 20, 100, 1
    return options


def main() -> int:
    """Measure and report."""
    options = _options()
    results = Results(machine.conditions(revision=_revision(), kubernetes="1.36.3, etcd without fsync, kwok pods"))

    def save() -> None:
        if options.json:
            options.json.write_bytes(orjson.dumps(results.as_json(), option=orjson.OPT_INDENT_2))

    try:
        asyncio.run(measure(options, results, save))
    except (ClusterError, ApiError, RuntimeError, TimeoutError) as trouble:
        print(f"\nerror: {trouble!r}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; what was measured so far:", file=sys.stderr)
    results.print()
    return 0


def _revision() -> str:
    git = shutil.which("git")
    if git is None:
        return "unknown"
    command = [git, "-C", str(ROOT), "describe", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


if __name__ == "__main__":
    raise SystemExit(main())
